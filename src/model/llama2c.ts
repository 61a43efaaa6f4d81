import { basename } from 'node:path';
import { InputError } from '../errors.js';
import type { FileTensor } from './dtypes.js';
import type { Description, TensorNames } from './families/family.js';
import { openFile } from './file.js';

const LEGACY_HEADER = 28;
const V1_HEADER = 256;
/** "ak42" */
const MAGIC = 0x616b3432;
const MAX_SIZE = 2 ** 24;

const FIELDS = ['dim', 'hidden_dim', 'n_layers', 'n_heads', 'n_kv_heads', 'vocab_size', 'seq_len'] as const;
type Header = Record<(typeof FIELDS)[number], number>;

export interface Llama2cContent {
  description: Description;
  tensors: FileTensor[];
  names: TensorNames;
  bytes: number;
}

/**
 * A llama2.c checkpoint (karpathy/llama2.c, export.py): the first format, 7 int32 and then the float32 arrays of each kind over
 * all layers (a negative vocab_size: the classifier is not shared), or version 1 with its 256-byte header. Rows of Q and K are in
 * adjacent-pair RoPE order. The file must be exactly as long as its header says.
 */
export function readLlama2c(path: string): Llama2cContent {
  const file = openFile(path);
  const name = basename(path);
  const fail = (message: string, field: string): InputError => new InputError(message, { file: path, field });
  try {
    const start = file.read(0, Math.min(file.size, LEGACY_HEADER + 9));
    if (start.toString('latin1', 0, 2) === 'PK' || start[0] === 0x80) {
      throw fail(`${name} is a PyTorch checkpoint, which can run code when it is read; convert it to safetensors.`, 'format');
    }
    if (file.size < LEGACY_HEADER) throw fail(`${name} has ${file.size} bytes, too few for a llama2.c header: it is truncated.`, 'header');
    const current = start.readUInt32LE(0) === MAGIC;
    if (current && (start.length < LEGACY_HEADER + 9 || start.readInt32LE(4) !== 1)) {
      throw fail(
        `${name} is of version ${start.readInt32LE(4)} of llama2.c's format; the first format and version 1 (float32) are read.`,
        'version',
      );
    }
    const header = readHeader(start, current ? 8 : 0, fail);
    const shared = current ? start[LEGACY_HEADER + 8] !== 0 : header.vocab_size > 0;
    header.vocab_size = Math.abs(header.vocab_size);
    check(header, fail);
    const layout = current ? version1(header, shared) : legacy(header, shared);
    const length = layout.reduce((at, part) => at + part.values * 4, current ? V1_HEADER : LEGACY_HEADER);
    if (length !== file.size) {
      throw fail(
        `${name} has ${file.size} bytes, but a model with its header's sizes takes ${length}: it is truncated or not a llama2.c checkpoint.`,
        'header',
      );
    }
    return {
      description: describe(header, shared),
      tensors: place(path, layout, current ? V1_HEADER : LEGACY_HEADER),
      names: NAMES,
      bytes: file.size,
    };
  } finally {
    file.close();
  }
}

function readHeader(bytes: Buffer, at: number, fail: (message: string, field: string) => InputError): Header {
  const header = {} as Header;
  FIELDS.forEach((field, i) => {
    const value = bytes.readInt32LE(at + 4 * i);
    const size = field === 'vocab_size' ? Math.abs(value) : value;
    if (size < 1 || size > MAX_SIZE)
      throw fail(`The header's ${field} is ${value}, which cannot be: this is not a llama2.c checkpoint.`, field);
    header[field] = value;
  });
  return header;
}

function check(header: Header, fail: (message: string, field: string) => InputError): void {
  const { dim, n_heads: heads, n_kv_heads: kv } = header;
  if (dim % heads !== 0 || (dim / heads) % 2 !== 0)
    throw fail(`The header's dim, ${dim}, does not divide into ${heads} heads of even size.`, 'dim');
  if (heads % kv !== 0) throw fail(`The header's n_heads, ${heads}, is not a multiple of its n_kv_heads, ${kv}.`, 'n_kv_heads');
}

/** Consecutive arrays: one of each `shape` per layer (or one in all), or a table that is skipped (no name). */
interface Part {
  name?: string;
  shape: readonly number[];
  layers: number;
  values: number;
}

function part(name: string | undefined, layers: number, ...shape: number[]): Part {
  return { name, shape, layers, values: shape.reduce((a, b) => a * b, Math.max(1, layers)) };
}

function matrices(
  h: Header,
): Record<'attnNorm' | 'q' | 'k' | 'v' | 'o' | 'ffnNorm' | 'gate' | 'down' | 'up' | 'norm' | 'embed' | 'head', Part> {
  const { dim: d, hidden_dim: hidden, n_layers: L, vocab_size: vocab } = h;
  const kv = (d / h.n_heads) * h.n_kv_heads;
  return {
    embed: part('tok_embeddings', 0, vocab, d),
    attnNorm: part('attention_norm', L, d),
    q: part('wq', L, d, d),
    k: part('wk', L, kv, d),
    v: part('wv', L, kv, d),
    o: part('wo', L, d, d),
    ffnNorm: part('ffn_norm', L, d),
    gate: part('w1', L, hidden, d),
    down: part('w2', L, d, hidden),
    up: part('w3', L, hidden, d),
    norm: part('norm', 0, d),
    head: part('output', 0, vocab, d),
  };
}

function legacy(h: Header, shared: boolean): Part[] {
  const m = matrices(h);
  // cos and sin of all positions, which are recomputed.
  const tables = part(undefined, 0, h.seq_len, h.dim / h.n_heads);
  const parts = [m.embed, m.attnNorm, m.q, m.k, m.v, m.o, m.ffnNorm, m.gate, m.down, m.up, m.norm, tables];
  return shared ? parts : [...parts, m.head];
}

function version1(h: Header, shared: boolean): Part[] {
  const m = matrices(h);
  const parts = [m.attnNorm, m.ffnNorm, m.norm, m.embed, m.q, m.k, m.v, m.o, m.gate, m.down, m.up];
  return shared ? parts : [...parts, m.head];
}

function place(path: string, parts: readonly Part[], start: number): FileTensor[] {
  const tensors: FileTensor[] = [];
  let at = start;
  for (const { name, shape, layers, values } of parts) {
    const byteLength = (values * 4) / Math.max(1, layers);
    for (let layer = 0; layer < Math.max(1, layers); layer++, at += byteLength) {
      if (name === undefined) continue;
      tensors.push({ file: path, name: layers === 0 ? name : `layers.${layer}.${name}`, dtype: 'F32', shape, byteOffset: at, byteLength });
    }
  }
  return tensors;
}

const NAMES: TensorNames = {
  prefix: '',
  names: {
    'embed.W_E': 'tok_embeddings',
    'ln_final.w': 'norm',
    'unembed.W_U': 'output',
    'blocks.N.ln1.w': 'layers.N.attention_norm',
    'blocks.N.ln2.w': 'layers.N.ffn_norm',
    'blocks.N.attn.W_Q': 'layers.N.wq',
    'blocks.N.attn.W_K': 'layers.N.wk',
    'blocks.N.attn.W_V': 'layers.N.wv',
    'blocks.N.attn.W_O': 'layers.N.wo',
    'blocks.N.mlp.W_gate': 'layers.N.w1',
    'blocks.N.mlp.W_in': 'layers.N.w3',
    'blocks.N.mlp.W_out': 'layers.N.w2',
  },
  layout: 'out_in',
  pairs: true,
  leftovers: [],
};

function describe(h: Header, shared: boolean): Description {
  const dHead = h.dim / h.n_heads;
  return {
    spec: {
      family: 'llama',
      nLayers: h.n_layers,
      dModel: h.dim,
      nHeads: h.n_heads,
      nKvHeads: h.n_kv_heads,
      dHead,
      dMlp: h.hidden_dim,
      vocabSize: h.vocab_size,
      context: h.seq_len,
      norm: { kind: 'rms', eps: 1e-5 },
      position: { kind: 'rope', theta: 10_000, rotaryDim: dHead, scaling: { type: 'none' } },
      parallelResidual: false,
      qkNorm: false,
      mlp: { gated: true, activation: 'silu' },
      tiedEmbeddings: shared,
      attentionScale: dHead ** -0.5,
      // run.c: BOS is 1; a sequence ends at 1 (BOS again) or 2.
      bosId: 1,
      eosIds: [1, 2],
    },
    biases: { qkv: 'absent', attnOut: 'absent', mlp: 'absent' },
    tied: shared,
  };
}
