import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSafetensors, referencePath, temporaryFolder, writeSafetensors } from '../helpers/reference.js';
import type { RawTensor } from '../helpers/reference.js';

/** The tokenizer.json of three letters, for models whose prompts are ids. */
export const LETTERS = JSON.stringify({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: { a: 0, b: 1, c: 2 }, merges: [] },
});

/** A copy of a reference model's own files (not of its variants) in a new temporary folder. */
export function copyModel(name: string): string {
  const folder = temporaryFolder();
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
    if (existsSync(referencePath(name, file))) cpSync(referencePath(name, file), join(folder, file));
  }
  return folder;
}

export function write(folder: string, name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Rewrites config.json with these keys set (undefined: removed). */
export function setConfig(folder: string, changes: Record<string, unknown>): void {
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  write(folder, 'config.json', JSON.stringify({ ...config, ...changes }));
}

/** Rewrites model.safetensors from its tensors as changed by `edit`. */
export function setTensors(folder: string, edit: (tensors: Map<string, RawTensor>) => void): void {
  const tensors = parseSafetensors(readFileSync(join(folder, 'model.safetensors')));
  edit(tensors);
  write(folder, 'model.safetensors', writeSafetensors(tensors));
}

/** A safetensors file with exactly this header text (not padded) and data. */
export function rawSafetensors(header: string, data: Uint8Array, length = BigInt(Buffer.byteLength(header))): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length);
  return Buffer.concat([size, Buffer.from(header), data]);
}

/** A GGUF metadata value with its type; numbers are uint32 unless they say otherwise. */
export type GgufValue =
  string | boolean | number | { f32: number } | { u64: bigint } | { strings: string[] } | { ints: number[] } | { raw: Buffer };

export interface GgufTensor {
  name: string;
  /** Innermost first, as the file has it. */
  shape: number[];
  type: number;
  data: Uint8Array;
  /** In place of the next aligned one. */
  offset?: bigint;
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: bigint | number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

function ggufValue(value: GgufValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)]);
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)]);
  if (typeof value === 'number') return Buffer.concat([u32(4), u32(value)]);
  if ('raw' in value) return value.raw;
  if ('u64' in value) return Buffer.concat([u32(10), u64(value.u64)]);
  if ('f32' in value) {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value.f32);
    return Buffer.concat([u32(6), bytes]);
  }
  if ('ints' in value) return Buffer.concat([u32(9), u32(5), u64(value.ints.length), ...value.ints.map((v) => u32(v >>> 0))]);
  return Buffer.concat([u32(9), u32(8), u64(value.strings.length), ...value.strings.map(text)]);
}

/** A GGUF file. Counts may be given to lie about them. */
export function writeGguf(
  metadata: Record<string, GgufValue> | [string, GgufValue][],
  tensors: GgufTensor[],
  lies: { version?: number; tensorCount?: bigint; keyCount?: bigint; magic?: string } = {},
): Buffer {
  const entries = Array.isArray(metadata) ? metadata : Object.entries(metadata);
  const header: Buffer[] = [
    Buffer.from(lies.magic ?? 'GGUF'),
    u32(lies.version ?? 3),
    u64(lies.tensorCount ?? tensors.length),
    u64(lies.keyCount ?? entries.length),
    ...entries.flatMap(([key, value]) => [text(key), ggufValue(value)]),
  ];
  const data: Buffer[] = [];
  let at = 0;
  for (const tensor of tensors) {
    header.push(
      text(tensor.name),
      u32(tensor.shape.length),
      ...tensor.shape.map((n) => u64(n)),
      u32(tensor.type),
      u64(tensor.offset ?? at),
    );
    const padded = Buffer.alloc(Math.ceil(tensor.data.length / 32) * 32);
    padded.set(tensor.data);
    data.push(padded);
    at += padded.length;
  }
  const length = header.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...header, Buffer.alloc((32 - (length % 32)) % 32), ...data]);
}

/** Float32 values that are small, finite and different from each other. */
export function someFloats(count: number, seed = 1): Uint8Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = Math.sin(seed + i * 1.7) / 4;
  return new Uint8Array(values.buffer);
}

/** Metadata and tensors of a llama of one layer (d 4, 2 heads, vocabulary 3) as llama.cpp's converter writes them. */
export function tinyLlamaGguf(): { metadata: Record<string, GgufValue>; tensors: GgufTensor[] } {
  const tensor = (name: string, ...shape: number[]): GgufTensor => ({
    name,
    shape,
    type: 0,
    data: someFloats(shape.reduce((a, b) => a * b, 1)),
  });
  return {
    metadata: {
      'general.architecture': 'llama',
      'general.name': 'tiny',
      'llama.block_count': 1,
      'llama.context_length': 16,
      'llama.embedding_length': 4,
      'llama.feed_forward_length': 6,
      'llama.attention.head_count': 2,
      'llama.attention.head_count_kv': 1,
      'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
      'llama.rope.freq_base': { f32: 10000 },
      'llama.rope.dimension_count': 2,
      'llama.vocab_size': 3,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'llama-bpe',
      'tokenizer.ggml.tokens': { strings: ['a', 'b', '<|end|>'] },
      'tokenizer.ggml.token_type': { ints: [1, 1, 3] },
      'tokenizer.ggml.merges': { strings: [] },
      'tokenizer.ggml.bos_token_id': 2,
      'tokenizer.ggml.eos_token_id': 2,
    },
    tensors: [
      tensor('token_embd.weight', 4, 3),
      tensor('blk.0.attn_norm.weight', 4),
      tensor('blk.0.attn_q.weight', 4, 4),
      tensor('blk.0.attn_k.weight', 4, 2),
      tensor('blk.0.attn_v.weight', 4, 2),
      tensor('blk.0.attn_output.weight', 4, 4),
      tensor('blk.0.ffn_norm.weight', 4),
      tensor('blk.0.ffn_gate.weight', 4, 6),
      tensor('blk.0.ffn_up.weight', 4, 6),
      tensor('blk.0.ffn_down.weight', 6, 4),
      tensor('output_norm.weight', 4),
    ],
  };
}

/** The same model in Hugging Face layout, without a tokenizer. */
export function tinyLlamaFolder(): { config: Record<string, unknown>; tensors: Map<string, RawTensor> } {
  const tensors = new Map<string, RawTensor>();
  const add = (name: string, ...shape: number[]): void => {
    tensors.set(name, { dtype: 'F32', shape, bytes: someFloats(shape.reduce((a, b) => a * b, 1)) });
  };
  add('model.embed_tokens.weight', 3, 4);
  const at = 'model.layers.0';
  add(`${at}.input_layernorm.weight`, 4);
  add(`${at}.self_attn.q_proj.weight`, 4, 4);
  add(`${at}.self_attn.k_proj.weight`, 2, 4);
  add(`${at}.self_attn.v_proj.weight`, 2, 4);
  add(`${at}.self_attn.o_proj.weight`, 4, 4);
  add(`${at}.post_attention_layernorm.weight`, 4);
  add(`${at}.mlp.gate_proj.weight`, 6, 4);
  add(`${at}.mlp.up_proj.weight`, 6, 4);
  add(`${at}.mlp.down_proj.weight`, 4, 6);
  add('model.norm.weight', 4);
  return {
    config: {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 4,
      intermediate_size: 6,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      max_position_embeddings: 16,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: true,
      vocab_size: 3,
      torch_dtype: 'float32',
    },
    tensors,
  };
}

/** The same sizes as a llama2.c checkpoint: [dim, hidden, layers, heads, kv heads, vocabulary, context] and the weights. */
export function tinyLlama2c(header = [4, 6, 1, 2, 1, 3, 16]): Buffer {
  const [d, hidden, layers, heads, kv, vocab, context] = header as [number, number, number, number, number, number, number];
  const dk = (d / heads) * kv;
  const perLayer = 2 * d + d * d * 2 + 2 * dk * d + 3 * hidden * d;
  const count = Math.abs(vocab) * d + layers * perLayer + d + context * (d / heads) + (vocab < 0 ? -vocab * d : 0);
  const start = Buffer.alloc(28);
  header.forEach((value, i) => start.writeInt32LE(value, 4 * i));
  return Buffer.concat([start, someFloats(count)]);
}
