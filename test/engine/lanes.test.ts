import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunResult } from '../../src/engine/api.js';
import { lanesFor, Lanes } from '../../src/engine/lane/lanes.js';
import { openLocal } from '../../src/engine/local/index.js';
import type { LocalCache } from '../../src/engine/local/cache.js';
import type { Base, Passed } from '../../src/engine/local/pass.js';
import { loadModel } from '../../src/model/load.js';
import { resolveModel } from '../../src/model/catalog.js';
import { packageRoot } from '../../src/paths.js';
import { patchable } from '../../src/run/verify/patching.js';

const lane = join(packageRoot(), 'dist', 'lane.cjs');
const TOKENS = 300;

/** Numbers to edit with. */
const wave = (length: number, seed = 0): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i + seed) / 4);

describe("threads beside the engine's", () => {
  let shared: Model;
  let alone: Model;
  let runs: [RunResult, RunResult];
  beforeAll(async () => {
    const { path } = resolveModel('pocket', packageRoot());
    shared = await openLocal(await loadModel(path), { threads: 3, lane });
    alone = await openLocal(await loadModel(path), { threads: 1 });
    const ids = Array.from({ length: TOKENS }, (_, i) => 3 + ((i * 7919) % 800));
    runs = [await patchable(shared, ids), await patchable(alone, ids)];
  });
  afterAll(async () => {
    await shared?.close();
    await alone?.close();
  });

  const variants = (): Edit[][] => {
    const { nLayers, nHeads, dHead, dModel } = alone.spec;
    return Array.from({ length: nLayers }, (_, layer): Edit[][] => [
      [{ kind: 'scale-head', layer, head: layer % nHeads, scale: 0 }],
      [{ kind: 'replace', at: 'z', layer, head: 0, positions: 'all', value: wave(TOKENS * dHead) }],
      [{ kind: 'scale-out', at: 'mlp_out', layer, scale: 0 }],
      // A part of a larger buffer.
      [{ kind: 'add', at: 'resid_pre', layer, positions: [5, TOKENS - 1], value: wave(3 * dModel).subarray(dModel) }],
      [{ kind: 'knockout', layers: [layer], heads: 'all', queries: [TOKENS - 1], keys: [1, 2] }],
    ]).flat();
  };

  it('give the very numbers that one thread gives', async () => {
    const options = { tokens: [5, 6, 7], hooks: ['blocks.*.attn.hook_z', 'blocks.*.hook_mlp_out', 'ln_final.hook_scale'] };
    const told: number[] = [];
    const both = await Promise.all([
      shared.variants(runs[0], variants(), { ...options, onProgress: (done) => void told.push(done) }),
      shared.variants(runs[0], variants().slice(0, 7), options),
    ]);
    const wanted = await alone.variants(runs[1], variants(), options);
    expect(both[0].data).toEqual(wanted.data);
    expect(both[1].data).toEqual((await alone.variants(runs[1], variants().slice(0, 7), options)).data);
    for (const [name, { data }] of wanted.last) expect(both[0].last.get(name)!.data, name).toEqual(data);
    expect(told.at(-1)).toBe(variants().length);
    expect(new Set(wanted.data).size).toBeGreaterThan(60);
  });

  it('have the keys and values that variants of later positions look back at, whatever layer the first of them begins at', async () => {
    const { nLayers, dModel } = alone.spec;
    const value = wave(dModel);
    const later = Array.from({ length: 40 }, (_, i): Edit[] => [
      { kind: 'add', at: 'resid_pre', layer: 2 + (i % (nLayers - 2)), positions: [i], value },
    ]);
    const { data } = await shared.variants(runs[0], later, { tokens: [5, 6, 7] });
    expect(data).toEqual((await alone.variants(runs[1], later, { tokens: [5, 6, 7] })).data);
    expect(new Set(data).size).toBeGreaterThan(60);
  });

  it('give what one thread gives, whatever edits are asked for together', async () => {
    const { nLayers, nHeads, dHead, dModel } = alone.spec;
    const head = fc.nat(nHeads - 1);
    const positions = fc.uniqueArray(fc.nat(TOKENS - 1), { minLength: 1, maxLength: 3 });
    const editFrom = (first: number): fc.Arbitrary<Edit> => {
      const layer = fc.integer({ min: first, max: nLayers - 1 });
      const scale = fc.constantFrom(0, 0.5, 2);
      return fc.oneof(
        fc.record({ kind: fc.constant('scale-head' as const), layer, head, scale }),
        fc.record({ kind: fc.constant('scale-out' as const), at: fc.constantFrom('attn_out', 'mlp_out'), layer, positions, scale }),
        fc.record({
          kind: fc.constant('knockout' as const),
          layers: fc.tuple(layer),
          heads: fc.tuple(head),
          queries: positions,
          keys: positions,
        }),
        fc
          .tuple(fc.constantFrom('add', 'replace'), fc.constantFrom('resid_pre', 'attn_out', 'mlp_out'), layer, positions, fc.nat(99))
          .map(([kind, at, layer, positions, seed]) => ({ kind, at, layer, positions, value: wave(positions.length * dModel, seed) })),
        fc.tuple(fc.constantFrom('add', 'replace'), layer, head, positions, fc.nat(99)).map(([kind, layer, head, positions, seed]) => ({
          kind,
          at: 'z' as const,
          layer,
          head,
          positions,
          value: wave(positions.length * dHead, seed),
        })),
      );
    };
    const edits = fc
      .nat(nLayers - 1)
      .chain((first) => fc.array(fc.array(editFrom(first), { minLength: 1, maxLength: 2 }), { minLength: 6, maxLength: 20 }));
    await fc.assert(
      fc.asyncProperty(edits, async (variants) => {
        const [first, second] = await Promise.all([
          shared.variants(runs[0], variants, { tokens: [5, 6] }),
          alone.variants(runs[1], variants, { tokens: [5, 6] }),
        ]);
        expect(first.data).toEqual(second.data);
      }),
      { seed: 11, numRuns: 12 },
    );
  });

  it('tell what is wrong as one thread does, can be stopped, and go on afterwards', async () => {
    const huge: Edit[][] = variants().map(([edit]) => [
      edit!,
      { kind: 'add', at: 'attn_out', layer: 3, positions: 'all', value: new Float32Array(alone.spec.dModel).fill(1e30) },
    ]);
    await expect(shared.variants(runs[0], huge, { tokens: [5] })).rejects.toThrow(/^Activations overflow float32 in layer 3: use smaller/);
    const controller = new AbortController();
    const stopped = shared.variants(runs[0], variants(), { tokens: [5], signal: controller.signal, onProgress: () => controller.abort() });
    await expect(stopped).rejects.toThrow('Cancelled.');
    const { data } = await shared.variants(runs[0], variants(), { tokens: [5] });
    expect(data).toEqual((await alone.variants(runs[1], variants(), { tokens: [5] })).data);
  });

  it('take passes from the engine, which does what a thread that is gone has left', async () => {
    const { spec, weights } = alone.loaded;
    const setup = { spec, path: alone.loaded.path, folder: '.', memoryBudget: 2 ** 30 };
    const base: Base = {
      length: TOKENS,
      residuals: Array.from({ length: spec.nLayers + 1 }, () => new Float32Array(TOKENS * spec.dModel)),
      cache: runs[1].cache as LocalCache,
      heads: new Map(),
      ids: new Int32Array(TOKENS),
      wanted: [],
    };
    const member = { index: 0, edited: true, edits: [], layer: spec.nLayers, position: 0, added: null, afterHeads: false };
    const passed: Passed = { vectors: new Float32Array(1), last: [] };
    const passes = [[{ ...member, layer: 0 }], ...Array.from({ length: 5 }, () => [member])];
    // The one that is run here does not end before all others have been taken: by a lane, for there is nobody else.
    let others = passes.length - 1;
    let all: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => (all = resolve));
    let here = 0;
    const lanes = new Lanes(lane, setup, 1);
    const own = async (): Promise<Passed> => {
      here++;
      await taken;
      return passed;
    };
    const results = await lanes.run(base, passes, own, () => --others === 0 && all());
    await lanes.close();
    expect(here).toBe(1);
    expect(results.map(({ vectors }) => vectors.length)).toEqual([1, ...Array.from({ length: 5 }, () => spec.dModel)]);
    expect(lanesFor(weights.parameters, 1)).toBe(0);
    expect(lanesFor(weights.parameters, 64)).toBe(3);
    expect(lanesFor(1e8, 64)).toBe(0);

    const broken = new Lanes(join(packageRoot(), 'dist', 'there-is-none.cjs'), setup, 1);
    const undone = await broken.run(
      base,
      passes,
      () => Promise.resolve(passed),
      () => undefined,
    );
    expect(undone).toHaveLength(passes.length);
    await broken.close();
  });
});
