import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/methods/random.js';
import type { PlainConfig, PlainTensor } from './plain-forward.js';
import { referencePath, temporaryFolder, writeSafetensors } from './reference.js';
import type { RawTensor } from './reference.js';

/** As many tokens as the reference tokenizers have. */
export const VOCAB = 358;

const LLAMA = {
  hidden_size: 24,
  intermediate_size: 40,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
};

/** A small configuration of each family, as config.json has it. */
export const BASE: Readonly<Record<PlainConfig['model_type'], Omit<PlainConfig, 'model_type'>>> = {
  llama: { ...LLAMA, tie_word_embeddings: false },
  qwen2: { ...LLAMA, tie_word_embeddings: true },
  qwen3: { ...LLAMA, head_dim: 10, tie_word_embeddings: true },
  gpt2: { n_embd: 24, n_head: 3, n_layer: 2, n_positions: 256, layer_norm_epsilon: 1e-5, activation_function: 'gelu_new' },
  gpt_neox: { hidden_size: 48, intermediate_size: 60, num_attention_heads: 3, layer_norm_eps: 1e-5, hidden_act: 'gelu' },
};

export interface RandomModel {
  folder: string;
  config: PlainConfig;
  tensors: Map<string, PlainTensor>;
}

/** A model of this configuration with seeded random weights, written as a folder in Hugging Face layout. */
export function randomModel(type: PlainConfig['model_type'], changes: Record<string, unknown> = {}, seed = 1): RandomModel {
  const size = type === 'gpt2' ? {} : { num_hidden_layers: 2, max_position_embeddings: 256 };
  const config: PlainConfig = { model_type: type, vocab_size: VOCAB, ...size, ...BASE[type], ...changes };
  const random = new Random(seed);
  const tensors = new Map<string, PlainTensor>();
  for (const [name, shape] of shapes(config)) {
    const norm = /norm|ln_/.test(name) && name.endsWith('.weight');
    // Queries and keys are larger, so that attention differs from a mean.
    const spread = shape.length === 1 ? 0.3 : (/q_proj|k_proj|c_attn|query_key_value/.test(name) ? 2 : 1) / Math.sqrt(shape[1]!);
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (norm ? 1 : 0) + spread * gauss(random));
    tensors.set(name, { shape, data });
  }
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const raw = [...tensors].map(([name, { shape, data }]): [string, RawTensor] => [
    name,
    { dtype: 'F32', shape: [...shape], bytes: new Uint8Array(data.buffer) },
  ]);
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(raw));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(referencePath('llama', file), join(folder, file));
  return { folder, config, tensors };
}

/** Box & Muller 1958. */
const gauss = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());

/** Names and shapes of the tensors that a file of this configuration has. */
function shapes(config: PlainConfig): [string, number[]][] {
  const num = (key: string): number => config[key] as number;
  const list: [string, number[]][] = [];
  const layerNorm = (name: string, width: number) => list.push([`${name}.weight`, [width]], [`${name}.bias`, [width]]);
  if (config.model_type === 'gpt2') {
    const d = num('n_embd');
    const inner = (config.n_inner as number | undefined) ?? 4 * d;
    const conv = (name: string, into: number, out: number) => list.push([`${name}.weight`, [into, out]], [`${name}.bias`, [out]]);
    list.push(['transformer.wte.weight', [VOCAB, d]], ['transformer.wpe.weight', [num('n_positions'), d]]);
    for (let l = 0; l < num('n_layer'); l++) {
      const at = `transformer.h.${l}`;
      layerNorm(`${at}.ln_1`, d);
      conv(`${at}.attn.c_attn`, d, 3 * d);
      conv(`${at}.attn.c_proj`, d, d);
      layerNorm(`${at}.ln_2`, d);
      conv(`${at}.mlp.c_fc`, d, inner);
      conv(`${at}.mlp.c_proj`, inner, d);
    }
    layerNorm('transformer.ln_f', d);
    if (config.tie_word_embeddings === false) list.push(['lm_head.weight', [VOCAB, d]]);
    return list;
  }
  const d = num('hidden_size');
  const inner = num('intermediate_size');
  const matrix = (name: string, out: number, into: number, bias: boolean) => {
    list.push([`${name}.weight`, [out, into]]);
    if (bias) list.push([`${name}.bias`, [out]]);
  };
  if (config.model_type === 'gpt_neox') {
    const bias = config.attention_bias !== false;
    list.push(['gpt_neox.embed_in.weight', [VOCAB, d]]);
    for (let l = 0; l < num('num_hidden_layers'); l++) {
      const at = `gpt_neox.layers.${l}`;
      layerNorm(`${at}.input_layernorm`, d);
      layerNorm(`${at}.post_attention_layernorm`, d);
      matrix(`${at}.attention.query_key_value`, 3 * d, d, bias);
      matrix(`${at}.attention.dense`, d, d, bias);
      matrix(`${at}.mlp.dense_h_to_4h`, inner, d, true);
      matrix(`${at}.mlp.dense_4h_to_h`, d, inner, true);
    }
    layerNorm('gpt_neox.final_layer_norm', d);
    if (config.tie_word_embeddings !== true) list.push(['embed_out.weight', [VOCAB, d]]);
    return list;
  }
  const heads = num('num_attention_heads');
  const kvHeads = num('num_key_value_heads');
  const dHead = (config.head_dim as number | undefined) ?? d / heads;
  const biased = config.attention_bias === true;
  list.push(['model.embed_tokens.weight', [VOCAB, d]]);
  for (let l = 0; l < num('num_hidden_layers'); l++) {
    const at = `model.layers.${l}`;
    const qkvBias = biased || config.model_type === 'qwen2';
    list.push([`${at}.input_layernorm.weight`, [d]], [`${at}.post_attention_layernorm.weight`, [d]]);
    matrix(`${at}.self_attn.q_proj`, heads * dHead, d, qkvBias);
    matrix(`${at}.self_attn.k_proj`, kvHeads * dHead, d, qkvBias);
    matrix(`${at}.self_attn.v_proj`, kvHeads * dHead, d, qkvBias);
    matrix(`${at}.self_attn.o_proj`, d, heads * dHead, biased);
    if (config.model_type === 'qwen3') list.push([`${at}.self_attn.q_norm.weight`, [dHead]], [`${at}.self_attn.k_norm.weight`, [dHead]]);
    matrix(`${at}.mlp.gate_proj`, inner, d, config.mlp_bias === true);
    matrix(`${at}.mlp.up_proj`, inner, d, config.mlp_bias === true);
    matrix(`${at}.mlp.down_proj`, d, inner, config.mlp_bias === true);
  }
  list.push(['model.norm.weight', [d]]);
  if (config.tie_word_embeddings !== true) list.push(['lm_head.weight', [VOCAB, d]]);
  return list;
}
