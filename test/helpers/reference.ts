import { mkdirSync, mkdtempSync, readFileSync, rmSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

/** Folder of the reference fixtures (test/reference; its README.md says what each array is). */
export const REFERENCE = join(dirname(fileURLToPath(import.meta.url)), '..', 'reference');

/** Path of a file or folder below test/reference. */
export function referencePath(...parts: string[]): string {
  return join(REFERENCE, ...parts);
}

export const FAMILIES = ['llama', 'gpt2', 'qwen2', 'qwen3', 'gpt_neox'] as const;

export interface ReferenceArray {
  data: Float32Array;
  shape: readonly number[];
}

export interface ReferencePrompt {
  text: string;
  ids: number[];
  ids_no_special: number[];
  tokens: string[];
  span: [number, number];
  span_text: string;
  answer: number;
  rivals: number[];
}

/** What the tests read of reference.json; the rest is reachable by name. */
export interface ReferenceJson {
  name: string;
  model: Record<string, unknown>;
  prompts: Record<'short' | 'control' | 'probe', ReferencePrompt>;
  pair: { align: [number, number, 'span' | 'last' | 'tail' | 'first'][]; logit_diff: unknown };
  greedy: Record<string, number[]>;
  adds_bos: boolean;
  tokenizer_cases: { text: string; ids: number[]; ids_no_special: number[]; decoded: string }[];
  [key: string]: unknown;
}

export interface Reference {
  json: ReferenceJson;
  /** The array of that name; throws when there is none. */
  arrays(name: string): ReferenceArray;
  has(name: string): boolean;
  names: string[];
}

/** `reference.json` and `reference.safetensors` of a folder (`llama`, `gpt2`, `qwen2`, `qwen3`, `gpt_neox`, `stories260K`, `llama_kquant`). */
export function loadReference(name: string): Reference {
  return load(referencePath(name, 'reference'));
}

/** `variants.json` and `variants.safetensors` of `llama` or `qwen2`. */
export function loadVariants(name: string): Omit<Reference, 'json'> & { json: Record<string, unknown> } {
  return load(referencePath(name, 'variants'));
}

function load(base: string): Reference {
  const json = JSON.parse(readFileSync(`${base}.json`, 'utf8')) as ReferenceJson;
  const tensors = parseSafetensors(unpack(`${base}.safetensors`));
  return {
    json,
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    arrays(name) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${base} has no array ${name}`);
      if (tensor.dtype !== 'F32') throw new Error(`${base}: ${name} is ${tensor.dtype}`);
      return { data: new Float32Array(copyBuffer(tensor.bytes)), shape: tensor.shape };
    },
  };
}

/** The file as make.py wrote it, from NAME or the packed NAME.br. */
function unpack(path: string): Buffer {
  if (existsSync(path)) return readFileSync(path);
  const packed = brotliDecompressSync(readFileSync(`${path}.br`));
  const start = 8 + Number(packed.readBigUInt64LE(0));
  const values = (packed.length - start) / 4;
  const file = Buffer.from(packed);
  for (let plane = 0; plane < 4; plane++)
    for (let i = 0; i < values; i++) file[start + 4 * i + plane] = packed[start + plane * values + i]!;
  return file;
}

export interface RawTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** Tensors of a well-formed safetensors file. For fixtures only: nothing is checked. */
export function parseSafetensors(file: Buffer): Map<string, RawTensor> {
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, RawTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    tensors.set(name, { dtype, shape, bytes: file.subarray(start + data_offsets[0], start + data_offsets[1]) });
  }
  return tensors;
}

/** The bytes of a safetensors file with these tensors, in this order. */
export function writeSafetensors(tensors: Iterable<readonly [string, RawTensor]>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  return Buffer.concat([length, Buffer.from(text), ...parts]);
}

let temporary: string | undefined;

/** A new empty folder that is deleted when the process ends. */
export function temporaryFolder(): string {
  if (temporary === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'residue-test-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    temporary = folder;
  }
  return mkdtempSync(join(temporary, 'f'));
}

function copyModelFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors.index.json'])
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
}

let sharded: string | undefined;

/** A folder with `llama/` in two shards and their index, as its `sharded/` describes. */
export function shardedLlama(): string {
  if (sharded !== undefined) return sharded;
  const folder = temporaryFolder();
  copyModelFiles(referencePath('llama', 'sharded'), folder);
  const { weight_map } = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8')) as {
    weight_map: Record<string, string>;
  };
  const tensors = [...parseSafetensors(readFileSync(referencePath('llama', 'model.safetensors')))];
  for (const shard of new Set(Object.values(weight_map)))
    writeFileSync(join(folder, shard), writeSafetensors(tensors.filter(([name]) => weight_map[name] === shard)));
  return (sharded = folder);
}

const hub = new Map<string, string>();

/** A folder with the family's model under the tensor names and with the leftover buffers of its first published checkpoints. */
export function hubLayout(family: 'gpt2' | 'gpt_neox'): string {
  const made = hub.get(family);
  if (made !== undefined) return made;
  const folder = temporaryFolder();
  copyModelFiles(referencePath(family, 'hub_layout'), folder);
  const old: [string, RawTensor][] = [];
  for (const [name, tensor] of parseSafetensors(readFileSync(referencePath(family, 'model.safetensors'))))
    old.push([family === 'gpt2' ? name.replace(/^transformer\./, '') : name, tensor]);
  const context = 256;
  for (let layer = 0; layer < 3; layer++) {
    const mask = (one: number[]): Uint8Array => {
      const bytes = new Uint8Array(context * context * one.length);
      for (let q = 0; q < context; q++) for (let k = 0; k <= q; k++) bytes.set(one, (q * context + k) * one.length);
      return bytes;
    };
    const float = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
    if (family === 'gpt2') {
      old.push([`h.${layer}.attn.bias`, { dtype: 'F32', shape: [1, 1, context, context], bytes: mask([...float(1)]) }]);
    } else {
      const at = `gpt_neox.layers.${layer}.attention`;
      old.push([`${at}.masked_bias`, { dtype: 'F32', shape: [], bytes: float(-1e9) }]);
      old.push([`${at}.rotary_emb.inv_freq`, { dtype: 'F32', shape: [2], bytes: float(1, 0.01) }]);
      old.push([`${at}.bias`, { dtype: 'BOOL', shape: [1, 1, context, context], bytes: mask([1]) }]);
    }
  }
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(old));
  hub.set(family, folder);
  return folder;
}

function copyBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
