import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunResult } from '../../src/engine/api.js';
import { at, lastLogits, openReferenced, range, REFERENCED } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';
import { distance } from '../helpers/agree.js';

/** What must hold of any model, whatever its numbers. "Exact" means to the last bit. */
describe.each(REFERENCED)('%s', (name) => {
  let model: Model;
  let reference: Reference;
  let ids: number[];
  let clean: RunResult;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
    ids = reference.json.prompts.control.ids;
    clean = await model.run(ids, { hooks: 'all', logits: 'all', keepCache: true });
  });
  afterAll(() => model?.close());
  const layers = () => range(0, model.spec.nLayers);

  it('attends to the past alone, with weights that sum to 1', () => {
    const T = ids.length;
    for (const layer of layers()) {
      const { data } = clean.get(`blocks.${layer}.attn.hook_pattern`);
      for (let row = 0; row < data.length / T; row++) {
        const weights = data.subarray(row * T, (row + 1) * T);
        expect(weights.subarray((row % T) + 1).every((x) => x === 0)).toBe(true);
        expect(Math.abs(weights.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-5);
      }
    }
  });

  it('adds each block up to the residual stream', () => {
    for (const layer of layers()) {
      const hook = (local: string) => clean.get(`blocks.${layer}.${local}`).data;
      const sum = hook('hook_resid_pre').map((x, i) => x + hook('hook_attn_out')[i]! + hook('hook_mlp_out')[i]!);
      expect(distance(sum, hook('hook_resid_post'))).toBeLessThan(1e-5);
      if (layer + 1 < model.spec.nLayers) expect(hook('hook_resid_post')).toEqual(clean.get(`blocks.${layer + 1}.hook_resid_pre`).data);
    }
  });

  it('reads at the last layer what it says', async () => {
    const positions = range(0, ids.length);
    const lens = await model.lens(clean, { layers: [model.spec.nLayers], positions, full: true });
    const frozen = await model.lens(clean, { layers: [model.spec.nLayers], positions, full: true, norm: 'frozen' });
    const all = await model.unembed(clean.get(`blocks.${model.spec.nLayers - 1}.hook_resid_post`).data, ids.length);
    for (const position of positions) {
      const logits = at(clean.logits!, position);
      const top = Math.max(...logits);
      const norm = top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0));
      const row = { from: position * model.spec.vocabSize, to: (position + 1) * model.spec.vocabSize };
      for (const read of [lens.logprobs!, frozen.logprobs!, all.data])
        expect(
          distance(
            read.subarray(row.from, row.to),
            logits.map((x) => x - norm),
          ),
        ).toBeLessThan(1e-5);
    }
  });

  it('is changed by no edit that puts in what is there, exactly', async () => {
    const { dHead, nLayers, nHeads } = model.spec;
    const T = ids.length;
    const edits: Edit[] = layers().flatMap((layer): Edit[] => [
      { kind: 'replace', at: 'resid_pre', layer, positions: 'all', value: clean.get(`blocks.${layer}.hook_resid_pre`).data },
      { kind: 'replace', at: 'attn_out', layer, positions: 'all', value: clean.get(`blocks.${layer}.hook_attn_out`).data },
      { kind: 'replace', at: 'mlp_out', layer, positions: 'all', value: clean.get(`blocks.${layer}.hook_mlp_out`).data },
      ...range(0, nHeads).map((head): Edit => {
        const z = clean.get(`blocks.${layer}.attn.hook_z`).data;
        const value = Float32Array.from({ length: T * dHead }, (_, i) => z[(Math.floor(i / dHead) * nHeads + head) * dHead + (i % dHead)]!);
        return { kind: 'replace', at: 'z', layer, head, positions: 'all', value };
      }),
    ]);
    expect(edits).toHaveLength(nLayers * (3 + nHeads));
    for (const some of [edits, edits.filter((e) => 'at' in e && e.at === 'z'), edits.slice(1, 2)]) {
      expect((await model.run(ids, { edits: some, logits: 'all' })).logits!.data).toEqual(clean.logits!.data);
    }
  });

  it('is changed by no edit that does nothing, exactly', async () => {
    const last = ids.length - 1;
    const nothing: Edit[] = [
      { kind: 'knockout', layers: 'all', heads: 'all', queries: [last], keys: [] },
      { kind: 'knockout', layers: [], heads: [0], queries: 'all', keys: [0] },
      // What causality forbids already.
      { kind: 'knockout', layers: 'all', heads: [0], queries: [0], keys: [last] },
      { kind: 'scale-head', layer: 0, head: 0, scale: 1 },
      { kind: 'scale-values', layers: 'all', heads: 'all', queries: 'all', keys: range(0, last), scale: 1 },
      { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 1, positions: [last] },
      { kind: 'add', at: 'resid_pre', layer: 0, positions: 'all', value: new Float32Array(model.spec.dModel) },
      { kind: 'add', at: 'z', layer: 0, head: 0, positions: [0], value: new Float32Array(model.spec.dHead) },
    ];
    for (const edits of [nothing, ...nothing.map((edit) => [edit])]) {
      expect((await model.run(ids, { edits, logits: 'all' })).logits!.data).toEqual(clean.logits!.data);
    }
  });

  it('gives a row of a batch what it gives the row alone', async () => {
    const others = [ids, [...ids].reverse(), ids.map((id) => (id * 7 + 3) % model.spec.vocabSize)];
    const edits: Edit[] = [{ kind: 'scale-head', layer: 0, head: 1, scale: 0, row: 1 }];
    const together = await model.run(others, { hooks: ['blocks.*.attn.hook_pattern'], edits });
    expect(together.batch).toBe(3);
    const name = `blocks.${model.spec.nLayers - 1}.attn.hook_pattern`;
    for (const [row, tokens] of others.entries()) {
      const alone = await model.run(tokens, { hooks: [name], edits: row === 1 ? edits.map((e) => ({ ...e, row: 0 })) : [] });
      expect(distance(lastLogits(together, row), lastLogits(alone))).toBeLessThan(1e-5);
      const { data, shape } = together.get(name);
      const size = data.length / shape[0]!;
      expect(distance(data.subarray(row * size, (row + 1) * size), alone.get(name).data)).toBeLessThan(1e-5);
    }
  });

  it('continues from a cache as if it had read everything at once', async () => {
    const cut = Math.floor(ids.length / 2);
    const prefix = await model.run(ids.slice(0, cut), { keepCache: true, logits: 'none' });
    const rest = ids.slice(cut);
    const continued = await model.run([rest, rest], { cache: prefix.cache!, hooks: 'all', logits: 'all' });
    const whole = clean.logits!.data.subarray(cut * model.spec.vocabSize);
    const half = continued.logits!.data.length / 2;
    for (const row of [0, 1]) expect(distance(continued.logits!.data.subarray(row * half, (row + 1) * half), whole)).toBeLessThan(1e-5);
    const pattern = continued.get('blocks.0.attn.hook_pattern');
    expect(pattern.shape).toEqual([2, model.spec.nHeads, rest.length, ids.length]);
    expect(distance(pattern.data.slice(-ids.length), clean.get('blocks.0.attn.hook_pattern').data.slice(-ids.length))).toBeLessThan(1e-5);
    // The prefix's own cache was not touched.
    expect(prefix.cache).toMatchObject({ length: cut, batch: 1 });
  });

  it('knocks out a cached key as it does one of the same run', async () => {
    const cut = ids.length - 3;
    const key = 1;
    const prefix = await model.run(ids.slice(0, cut), { keepCache: true, logits: 'none' });
    const edit = (queries: number[], keys: number[]): Edit[] => [
      { kind: 'knockout', layers: 'all', heads: 'all', queries, keys },
      { kind: 'scale-values', layers: 'all', heads: 'all', queries, keys: keys.map((k) => k + 1), scale: 0.5 },
    ];
    const cached = await model.run(ids.slice(cut), { cache: prefix.cache!, edits: edit([2], [key - cut]) });
    const whole = await model.run(ids, { edits: edit([ids.length - 1], [key]) });
    expect(distance(lastLogits(cached), lastLogits(whole))).toBeLessThan(1e-5);
    expect(distance(lastLogits(cached), lastLogits(clean))).toBeGreaterThan(1e-4);
  });

  it('keeps the edits of a prompt while it generates', async () => {
    const edits: Edit[] = [
      { kind: 'scale-head', layer: 0, head: 0, scale: 0 },
      { kind: 'add', at: 'resid_pre', layer: 1, positions: [3], value: reference.arrays('direction').data.map((x) => 3 * x) },
      { kind: 'scale-values', layers: 'all', heads: 'all', queries: 'all', keys: [2, 3], scale: 0.2 },
      // Every query from position 3 on, those still to come included.
      { kind: 'knockout', layers: 'all', heads: [0], queries: 'all', keys: [1] },
    ];
    const generated = await model.generate(ids, { maxTokens: 6, stopIds: [], edits });
    const again: number[] = [...ids];
    for (const id of generated.ids) {
      const logits = lastLogits(await model.run(again, { edits }));
      expect(id).toBe(logits.indexOf(Math.max(...logits)));
      again.push(id);
    }
  });
});
