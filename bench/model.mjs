// Writes a model of SmolLM2-135M's exact shape with random weights: the speed of a forward pass does not depend on their values.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const shape = { layers: 30, dModel: 576, heads: 9, kvHeads: 3, dHead: 64, dMlp: 1536, vocab: 49_152, context: 8192 };

/** Name and shape of every tensor, as on the Hub. */
function tensors() {
  const { layers, dModel, heads, kvHeads, dHead, dMlp, vocab } = shape;
  const list = [['model.embed_tokens.weight', [vocab, dModel]]];
  for (let l = 0; l < layers; l++) {
    const block = `model.layers.${l}`;
    list.push(
      [`${block}.input_layernorm.weight`, [dModel]],
      [`${block}.self_attn.q_proj.weight`, [heads * dHead, dModel]],
      [`${block}.self_attn.k_proj.weight`, [kvHeads * dHead, dModel]],
      [`${block}.self_attn.v_proj.weight`, [kvHeads * dHead, dModel]],
      [`${block}.self_attn.o_proj.weight`, [dModel, heads * dHead]],
      [`${block}.post_attention_layernorm.weight`, [dModel]],
      [`${block}.mlp.gate_proj.weight`, [dMlp, dModel]],
      [`${block}.mlp.up_proj.weight`, [dMlp, dModel]],
      [`${block}.mlp.down_proj.weight`, [dModel, dMlp]],
    );
  }
  list.push(['model.norm.weight', [dModel]]);
  return list;
}

export const parameters = tensors().reduce((sum, [, dims]) => sum + dims.reduce((a, b) => a * b, 1), 0);

/** Bytes of the weights in float32. */
export const floatBytes = parameters * 4;

/** Seeded uniform values in ±0.04 as bfloat16 (Marsaglia's xorshift32; the upper half of a float32 is its bfloat16). */
function randomBf16(count, seed) {
  const values = new Uint16Array(count);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    float[0] = (state | 0) * (0.04 / 2 ** 31);
    values[i] = bits[0] >>> 16;
  }
  return values;
}

function writeWeights(path) {
  const list = tensors();
  const header = {};
  let offset = 0;
  for (const [name, dims] of list) {
    const bytes = dims.reduce((a, b) => a * b, 1) * 2;
    header[name] = { dtype: 'BF16', shape: dims, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w');
  writeSync(file, length);
  writeSync(file, padded);
  list.forEach(([, dims], i) => {
    const count = dims.reduce((a, b) => a * b, 1);
    const values = dims.length === 1 ? new Uint16Array(count).fill(0x3f80) : randomBf16(count, i + 1);
    writeSync(file, new Uint8Array(values.buffer));
  });
  closeSync(file);
}

/** The 256 characters that stand for bytes in a byte-level BPE (GPT-2's `bytes_to_unicode`). */
function byteCharacters() {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let extra = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : extra++));
}

/** A valid tokenizer of the right size: the bytes, and merges of two of them until the vocabulary is full. */
function tokenizer() {
  const bytes = byteCharacters();
  const end = '<|endoftext|>';
  const vocab = { [end]: 0 };
  const merges = [];
  let id = 1;
  for (const b of bytes) vocab[b] = id++;
  for (const a of bytes)
    for (const b of bytes) {
      if (id >= shape.vocab) break;
      vocab[a + b] = id++;
      merges.push([a, b]);
    }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [{ id: 0, content: end, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}

const config = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'silu',
  hidden_size: shape.dModel,
  initializer_range: 0.041666666666666664,
  intermediate_size: shape.dMlp,
  max_position_embeddings: shape.context,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: shape.heads,
  num_hidden_layers: shape.layers,
  num_key_value_heads: shape.kvHeads,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_cache: true,
  vocab_size: shape.vocab,
};

/** Path of the model's folder; written when it is not there yet, kept for the next run (270 MB in the system's temporary folder). */
export function benchModel() {
  const folder = join(tmpdir(), 'symbolic-residue-bench', 'smollm2-135m-shape');
  const weights = join(folder, 'model.safetensors');
  if (existsSync(weights) && statSync(weights).size > parameters * 2) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer()));
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'GPT2Tokenizer', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', add_bos_token: false }),
  );
  writeWeights(`${weights}.part`);
  renameSync(`${weights}.part`, weights);
  return folder;
}
