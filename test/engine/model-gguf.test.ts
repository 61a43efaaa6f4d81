import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/engine/local/index.js';
import { loadModel } from '../../src/model/load.js';
import { loadReference, parseSafetensors, referencePath, temporaryFolder } from '../helpers/reference.js';
import type { RawTensor } from '../helpers/reference.js';
import { write, writeGguf } from '../unit/model-fixtures.js';
import type { GgufTensor, GgufValue } from '../unit/model-fixtures.js';

/** What llama.cpp's convert_hf_to_gguf does to a family: names, and the matrices that it turns or reorders. */
interface Conversion {
  architecture: string;
  pre: string;
  names: [RegExp, string][];
  change?: (name: string, tensor: RawTensor) => RawTensor;
  keys: (prefix: string) => Record<string, GgufValue>;
}

const floats = (tensor: RawTensor): Float32Array => new Float32Array(Uint8Array.from(tensor.bytes).buffer);
const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);

function transposed(tensor: RawTensor): RawTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const from = floats(tensor);
  return { dtype: 'F32', shape: [columns, rows], bytes: bytesOf(from.map((_, i) => from[(i % rows) * columns + Math.floor(i / rows)]!)) };
}

/** Rows [head, (q, k, v), d_head] to [(q, k, v), head, d_head]. */
function thirds(tensor: RawTensor, heads: number): RawTensor {
  const rows = tensor.shape[0]!;
  const width = tensor.bytes.length / rows;
  const dHead = rows / heads / 3;
  const bytes = new Uint8Array(tensor.bytes.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (3 * dHead));
    const part = Math.floor(row / dHead) % 3;
    const to = (part * heads + head) * dHead + (row % dHead);
    bytes.set(tensor.bytes.subarray(row * width, (row + 1) * width), to * width);
  }
  return { ...tensor, bytes };
}

const block = (pattern: string): RegExp => new RegExp(`^${pattern}`);
const CONVERSIONS: Record<string, Conversion> = {
  gpt2: {
    architecture: 'gpt2',
    pre: 'gpt-2',
    names: [
      [/^transformer\.wte/, 'token_embd'],
      [/^transformer\.wpe/, 'position_embd'],
      [/^transformer\.ln_f/, 'output_norm'],
      [block('transformer\\.h\\.(\\d+)\\.ln_1'), 'blk.$1.attn_norm'],
      [block('transformer\\.h\\.(\\d+)\\.ln_2'), 'blk.$1.ffn_norm'],
      [block('transformer\\.h\\.(\\d+)\\.attn\\.c_attn'), 'blk.$1.attn_qkv'],
      [block('transformer\\.h\\.(\\d+)\\.attn\\.c_proj'), 'blk.$1.attn_output'],
      [block('transformer\\.h\\.(\\d+)\\.mlp\\.c_fc'), 'blk.$1.ffn_up'],
      [block('transformer\\.h\\.(\\d+)\\.mlp\\.c_proj'), 'blk.$1.ffn_down'],
    ],
    change: (name, tensor) => (/\.c_(attn|proj|fc)\.weight$/.test(name) ? transposed(tensor) : tensor),
    keys: (p) => ({
      [`${p}.feed_forward_length`]: 192,
      [`${p}.embedding_length`]: 48,
      [`${p}.attention.layer_norm_epsilon`]: { f32: 1e-5 },
    }),
  },
  gpt_neox: {
    architecture: 'gptneox',
    pre: 'olmo',
    names: [
      [/^gpt_neox\.embed_in/, 'token_embd'],
      [/^embed_out/, 'output'],
      [/^gpt_neox\.final_layer_norm/, 'output_norm'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.input_layernorm'), 'blk.$1.attn_norm'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.post_attention_layernorm'), 'blk.$1.ffn_norm'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.attention\\.query_key_value'), 'blk.$1.attn_qkv'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.attention\\.dense'), 'blk.$1.attn_output'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.mlp\\.dense_h_to_4h'), 'blk.$1.ffn_up'],
      [block('gpt_neox\\.layers\\.(\\d+)\\.mlp\\.dense_4h_to_h'), 'blk.$1.ffn_down'],
    ],
    change: (name, tensor) => (name.includes('query_key_value') ? thirds(tensor, 4) : tensor),
    keys: (p) => ({
      [`${p}.feed_forward_length`]: 160,
      [`${p}.embedding_length`]: 64,
      [`${p}.attention.layer_norm_epsilon`]: { f32: 1e-5 },
      [`${p}.rope.dimension_count`]: 4,
      [`${p}.use_parallel_residual`]: true,
    }),
  },
  qwen3: {
    architecture: 'qwen3',
    pre: 'qwen2',
    names: [
      [/^model\.embed_tokens/, 'token_embd'],
      [/^model\.norm/, 'output_norm'],
      [block('model\\.layers\\.(\\d+)\\.input_layernorm'), 'blk.$1.attn_norm'],
      [block('model\\.layers\\.(\\d+)\\.post_attention_layernorm'), 'blk.$1.ffn_norm'],
      [block('model\\.layers\\.(\\d+)\\.self_attn\\.([qkv])_proj'), 'blk.$1.attn_$2'],
      [block('model\\.layers\\.(\\d+)\\.self_attn\\.o_proj'), 'blk.$1.attn_output'],
      [block('model\\.layers\\.(\\d+)\\.self_attn\\.([qk])_norm'), 'blk.$1.attn_$2_norm'],
      [block('model\\.layers\\.(\\d+)\\.mlp\\.(gate|up|down)_proj'), 'blk.$1.ffn_$2'],
    ],
    keys: (p) => ({
      [`${p}.feed_forward_length`]: 128,
      [`${p}.embedding_length`]: 48,
      [`${p}.attention.head_count_kv`]: 2,
      [`${p}.attention.key_length`]: 16,
      [`${p}.attention.value_length`]: 16,
      [`${p}.attention.layer_norm_rms_epsilon`]: { f32: 1e-6 },
      [`${p}.rope.freq_base`]: { f32: 1e6 },
    }),
  },
};

function convert(family: string): string {
  const { architecture, pre, names, change, keys } = CONVERSIONS[family]!;
  const tensors: GgufTensor[] = [];
  for (const [name, tensor] of parseSafetensors(readFileSync(referencePath(family, 'model.safetensors')))) {
    const [pattern, replacement] = names.find(([p]) => p.test(name))!;
    const { shape, bytes } = change?.(name, tensor) ?? tensor;
    tensors.push({ name: name.replace(pattern, replacement), shape: [...shape].reverse(), type: 0, data: bytes });
  }
  const tokenizer = JSON.parse(readFileSync(referencePath(family, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number>; merges: [string, string][] };
    added_tokens: { id: number; content: string }[];
  };
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) [tokens[id], types[id]] = [token, 1];
  for (const { id, content } of tokenizer.added_tokens) [tokens[id], types[id]] = [content, 3];
  const metadata: Record<string, GgufValue> = {
    'general.architecture': architecture,
    [`${architecture}.block_count`]: 3,
    [`${architecture}.context_length`]: 256,
    [`${architecture}.attention.head_count`]: 4,
    ...keys(architecture),
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': { strings: tokens },
    'tokenizer.ggml.token_type': { ints: types },
    'tokenizer.ggml.merges': { strings: tokenizer.model.merges.map((pair) => pair.join(' ')) },
    'tokenizer.ggml.eos_token_id': tokenizer.added_tokens.at(-1)!.id,
    'tokenizer.ggml.bos_token_id': tokenizer.added_tokens[0]!.id,
  };
  return write(temporaryFolder(), `${family}.gguf`, writeGguf(metadata, tensors));
}

describe('GGUF files of families that llama.cpp lays out in its own way', () => {
  it.each(Object.keys(CONVERSIONS))("%s gives PyTorch's logits and the same tokens", async (family) => {
    const reference = loadReference(family);
    const loaded = await loadModel(convert(family));
    const model = await openLocal(loaded, { threads: 1 });
    try {
      const { text, ids } = reference.json.prompts.control;
      expect(loaded.tokenizer.encode(text).map((token) => token.id)).toEqual(ids);
      const got = (await model.run(ids, { logits: 'all' })).logits!.data;
      const want = reference.arrays('control/logits').data;
      expect(got.length).toBe(want.length);
      got.forEach((value, i) => {
        if (!(Math.abs(value - want[i]!) <= 1e-4 * (1 + Math.abs(want[i]!)))) throw new Error(`logit ${i} is ${value}, not ${want[i]}`);
      });
    } finally {
      await model.close();
    }
  });
});
