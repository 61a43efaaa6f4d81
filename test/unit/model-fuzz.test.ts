import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { loadModel, openWeights } from '../../src/model/load.js';
import { parseSafetensors, referencePath, temporaryFolder, writeSafetensors } from '../helpers/reference.js';
import { tinyLlama2c, tinyLlamaFolder, tinyLlamaGguf, write, writeGguf } from './model-fixtures.js';

/** Numbers that break readers: at the edges of the integer types, and just beyond what a small file holds. */
const EDGES = [0, 1, 2, 7, 8, 31, 32, 127, 128, 255, 256, 65535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53, 2 ** 63];

type Mutation =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'byte'; at: number; value: number }
  | { kind: 'edge'; at: number; value: number; width: 4 | 8 }
  | { kind: 'cut'; at: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'remove'; at: number; count: number }
  | { kind: 'copy'; from: number; at: number; count: number };

/** One to three changes. Positions are shares of the file, drawn towards its front, where the headers are. */
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }).map((x) => x * x);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('byte' as const), at: share, value: fc.nat(255) }),
  fc.record({
    kind: fc.constant('edge' as const),
    at: share,
    value: fc.constantFrom(...EDGES),
    width: fc.constantFrom(4 as const, 8 as const),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: share }),
  fc.record({ kind: fc.constant('insert' as const), at: share, bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({ kind: fc.constant('remove' as const), at: share, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('copy' as const), from: share, at: share, count: fc.integer({ min: 1, max: 64 }) }),
);
const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });

function mutate(original: Buffer, changes: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(original);
  for (const change of changes) {
    const at = Math.floor(change.at * bytes.length);
    switch (change.kind) {
      case 'flip':
        if (at < bytes.length) bytes[at]! ^= 1 << change.bit;
        break;
      case 'byte':
        if (at < bytes.length) bytes[at] = change.value;
        break;
      case 'edge': {
        const number = Buffer.alloc(8);
        number.writeBigUInt64LE(BigInt(change.value));
        number.copy(bytes, at, 0, change.width);
        break;
      }
      case 'cut':
        bytes = bytes.subarray(0, at);
        break;
      case 'insert':
        bytes = Buffer.concat([bytes.subarray(0, at), change.bytes, bytes.subarray(at)]);
        break;
      case 'remove':
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.count)]);
        break;
      case 'copy': {
        const from = Math.floor(change.from * bytes.length);
        Buffer.from(bytes.subarray(from, from + change.count)).copy(bytes, at);
      }
    }
  }
  return bytes;
}

/** For JSON files: values and keys swapped for others, besides bytes. */
const jsonEdits = fc.array(
  fc.record({
    path: share,
    action: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          set: fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>(...EDGES, -1, 0.5, 1e308, '', '../x', null, true, [], {})),
        }),
      },
      { weight: 1, arbitrary: fc.constant('delete' as const) },
      { weight: 1, arbitrary: fc.constant('rename' as const) },
    ),
  }),
  { minLength: 1, maxLength: 2 },
);

function editJson(value: unknown, edits: typeof jsonEdits extends fc.Arbitrary<infer T> ? T : never): string {
  const copy = JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  for (const { path, action } of edits) {
    const places: [Record<string, unknown>, string][] = [];
    const visit = (node: Record<string, unknown>): void => {
      for (const key of Object.keys(node)) {
        places.push([node, key]);
        const child = node[key];
        if (child !== null && typeof child === 'object') visit(child as Record<string, unknown>);
      }
    };
    visit(copy);
    const place = places[Math.floor(path * places.length)];
    if (!place) continue;
    const [node, key] = place;
    if (action === 'delete') delete node[key];
    else if (action === 'rename') {
      node[`${key}x`] = node[key];
      delete node[key];
    } else node[key] = action.set;
  }
  return JSON.stringify(copy);
}

const tally = { refused: 0, read: 0 };

/** A refusal in one sentence that names a file, or a model whose every weight lies in its file and can be read or is refused. */
function settle(open: () => ReturnType<typeof openWeights>): ReturnType<typeof openWeights> | null {
  let model;
  try {
    model = open();
    for (const name of model.weights.names()) {
      const { stored } = model.weights.get(name);
      expect(stored.byteOffset + stored.byteLength).toBeLessThanOrEqual(readFileSync(stored.file).length);
      const values = model.weights.readStored(name);
      expect(values.length).toBe(stored.shape.reduce((a, b) => a * b, 1));
      expect(values.every(Number.isFinite)).toBe(true);
    }
  } catch (error) {
    model?.weights.close();
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(/^[^\p{Cc}]+\.$/u);
    expect(error.place.file).toBeTruthy();
    tally.refused++;
    return null;
  }
  tally.read++;
  return model;
}

const RUNS = { seed: 20260, numRuns: 250, endOnFailure: true } as const;

describe('mutated model files end in a refusal or a right model', () => {
  it('safetensors', () => {
    const tiny = tinyLlamaFolder();
    const original = writeSafetensors(tiny.tensors);
    const folder = temporaryFolder();
    write(folder, 'config.json', JSON.stringify(tiny.config));
    fc.assert(
      fc.property(mutations, (changes) => {
        const bytes = mutate(original, changes);
        write(folder, 'model.safetensors', bytes);
        const model = settle(() => openWeights(folder));
        if (!model) return;
        // Another reader of the same bytes finds the same values under the same names.
        const peer = parseSafetensors(bytes);
        for (const name of model.weights.names()) {
          const { stored } = model.weights.get(name);
          if (stored.dtype !== 'F32') continue;
          expect(Buffer.from(model.weights.readStored(name).buffer).equals(peer.get(stored.name)!.bytes)).toBe(true);
        }
        model.weights.close();
      }),
      RUNS,
    );
  });

  it('GGUF', () => {
    const tiny = tinyLlamaGguf();
    const original = writeGguf(tiny.metadata, tiny.tensors);
    const folder = temporaryFolder();
    fc.assert(
      fc.property(mutations, (changes) => {
        const path = write(folder, 'tiny.gguf', mutate(original, changes));
        const model = settle(() => openWeights(path));
        if (!model) return;
        expect(model.spec).toMatchObject({ family: 'llama', dModel: 4, nLayers: 1 });
        model.weights.close();
      }),
      RUNS,
    );
  });

  it('GGUF with its tokenizer', async () => {
    const tiny = tinyLlamaGguf();
    const original = writeGguf(tiny.metadata, tiny.tensors);
    const folder = temporaryFolder();
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const path = write(folder, 'tiny.gguf', mutate(original, changes));
        try {
          const model = await loadModel(path);
          expect(model.tokenizer.size).toBeLessThanOrEqual(model.spec.vocabSize);
          model.close();
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          expect(error.message).toMatch(/^[^\p{Cc}]+\.$/u);
        }
      }),
      { ...RUNS, numRuns: 150 },
    );
  });

  it('GGUF of quantised blocks', () => {
    const original = readFileSync(referencePath('llama', 'gguf', 'model.Q4_0.gguf'));
    const folder = temporaryFolder();
    fc.assert(
      fc.property(mutations, (changes) => {
        const path = write(folder, 'model.gguf', mutate(original, changes));
        settle(() => openWeights(path))?.weights.close();
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  it('llama2.c', () => {
    const original = tinyLlama2c();
    const folder = temporaryFolder();
    for (const vocab of [1, 2, 3, 255, 256, 65535]) write(folder, `tok${vocab}.bin`, '');
    fc.assert(
      fc.property(mutations, (changes) => {
        const bytes = mutate(original, changes);
        const path = write(folder, 'model.bin', bytes);
        const model = settle(() => openWeights(path));
        if (!model) return;
        const embedding = model.weights.get('embed.W_E').stored;
        expect(Buffer.from(model.weights.readStored('embed.W_E').buffer).equals(bytes.subarray(28, 28 + embedding.byteLength))).toBe(true);
        model.weights.close();
      }),
      RUNS,
    );
  });

  it('config.json, by bytes and by values', () => {
    const tiny = tinyLlamaFolder();
    const original = Buffer.from(JSON.stringify(tiny.config, null, 1));
    const folder = temporaryFolder();
    write(folder, 'model.safetensors', writeSafetensors(tiny.tensors));
    fc.assert(
      fc.property(
        fc.oneof(
          mutations.map((changes) => mutate(original, changes)),
          jsonEdits.map((edits) => Buffer.from(editJson(tiny.config, edits))),
        ),
        (bytes) => {
          write(folder, 'config.json', bytes);
          const model = settle(() => openWeights(folder));
          if (!model) return;
          // The tensors' shapes leave no other sizes.
          expect(model.spec).toMatchObject({ dModel: 4, dMlp: 6, nLayers: 1, vocabSize: 3 });
          expect(model.spec.nHeads * model.spec.dHead).toBe(4);
          expect(model.spec.nKvHeads * model.spec.dHead).toBe(2);
          model.weights.close();
        },
      ),
      { ...RUNS, numRuns: 350 },
    );
  });

  it('a shard index, by bytes and by values', () => {
    const tiny = tinyLlamaFolder();
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'sub'));
    write(folder, 'config.json', JSON.stringify(tiny.config));
    const names = [...tiny.tensors.keys()];
    const index = {
      metadata: { total_size: 1 },
      weight_map: Object.fromEntries(names.map((name, i) => [name, i < 5 ? 'a.safetensors' : 'b.safetensors'])),
    };
    write(folder, 'a.safetensors', writeSafetensors([...tiny.tensors].slice(0, 5)));
    write(folder, 'b.safetensors', writeSafetensors([...tiny.tensors].slice(5)));
    const original = Buffer.from(JSON.stringify(index, null, 1));
    fc.assert(
      fc.property(
        fc.oneof(
          mutations.map((changes) => mutate(original, changes)),
          jsonEdits.map((edits) => Buffer.from(editJson(index, edits))),
        ),
        (bytes) => {
          write(folder, 'model.safetensors.index.json', bytes);
          const model = settle(() => openWeights(folder));
          model?.weights.close();
        },
      ),
      { ...RUNS, numRuns: 150 },
    );
  });

  it('saw both outcomes', () => {
    expect(tally.refused).toBeGreaterThan(500);
    expect(tally.read).toBeGreaterThan(100);
  });
});
