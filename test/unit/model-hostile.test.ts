import { mkdirSync, readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { checkFinite, findNonFinite } from '../../src/model/finite.js';
import { loadModel, openWeights } from '../../src/model/load.js';
import { parseSafetensors, referencePath, shardedLlama, temporaryFolder, writeSafetensors } from '../helpers/reference.js';
import type { RawTensor } from '../helpers/reference.js';
import {
  copyModel,
  rawSafetensors,
  setConfig,
  setTensors,
  someFloats,
  tinyLlama2c,
  tinyLlamaFolder,
  tinyLlamaGguf,
  write,
  writeGguf,
} from './model-fixtures.js';
import type { GgufTensor, GgufValue } from './model-fixtures.js';

/** The InputError of an act, which must be one sentence that names a file. */
function refusal(act: () => unknown): InputError {
  try {
    act();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(/^[^\n]*[^.]\.$/);
    expect(error.place.file).toBeTruthy();
    return error;
  }
  throw new Error('Nothing was refused.');
}

async function loadRefusal(path: string): Promise<InputError> {
  const outcome = await loadModel(path).then(
    () => null,
    (error: unknown) => error,
  );
  return refusal(() => {
    if (outcome !== null) throw outcome;
  });
}

describe('safetensors', () => {
  const tiny = tinyLlamaFolder();

  function folderWith(file: Buffer): string {
    const folder = temporaryFolder();
    write(folder, 'config.json', JSON.stringify(tiny.config));
    write(folder, 'model.safetensors', file);
    return folder;
  }

  function edited(edit: (tensors: Map<string, RawTensor>) => void): string {
    const tensors = new Map(tiny.tensors);
    edit(tensors);
    return folderWith(writeSafetensors(tensors));
  }

  /** The header's JSON changed, the data as they are. */
  function rewritten(edit: (header: Record<string, { dtype: unknown; shape: unknown; data_offsets: unknown }>) => void): string {
    const file = writeSafetensors(tiny.tensors);
    const length = Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
      string,
      { dtype: unknown; shape: unknown; data_offsets: unknown }
    >;
    edit(header);
    return folderWith(rawSafetensors(JSON.stringify(header), file.subarray(8 + length)));
  }

  const norm = 'model.norm.weight';

  it('is read when it is whole', () => {
    const { weights, dtype } = openWeights(folderWith(writeSafetensors(tiny.tensors)));
    expect(dtype).toBe('F32');
    expect(weights.readStored('ln_final.w')).toEqual(new Float32Array(someFloats(4).buffer));
    weights.close();
  });

  it('is read when its header is not padded, as early versions of the library wrote it', () => {
    const file = writeSafetensors(tiny.tensors);
    const length = Number(file.readBigUInt64LE(0));
    let header = file.toString('utf8', 8, 8 + length).trimEnd();
    if (header.length % 4 === 0) header += ' ';
    const { weights } = openWeights(folderWith(rawSafetensors(header, file.subarray(8 + length))));
    expect(weights.get('ln_final.w').stored.byteOffset % 4).not.toBe(0);
    expect(weights.readStored('ln_final.w')).toEqual(new Float32Array(someFloats(4).buffer));
    expect(findNonFinite(weights)).toBeNull();
    weights.close();
  });

  it.each([
    ['an empty file', Buffer.alloc(0), 'truncated'],
    ['a file of 7 bytes', Buffer.alloc(7), 'truncated'],
    ['a header beyond the end', rawSafetensors('{}', new Uint8Array(0), 3n), 'header has 3 bytes'],
    ['a header of 2^64 - 1 bytes', rawSafetensors('{}', new Uint8Array(0), 2n ** 64n - 1n), 'header has 18446744073709551615 bytes'],
    ['a header that is no JSON', rawSafetensors('{"a": ', new Uint8Array(0)), 'not JSON'],
    ['a header that is no object', rawSafetensors('[1]', new Uint8Array(0)), 'not a JSON object'],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'), 'not a safetensors file'],
    ['a header nested too deep', rawSafetensors(`{"a":${'[['.repeat(5000)}${']]'.repeat(5000)}}`, new Uint8Array(0)), 'levels deep'],
    ['a key twice', rawSafetensors('{"a":{},"\\u0061":{}}', new Uint8Array(0)), 'twice'],
    ['data of no tensor', rawSafetensors('{}', new Uint8Array(16)), 'belong to none'],
  ])('with %s is refused', (_, file, message) => {
    const { message: text, place } = refusal(() => openWeights(folderWith(file)));
    expect(text).toContain(message);
    expect(basename(place.file!)).toBe('model.safetensors');
  });

  it('whose header is not UTF-8 is refused', () => {
    const file = rawSafetensors('{"ab":1}', new Uint8Array(0));
    file[10] = 0xff;
    expect(refusal(() => openWeights(folderWith(file))).message).toContain('not UTF-8');
  });

  it.each([
    ['a tensor beyond the data', { data_offsets: [0, 1e9] }, 'truncated'],
    ['offsets in reverse', { data_offsets: [48, 0] }, 'truncated or damaged'],
    ['offsets that are no integers', { data_offsets: [0.5, 16.5] }, 'data_offsets'],
    ['offsets that are negative', { data_offsets: [-16, 0] }, 'data_offsets'],
    ['one offset', { data_offsets: [0] }, 'data_offsets'],
    ['a shape that does not fit its length', { shape: [5] }, 'does not take as many'],
    ['a shape whose product overflows', { shape: [2 ** 40, 2 ** 40] }, 'does not take as many'],
    ['a shape beyond exact numbers', { shape: [2 ** 60] }, 'not a list of sizes'],
    ['a shape that is no list', { shape: 'wide' }, 'not a list of sizes'],
    ['a type that is unknown', { dtype: 'F31' }, 'unknown type F31'],
    ['no type', { dtype: 1 }, 'no dtype'],
  ])('with %s is refused', (_, change, message) => {
    const error = refusal(() => openWeights(rewritten((header) => Object.assign(header[norm]!, change))));
    expect(error.message).toContain(message);
    expect(error.message).toContain(norm);
    expect(error.place.field).toBe(norm);
  });

  it('with tensors that overlap, or with a gap, is refused', () => {
    const overlap = refusal(() =>
      openWeights(rewritten((h) => (h[norm]!.data_offsets = h['model.layers.0.input_layernorm.weight']!.data_offsets))),
    );
    expect(overlap.message).toContain('overlaps');
    const gap = refusal(() => openWeights(rewritten((h) => delete h['model.layers.0.mlp.up_proj.weight'])));
    expect(gap.message).toContain('leaves a gap of 96 bytes');
  });

  it('with an unaligned tensor is refused', () => {
    const first = 'model.embed_tokens.weight';
    const path = edited((tensors) => {
      const rest = [...tensors];
      tensors.clear();
      tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', { dtype: 'U8', shape: [1], bytes: new Uint8Array(1) });
      for (const [name, tensor] of rest) tensors.set(name, tensor);
    });
    const error = refusal(() => openWeights(path));
    expect(error.message).toContain('not a multiple of the 4 bytes');
    expect(error.place.field).toBe(first);
  });

  it.each([
    ['a missing tensor', (t: Map<string, RawTensor>) => t.delete(norm), norm, 'has no tensor'],
    [
      'a missing embedding',
      (t: Map<string, RawTensor>) => t.delete('model.embed_tokens.weight'),
      'model.embed_tokens.weight',
      'has no tensor',
    ],
    [
      'a tensor too many',
      (t: Map<string, RawTensor>) => t.set('score.weight', { dtype: 'F32', shape: [1], bytes: someFloats(1) }),
      'score.weight',
      'has no place',
    ],
    [
      'a layer too many',
      (t: Map<string, RawTensor>) => t.set('model.layers.1.mlp.up_proj.weight', t.get('model.layers.0.mlp.up_proj.weight')!),
      'model.layers.1.mlp.up_proj.weight',
      'has no place',
    ],
    [
      'a bias that the configuration denies',
      (t: Map<string, RawTensor>) => t.set('model.layers.0.self_attn.q_proj.bias', { dtype: 'F32', shape: [4], bytes: someFloats(4) }),
      'model.layers.0.self_attn.q_proj.bias',
      'has no place',
    ],
    [
      'a shape other than the configuration gives',
      (t: Map<string, RawTensor>) => t.set(norm, { dtype: 'F32', shape: [2, 2], bytes: someFloats(4) }),
      norm,
      '[2,2], but the configuration gives [4]',
    ],
    [
      'a type that is not supported',
      (t: Map<string, RawTensor>) => t.set(norm, { dtype: 'F64', shape: [4], bytes: new Uint8Array(32) }),
      norm,
      'type F64; supported are F32',
    ],
  ] as [string, (t: Map<string, RawTensor>) => unknown, string, string][])('with %s is refused', (_, edit, field, message) => {
    const error = refusal(() => openWeights(edited(edit)));
    expect(error.place.field).toBe(field);
    expect(error.message).toContain(field);
    expect(error.message).toContain(message);
  });

  it('with a name that would write to a terminal is refused on one clean line', () => {
    const error = refusal(() =>
      openWeights(edited((t) => t.set('a\u001b[2J\nb\u202e', { dtype: 'F32', shape: [1], bytes: someFloats(1) }))),
    );
    expect(error.message).toContain('the tensor a\ufffd[2J\ufffdb\ufffd, which');
    const broken = Buffer.from('{"model_type": "a\u001b[2J\n"}');
    const folder = folderWith(writeSafetensors(tiny.tensors));
    write(folder, 'config.json', broken);
    // eslint-disable-next-line no-control-regex
    expect(refusal(() => openWeights(folder)).message).not.toMatch(/[\u0000-\u001f]/);
  });

  it('of a configuration that claims millions of layers ends at the first that is missing', () => {
    const folder = folderWith(writeSafetensors(tiny.tensors));
    setConfig(folder, { num_hidden_layers: 16_000_000 });
    expect(refusal(() => openWeights(folder)).place.field).toBe('model.layers.1.input_layernorm.weight');
  });

  it('takes names without the prefix, and leftover frequencies', () => {
    const { weights } = openWeights(
      edited((tensors) => {
        const all = [...tensors];
        tensors.clear();
        for (const [name, tensor] of all) tensors.set(name.replace(/^model\./, ''), tensor);
        tensors.set('layers.0.self_attn.rotary_emb.inv_freq', { dtype: 'F32', shape: [1], bytes: someFloats(1) });
      }),
    );
    expect(weights.get('blocks.0.attn.W_Q').stored.name).toBe('layers.0.self_attn.q_proj.weight');
    expect(weights.parameters).toBe([...tiny.tensors.values()].reduce((sum, t) => sum + t.bytes.length / 4, 0));
  });

  it('with a head that the configuration ties: a copy is dropped, another matrix is used and noted', () => {
    const copy = openWeights(edited((t) => t.set('lm_head.weight', t.get('model.embed_tokens.weight')!)));
    expect([copy.spec.tiedEmbeddings, copy.weights.has('unembed.W_U'), copy.notes]).toEqual([true, false, []]);
    const other = openWeights(edited((t) => t.set('lm_head.weight', { dtype: 'F32', shape: [3, 4], bytes: someFloats(12, 9) })));
    expect([other.spec.tiedEmbeddings, other.weights.has('unembed.W_U')]).toEqual([false, true]);
    expect(other.notes[0]).toContain('lm_head.weight');
    expect([...other.weights.readUnembed([1]).w]).toEqual([...new Float32Array(someFloats(12, 9).buffer).subarray(4, 8)]);
    const folder = folderWith(writeSafetensors(tiny.tensors));
    setConfig(folder, { tie_word_embeddings: false });
    expect(refusal(() => openWeights(folder)).place.field).toBe('lm_head.weight');
  });

  it('that shrinks after it was opened is refused when it is read', () => {
    const folder = folderWith(writeSafetensors(tiny.tensors));
    const { weights } = openWeights(folder);
    truncateSync(join(folder, 'model.safetensors'), 1000);
    expect(refusal(() => weights.readStored('ln_final.w')).message).toContain('truncated');
    weights.close();
  });

  it.each([
    ['F32', NaN, [3, 1], 'a NaN at [2, 1]'],
    ['F32', -Infinity, [0, 0], 'an infinity at [0, 0]'],
  ])('with %s %f is refused when it is read', (_, value, __, message) => {
    const values = new Float32Array(someFloats(12).buffer.slice(0));
    values[message.includes('[2, 1]') ? 9 : 0] = value;
    const path = edited((t) => t.set('model.embed_tokens.weight', { dtype: 'F32', shape: [3, 4], bytes: new Uint8Array(values.buffer) }));
    const { weights } = openWeights(path);
    const error = refusal(() => weights.readStored('embed.W_E'));
    expect(error.message).toContain(`Tensor model.embed_tokens.weight holds ${message}`);
    const row = message.includes('[2, 1]') ? 2 : 0;
    expect(refusal(() => weights.readRows('embed.W_E', [row])).message).toBe(error.message);
    expect(weights.readRows('embed.W_E', [1]).length).toBe(4);
    expect(findNonFinite(weights)).toMatchObject({ name: 'embed.W_E', index: row * 4 + (row === 2 ? 1 : 0), value });
    weights.close();
  });

  it('with a tokenizer whose ids exceed the embedding is refused', async () => {
    const folder = copyModel('llama');
    setTensors(folder, (tensors) => {
      const embedding = tensors.get('model.embed_tokens.weight')!;
      tensors.set('model.embed_tokens.weight', { ...embedding, shape: [350, 64], bytes: embedding.bytes.subarray(0, 350 * 64 * 4) });
    });
    setConfig(folder, { vocab_size: 350 });
    const error = await loadRefusal(folder);
    expect(error.message).toBe(
      "The tokenizer in tokenizer.json has ids up to 357, but the model's embedding has only 350 rows (embed.W_E).",
    );
    expect(basename(error.place.file!)).toBe('tokenizer.json');
  });
});

describe('checkFinite', () => {
  const at = (dtype: 'F32' | 'F16' | 'BF16', bytes: Uint8Array, count: number) => {
    const path = write(temporaryFolder(), 'x', bytes);
    return checkFinite({ file: path, name: 'x', dtype, shape: [count], byteOffset: 0, byteLength: bytes.length });
  };

  it.each([0, 1, 2, 4998, 4999, 5000])('finds the value at %i of an odd number of halves', (index) => {
    const halves = new Uint16Array(5001).fill(0x3c00);
    halves[index] = 0x7e00;
    expect(at('F16', new Uint8Array(halves.buffer), 5001)).toEqual({ index, value: NaN });
    halves.fill(0x7bff);
    expect(at('F16', new Uint8Array(halves.buffer), 5001)).toBeNull();
    halves.fill(0x7f7f)[index] = 0xff80;
    expect(at('BF16', new Uint8Array(halves.buffer), 5001)).toEqual({ index, value: -Infinity });
  });

  it('finds it beyond the first chunk', () => {
    const values = new Float32Array(2_500_000);
    values[2_345_678] = Infinity;
    expect(at('F32', new Uint8Array(values.buffer), values.length)).toEqual({ index: 2_345_678, value: Infinity });
  });

  it('looks at what quantised blocks stand for', () => {
    const path = referencePath('llama', 'gguf', 'model.Q4_0.gguf');
    const { weights } = openWeights(path);
    const { stored } = weights.get('blocks.1.mlp.W_in');
    expect(checkFinite(stored)).toBeNull();
    const file = readFileSync(path);
    file.writeUInt16LE(0x7c00, stored.byteOffset + 18 * 5);
    const copy = write(temporaryFolder(), 'model.gguf', file);
    expect(checkFinite({ ...stored, file: copy })?.index).toBeGreaterThanOrEqual(160);
    expect(checkFinite({ ...stored, file: copy })!.index).toBeLessThan(192);
    weights.close();
  });
});

describe('a shard index', () => {
  function index(edit: (map: Record<string, unknown>, folder: string) => unknown): string {
    const folder = temporaryFolder();
    const from = shardedLlama();
    for (const name of ['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']) {
      write(folder, name, readFileSync(join(from, name)));
    }
    const content = JSON.parse(readFileSync(join(from, 'model.safetensors.index.json'), 'utf8')) as { weight_map: Record<string, unknown> };
    const replaced = edit(content.weight_map, folder);
    write(folder, 'model.safetensors.index.json', typeof replaced === 'string' ? replaced : JSON.stringify(content));
    return folder;
  }
  const norm = 'model.norm.weight';

  it.each([
    ['../secret.safetensors', 'not the name of a file in the model'],
    ['/etc/passwd', 'not the name of a file in the model'],
    ['sub/model.safetensors', 'not the name of a file in the model'],
    ['..', 'not the name of a file in the model'],
    ['', 'not the name of a file in the model'],
    ['a\0b', 'not the name of a file in the model'],
    ['..\\model.safetensors', 'not the name of a file in the model'],
    ['model-00003-of-00003.safetensors', 'not complete'],
    ['config.json', 'but it is in'],
    ['model-00001-of-00002.safetensors', 'but it is in'],
  ])('that names %j is refused', (shard, message) => {
    const error = refusal(() => openWeights(index((map) => void (map[norm] = shard))));
    expect(error.message).toContain(message);
  });

  it.each([
    ['no map', () => '{}', 'no weight_map'],
    ['a list as its map', () => '{"weight_map": []}', 'no weight_map'],
    ['an empty map', () => '{"weight_map": {}}', 'has no tensor'],
    ['a number as a file', (map: Record<string, unknown>) => void (map[norm] = 3), 'as the file of'],
    [
      'a tensor that no shard has',
      (map: Record<string, unknown>) => void (map['x'] = 'model-00001-of-00002.safetensors'),
      'no such tensor',
    ],
    [
      'a tensor in the other shard',
      (map: Record<string, unknown>) => void (map['model.embed_tokens.weight'] = 'model-00002-of-00002.safetensors'),
      'but it is in',
    ],
  ] as [string, (map: Record<string, unknown>) => unknown, string][])('with %s is refused', (_, edit, message) => {
    expect(refusal(() => openWeights(index(edit))).message).toContain(message);
  });

  it('whose shard is a link out of the folder is refused, but not within a download cache', () => {
    const second = 'model-00002-of-00002.safetensors';
    const linked = index((map, folder) => {
      const outside = write(temporaryFolder(), second, readFileSync(join(folder, second)));
      symlinkSync(outside, join(folder, 'link.safetensors'));
      for (const [name, shard] of Object.entries(map)) if (shard === second) map[name] = 'link.safetensors';
    });
    expect(refusal(() => openWeights(linked)).message).toContain('a link that leads out');

    const cache = temporaryFolder();
    mkdirSync(join(cache, 'blobs'));
    mkdirSync(join(cache, 'snapshots', 'abc'), { recursive: true });
    const from = shardedLlama();
    for (const name of ['config.json', 'model.safetensors.index.json', 'model-00001-of-00002.safetensors', second]) {
      write(join(cache, 'blobs'), `hash-${name}`, readFileSync(join(from, name)));
      symlinkSync(join('..', '..', 'blobs', `hash-${name}`), join(cache, 'snapshots', 'abc', name));
    }
    const { weights } = openWeights(join(cache, 'snapshots', 'abc'));
    expect(weights.readStored('ln_final.w').length).toBe(64);
    weights.close();
  });

  it('with a tensor in both shards is refused', () => {
    const error = refusal(() =>
      openWeights(
        index((_, folder) => {
          const path = join(folder, 'model-00002-of-00002.safetensors');
          const tensors = parseSafetensors(readFileSync(path));
          tensors.set('model.embed_tokens.weight', { dtype: 'F32', shape: [1], bytes: someFloats(1) });
          write(folder, basename(path), writeSafetensors(tensors));
        }),
      ),
    );
    expect(error.place.field).toBe('model.embed_tokens.weight');
  });
});

describe('GGUF', () => {
  const tiny = tinyLlamaGguf();
  const saved = (bytes: Uint8Array): string => write(temporaryFolder(), 'tiny.gguf', bytes);
  const withKeys = (changes: Record<string, GgufValue | undefined>): string =>
    saved(
      writeGguf(
        Object.entries({ ...tiny.metadata, ...changes }).filter((e): e is [string, GgufValue] => e[1] !== undefined),
        tiny.tensors,
      ),
    );
  const withTensor = (name: string, change: Partial<GgufTensor>): string =>
    saved(
      writeGguf(
        tiny.metadata,
        tiny.tensors.map((t) => (t.name === name ? { ...t, ...change } : t)),
      ),
    );

  it('is read when it is whole', () => {
    const { spec, weights } = openWeights(saved(writeGguf(tiny.metadata, tiny.tensors)));
    expect(spec).toMatchObject({ vocabSize: 3, dMlp: 6, nKvHeads: 1, tiedEmbeddings: true, norm: { kind: 'rms', eps: 1e-5 } });
    expect(weights.get('blocks.0.attn.W_Q').pairs).toBe(true);
    expect(weights.get('blocks.0.mlp.W_in').stored.shape).toEqual([6, 4]);
    weights.close();
  });

  it.each([
    ['an empty file', Buffer.alloc(0), 'does not begin'],
    ['another magic', writeGguf(tiny.metadata, tiny.tensors, { magic: 'GGML' }), 'does not begin'],
    ['version 1', writeGguf(tiny.metadata, tiny.tensors, { version: 1 }), 'version 1'],
    ['version 4', writeGguf(tiny.metadata, tiny.tensors, { version: 4 }), 'version 4'],
    ['big-endian numbers', writeGguf(tiny.metadata, tiny.tensors, { version: 0x03000000 }), 'big-endian'],
    ['2^64 - 1 tensors', writeGguf(tiny.metadata, tiny.tensors, { tensorCount: 2n ** 64n - 1n }), 'more than the'],
    ['2^63 keys', writeGguf(tiny.metadata, tiny.tensors, { keyCount: 2n ** 63n }), 'more than the'],
    ['a tensor more than listed', writeGguf(tiny.metadata, tiny.tensors, { tensorCount: 12n }), ''],
    ['half its bytes', writeGguf(tiny.metadata, tiny.tensors).subarray(0, 700), 'truncated'],
    ['its last byte missing', writeGguf(tiny.metadata, tiny.tensors).subarray(0, -32), 'truncated'],
    ['a key twice', writeGguf([...Object.entries(tiny.metadata), ['llama.block_count', 1]], tiny.tensors), 'twice'],
    ['a tensor twice', writeGguf(tiny.metadata, [...tiny.tensors, tiny.tensors[1]!]), 'listed twice'],
    [
      'an array of 2^60',
      writeGguf({ ...tiny.metadata, x: { raw: Buffer.from('0900000004000000000000000000000010', 'hex') } }, tiny.tensors),
      'more than the',
    ],
    ['a value type 13', writeGguf({ ...tiny.metadata, x: { raw: Buffer.from('0d000000', 'hex') } }, tiny.tensors), 'unknown type 13'],
    [
      'arrays in arrays',
      writeGguf({ ...tiny.metadata, x: { raw: Buffer.from('09000000090000000000000000000000', 'hex') } }, tiny.tensors),
      'type 9',
    ],
    [
      'a truth value of 2',
      writeGguf({ ...tiny.metadata, x: { raw: Buffer.from('0700000002', 'hex') } }, tiny.tensors),
      'neither true nor false',
    ],
    [
      'a text that is not UTF-8',
      writeGguf({ ...tiny.metadata, x: { raw: Buffer.from('080000000100000000000000ff', 'hex') } }, tiny.tensors),
      'not UTF-8',
    ],
    [
      'a surplus tensor',
      writeGguf(tiny.metadata, [...tiny.tensors, { ...tiny.tensors[1]!, name: 'blk.7.attn_norm.weight' }]),
      'has no place',
    ],
    ['a missing tensor', writeGguf(tiny.metadata, tiny.tensors.slice(0, -1)), 'has no tensor output_norm.weight'],
  ])('with %s is refused', (_, bytes, message) => {
    const error = refusal(() => openWeights(saved(bytes)));
    expect(error.message).toContain(message);
    expect(basename(error.place.file!)).toBe('tiny.gguf');
  });

  it.each([
    ['general.architecture', 'gemma2', 'not supported'],
    ['general.architecture', undefined, 'not supported'],
    ['general.type', 'adapter', 'must be model'],
    ['general.alignment', 0, 'multiple of 8'],
    ['general.alignment', 12, 'multiple of 8'],
    ['split.count', 3, 'one part of a split file'],
    ['llama.block_count', undefined, 'is missing'],
    ['llama.block_count', { u64: 2n ** 40n }, 'must be an integer'],
    ['llama.embedding_length', { f32: 4.5 }, 'must be an integer'],
    ['llama.attention.head_count', { ints: [2, 3] }, 'the same integer'],
    ['llama.attention.head_count_kv', 3, 'not a multiple'],
    ['llama.attention.layer_norm_rms_epsilon', undefined, 'is missing'],
    ['llama.attention.layer_norm_rms_epsilon', { f32: NaN }, 'a number above 0'],
    ['llama.attention.sliding_window', 8, 'sliding window'],
    ['llama.attention.value_length', 4, 'not supported'],
    ['llama.rope.dimension_count', 1, 'must be even'],
    ['llama.rope.scaling.type', 'longrope', 'must be none, linear or yarn'],
    ['llama.expert_count', 8, 'not supported'],
    ['llama.logit_scale', { f32: 0.5 }, 'not supported'],
    ['llama.invented', 1, 'not a key that is known'],
  ] as [string, GgufValue | undefined, string][])('with %s as in case %# is refused', (key, value, message) => {
    const error = refusal(() => openWeights(withKeys({ [key]: value })));
    expect(error.message).toContain(message);
    expect(error.place.field).toBe(key === 'split.count' ? 'general.split.count' : key);
  });

  it.each([
    ['a type that is not supported', { type: 20 }, 'type IQ4_NL; supported are F32'],
    ['a type that nobody knows', { type: 99 }, 'type number 99; supported are'],
    ['rows that are not whole blocks', { type: 2 }, 'blocks of 32'],
    ['an offset beyond the file', { offset: 2n ** 63n }, 'beyond the end'],
    ['an offset that is not aligned', { offset: 36n }, 'not a multiple of 32'],
    ['the place of another tensor', { offset: 0n }, 'overlaps'],
    ['more values than the file has', { shape: [4, 2 ** 30] }, 'truncated'],
    ['a shape that overflows', { shape: [2 ** 50, 2 ** 50] }, 'impossible shape'],
    ['five dimensions', { shape: [4, 1, 1, 1, 1] }, '5 dimensions'],
    ['another shape', { shape: [2, 2] }, 'but the configuration gives [4]'],
  ] as [string, Partial<GgufTensor>, string][])('whose tensor has %s is refused', (_, change, message) => {
    const name = 'blk.0.ffn_norm.weight';
    const error = refusal(() => openWeights(withTensor(name, change)));
    expect(error.message).toContain(message);
    expect(error.place.field).toMatch(message === 'overlaps' ? /weight$/ : name);
  });

  it('reads rope scaling and factors from the metadata', () => {
    const position = (changes: Record<string, GgufValue>, more: GgufTensor[] = []) => {
      const { spec } = openWeights(saved(writeGguf({ ...tiny.metadata, ...changes }, [...tiny.tensors, ...more])));
      return spec.position.kind === 'rope' ? spec.position.scaling : null;
    };
    expect(position({ 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': { f32: 4 } })).toEqual({
      type: 'linear',
      factor: 4,
    });
    expect(position({ 'llama.rope.scale_linear': { f32: 2 } })).toEqual({ type: 'linear', factor: 2 });
    expect(position({ 'llama.rope.scaling.type': 'none', 'llama.rope.scaling.factor': { f32: 0 } })).toEqual({ type: 'none' });
    expect(
      position({
        'llama.rope.scaling.type': 'yarn',
        'llama.rope.scaling.factor': { f32: 4 },
        'llama.rope.scaling.original_context_length': 4,
      }),
    ).toMatchObject({ type: 'yarn', factor: 4, originalContext: 4, attentionFactor: 0.1 * Math.log(4) + 1 });
    const factors = (values: number[]): GgufTensor => ({
      name: 'rope_freqs.weight',
      shape: [values.length],
      type: 0,
      data: new Uint8Array(Float32Array.from(values).buffer),
    });
    expect(position({}, [factors([8])])).toEqual({ type: 'factors', factors: [8] });
    expect(refusal(() => position({}, [factors([8, 8])])).message).toContain('must be F32 [1]');
    expect(refusal(() => position({}, [factors([0])])).message).toContain('not a number above 0');
    expect(refusal(() => position({ 'llama.rope.scaling.type': 'linear' }, [factors([8])])).message).toContain('not supported together');
  });

  it('reads an untied head and biases by their presence', () => {
    const bias = (part: string, size: number): GgufTensor => ({
      name: `blk.0.attn_${part}.bias`,
      shape: [size],
      type: 0,
      data: someFloats(size),
    });
    const head: GgufTensor = { name: 'output.weight', shape: [4, 3], type: 0, data: someFloats(12, 5) };
    const { spec, weights } = openWeights(
      saved(writeGguf(tiny.metadata, [...tiny.tensors, head, bias('q', 4), bias('k', 2), bias('v', 2)])),
    );
    expect(spec.tiedEmbeddings).toBe(false);
    expect(weights.get('blocks.0.attn.b_Q').pairs).toBe(true);
    expect(weights.get('blocks.0.attn.b_V').pairs).toBeUndefined();
    expect([...weights.readUnembed([2]).w]).toEqual([...new Float32Array(someFloats(12, 5).buffer).subarray(8)]);
    expect(refusal(() => openWeights(saved(writeGguf(tiny.metadata, [...tiny.tensors, bias('q', 4)])))).place.field).toBe(
      'blk.0.attn_k.bias',
    );
  });

  it('with more tokens than the embedding has rows is refused', async () => {
    const tokens = ['a', 'b', 'c', '<|end|>'];
    const path = withKeys({
      'tokenizer.ggml.tokens': { strings: tokens },
      'tokenizer.ggml.token_type': { ints: [1, 1, 1, 3] },
      'tokenizer.ggml.bos_token_id': 3,
      'tokenizer.ggml.eos_token_id': 3,
    });
    expect((await loadRefusal(path)).message).toContain('ids up to 3');
  });
});

describe('llama2.c checkpoints', () => {
  const saved = (bytes: Uint8Array): string => write(temporaryFolder(), 'model.bin', bytes);

  it('are read when they are whole, tied or not', () => {
    const tied = openWeights(tokenized(saved(tinyLlama2c())));
    expect(tied.spec).toMatchObject({ dModel: 4, nKvHeads: 1, vocabSize: 3, context: 16, tiedEmbeddings: true, norm: { eps: 1e-5 } });
    const untied = openWeights(tokenized(saved(tinyLlama2c([4, 6, 2, 2, 1, -3, 16]))));
    expect(untied.spec).toMatchObject({ nLayers: 2, vocabSize: 3, tiedEmbeddings: false });
    // The head is the last thing in the file.
    const last = untied.weights.get('unembed.W_U').stored;
    expect(last.byteOffset + last.byteLength).toBe(untied.weights.bytes);
    expect(untied.weights.get('blocks.1.attn.W_K').stored.byteOffset - untied.weights.get('blocks.0.attn.W_K').stored.byteOffset).toBe(
      2 * 4 * 4,
    );
  });

  it('of version 1 hold the same weights', async () => {
    const legacy = await loadModel(referencePath('stories260K', 'stories260K.bin'));
    const all = (name: string): Buffer[] =>
      legacy.weights
        .names()
        .filter((n) => n.endsWith(name))
        .map((n) => Buffer.from(legacy.weights.readStored(n).buffer));
    const header = Buffer.alloc(256);
    header.writeUInt32LE(0x616b3432, 0);
    [1, 64, 172, 5, 8, 4, 512, 512].forEach((value, i) => header.writeInt32LE(value, 4 + 4 * i));
    header[36] = 1;
    const parts = ['ln1.w', 'ln2.w', 'ln_final.w', 'W_E', 'W_Q', 'W_K', 'W_V', 'W_O', 'W_gate', 'W_out', 'W_in'].flatMap(all);
    const folder = temporaryFolder();
    write(folder, 'tok512.bin', readFileSync(referencePath('stories260K', 'tok512.bin')));
    const current = await loadModel(write(folder, 'v1.bin', Buffer.concat([header, ...parts])));
    expect(current.spec).toEqual(legacy.spec);
    for (const name of legacy.weights.names()) {
      expect(Buffer.from(current.weights.readStored(name).buffer).equals(Buffer.from(legacy.weights.readStored(name).buffer))).toBe(true);
    }
    const quantised = Buffer.from(header);
    quantised.writeInt32LE(2, 4);
    expect((await loadRefusal(write(folder, 'v2.bin', quantised))).message).toContain('version 2');
    current.close();
    legacy.close();
  });

  function tokenized(path: string): string {
    write(join(path, '..'), 'tokenizer.bin', '');
    return path;
  }

  it.each([
    ['no bytes', Buffer.alloc(0), 'truncated'],
    ['a header alone', tinyLlama2c().subarray(0, 28), 'takes'],
    ['a byte too few', tinyLlama2c().subarray(0, -1), 'takes'],
    ['a byte too many', Buffer.concat([tinyLlama2c(), Buffer.of(0)]), 'takes'],
    ['zeros', Buffer.alloc(100), 'dim is 0'],
    ['sizes that overflow', Buffer.from(Int32Array.of(1 << 24, 1 << 24, 1 << 24, 1, 1, 1 << 24, 1 << 24).buffer), 'takes'],
    ['a size of 2^31 - 1', Buffer.from(Int32Array.of(2 ** 31 - 1, 6, 1, 2, 1, 3, 16).buffer), 'which cannot be'],
    ['a negative size', Buffer.from(Int32Array.of(4, -6, 1, 2, 1, 3, 16).buffer), 'which cannot be'],
    ['heads that do not divide', Buffer.from(Int32Array.of(4, 6, 1, 3, 1, 3, 16).buffer), 'heads of even size'],
    ['key heads that do not divide', Buffer.from(Int32Array.of(12, 6, 1, 6, 4, 3, 16).buffer), 'not a multiple'],
    ['a zip archive (PyTorch)', Buffer.from('PK\x03\x04'), 'PyTorch'],
    ['a pickle (PyTorch)', Buffer.from([0x80, 0x02, 0x8a]), 'PyTorch'],
  ])('with %s are refused', (_, bytes, message) => {
    expect(refusal(() => openWeights(saved(bytes))).message).toContain(message);
  });

  it('without a tokenizer are refused', async () => {
    expect((await loadRefusal(saved(tinyLlama2c()))).message).toContain('tok3.bin or tokenizer.bin is needed');
  });
});

describe('paths', () => {
  it.each([
    ['a missing path', (folder: string) => join(folder, 'none'), 'no such file or folder'],
    ['an empty folder', (folder: string) => folder, 'no model'],
    ['a text', (folder: string) => write(folder, 'notes.txt', 'x'), 'not a model'],
    ['a PyTorch folder', (folder: string) => write(folder, 'pytorch_model.bin', 'PK') && folder, 'PyTorch checkpoint'],
    [
      'shards without an index',
      (folder: string) => write(folder, 'model-00001-of-00002.safetensors', '') && folder,
      'but not model.safetensors.index.json',
    ],
    ['one shard', (folder: string) => write(folder, 'model-00001-of-00002.safetensors', ''), 'one part'],
    [
      'two GGUF files',
      (folder: string) => write(folder, 'a.gguf', '') && write(folder, 'b.gguf', '') && folder,
      'several models (a.gguf, b.gguf)',
    ],
    [
      'a file without a configuration',
      (folder: string) => write(folder, 'model.safetensors', rawSafetensors('{}', new Uint8Array(0))),
      'no config.json',
    ],
    [
      'a folder named as a file',
      (folder: string) => (
        mkdirSync(join(folder, 'm.safetensors')),
        mkdirSync(join(folder, 'm.safetensors', 'x')),
        join(folder, 'm.safetensors')
      ),
      'no model',
    ],
  ])('to %s are refused', async (_, make, message) => {
    expect((await loadRefusal(make(temporaryFolder()))).message).toContain(message);
  });

  it('to a named pipe are refused, without waiting for a writer', async () => {
    const folder = temporaryFolder();
    const pipe = join(folder, 'model.gguf');
    execFileSync('mkfifo', [pipe]);
    expect((await loadRefusal(pipe)).message).toContain('not a regular file');
  });
});
