import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { describeConfig } from '../../src/model/describe.js';
import { temporaryFolder } from '../helpers/reference.js';
import { write } from './model-fixtures.js';

type Config = Record<string, unknown>;

const folder = temporaryFolder();

function describeJson(config: Config | string): ReturnType<typeof describeConfig> {
  return describeConfig(write(folder, 'config.json', typeof config === 'string' ? config : JSON.stringify(config)));
}

function error(config: Config | string): InputError {
  try {
    describeJson(config);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    expect(thrown.message).toMatch(/^[^\n]*\.$/);
    expect(thrown.place.file).toBe(`${folder}/config.json`);
    return thrown;
  }
  throw new Error('No error for this configuration.');
}

// As published on the Hugging Face Hub.
const smolLm2: Config = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'silu',
  hidden_size: 576,
  initializer_range: 0.041666666666666664,
  intermediate_size: 1536,
  is_llama_config: true,
  max_position_embeddings: 8192,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.40.1',
  use_cache: true,
  vocab_size: 49152,
};
const smolLm2Instruct: Config = {
  ...smolLm2,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 2,
  transformers_version: '4.42.3',
  'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16', fp16: 'float16' } },
};
const tinyLlama: Config = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 5632,
  max_position_embeddings: 2048,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 22,
  num_key_value_heads: 4,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000.0,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  transformers_version: '4.35.0',
  use_cache: true,
  vocab_size: 32000,
};
const llama2: Config = {
  _name_or_path: 'meta-llama/Llama-2-7b-hf',
  architectures: ['LlamaForCausalLM'],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 11008,
  max_position_embeddings: 4096,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  tie_word_embeddings: false,
  torch_dtype: 'float16',
  transformers_version: '4.31.0.dev0',
  use_cache: true,
  vocab_size: 32000,
};
const llama32: Config = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 128000,
  eos_token_id: [128001, 128008, 128009],
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 8192,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    factor: 32.0,
    high_freq_factor: 4.0,
    low_freq_factor: 1.0,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500000.0,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.45.0.dev0',
  use_cache: true,
  vocab_size: 128256,
};
const mistral1: Config = {
  architectures: ['MistralForCausalLM'],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  model_type: 'mistral',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 10000.0,
  sliding_window: 4096,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  transformers_version: '4.34.0.dev0',
  use_cache: true,
  vocab_size: 32000,
};
const mistral3: Config = {
  ...mistral1,
  attention_dropout: 0.0,
  rope_theta: 1000000.0,
  sliding_window: null,
  transformers_version: '4.42.0.dev0',
  vocab_size: 32768,
};
const gpt2: Config = {
  activation_function: 'gelu_new',
  architectures: ['GPT2LMHeadModel'],
  attn_pdrop: 0.1,
  bos_token_id: 50256,
  embd_pdrop: 0.1,
  eos_token_id: 50256,
  initializer_range: 0.02,
  layer_norm_epsilon: 1e-5,
  model_type: 'gpt2',
  n_ctx: 1024,
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  resid_pdrop: 0.1,
  summary_activation: null,
  summary_first_dropout: 0.1,
  summary_proj_to_labels: true,
  summary_type: 'cls_index',
  summary_use_proj: true,
  task_specific_params: { 'text-generation': { do_sample: true, max_length: 50 } },
  vocab_size: 50257,
};
const distilGpt2: Config = {
  ...gpt2,
  _num_labels: 1,
  id2label: { '0': 'LABEL_0' },
  label2id: { LABEL_0: 0 },
  n_layer: 6,
};
const pythia: Config = {
  architectures: ['GPTNeoXForCausalLM'],
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'gelu',
  hidden_size: 512,
  initializer_range: 0.02,
  intermediate_size: 2048,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 2048,
  model_type: 'gpt_neox',
  num_attention_heads: 8,
  num_hidden_layers: 6,
  rotary_emb_base: 10000,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
  torch_dtype: 'float16',
  transformers_version: '4.24.0',
  use_cache: true,
  use_parallel_residual: true,
  vocab_size: 50304,
};
const qwen25: Config = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151643,
  hidden_act: 'silu',
  hidden_size: 896,
  initializer_range: 0.02,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 24,
  model_type: 'qwen2',
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.40.1',
  use_cache: true,
  use_mrope: false,
  use_sliding_window: false,
  vocab_size: 151936,
};
const qwen3: Config = {
  architectures: ['Qwen3ForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: 'silu',
  hidden_size: 1024,
  initializer_range: 0.02,
  intermediate_size: 3072,
  max_position_embeddings: 40960,
  max_window_layers: 28,
  model_type: 'qwen3',
  num_attention_heads: 16,
  num_hidden_layers: 28,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.51.0',
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

describe('published configurations', () => {
  it.each([
    ['SmolLM2-135M', smolLm2, { nHeads: 9, nKvHeads: 3, dHead: 64, dMlp: 1536, context: 8192, tiedEmbeddings: true, nLayers: 30 }],
    ['SmolLM2-135M-Instruct', smolLm2Instruct, { bosId: 1, eosIds: [2] }],
    ['TinyLlama-1.1B', tinyLlama, { nHeads: 32, nKvHeads: 4, dHead: 64, tiedEmbeddings: false }],
    ['Llama-2-7B', llama2, { position: { kind: 'rope', theta: 10000, rotaryDim: 128, scaling: { type: 'none' } } }],
    [
      'Llama-3.2-1B-Instruct',
      llama32,
      {
        eosIds: [128001, 128008, 128009],
        context: 131072,
        position: {
          kind: 'rope',
          theta: 500000,
          rotaryDim: 64,
          scaling: { type: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 },
        },
      },
    ],
    ['Mistral-7B-v0.3', mistral3, { family: 'llama', dHead: 128, nKvHeads: 8, context: 32768 }],
    [
      'GPT-2',
      gpt2,
      {
        dHead: 64,
        dMlp: 3072,
        position: { kind: 'learned', count: 1024 },
        mlp: { gated: false, activation: 'gelu_tanh' },
        attentionScale: 0.125,
      },
    ],
    ['DistilGPT2', distilGpt2, { nLayers: 6, tiedEmbeddings: true }],
    ['Pythia-70M', pythia, { parallelResidual: true, position: { kind: 'rope', theta: 10000, rotaryDim: 16, scaling: { type: 'none' } } }],
    ['Qwen2.5-0.5B', qwen25, { dHead: 64, qkNorm: false, context: 32768 }],
    ['Qwen3-0.6B', qwen3, { dHead: 128, nHeads: 16, dModel: 1024, qkNorm: true }],
  ])('%s is understood', (_, config, want) => {
    expect(describeJson(config).description.spec).toMatchObject(want);
  });

  it('Mistral-7B-v0.1 is refused for its sliding window, and taken with a context that fits it', () => {
    expect(error(mistral1).message).toBe(
      'config.json: "sliding_window" is 4096, shorter than the context of 32768, and sliding-window attention is not supported; only null or a window as long as the context is.',
    );
    expect(describeJson({ ...mistral1, max_position_embeddings: 4096 }).description.spec.context).toBe(4096);
    const { sliding_window: _, ...without } = mistral1;
    expect(error(without).place.field).toBe('sliding_window');
  });
});

describe('rotary embeddings', () => {
  const rope = (config: Config) => describeJson(config).description.spec;

  it('scales linearly, in the old spelling and in the new', () => {
    const want = { kind: 'rope', theta: 10000, rotaryDim: 64, scaling: { type: 'linear', factor: 4 } };
    expect(rope({ ...tinyLlama, rope_scaling: { type: 'linear', factor: 4 } }).position).toEqual(want);
    const { rope_theta: _, rope_scaling: __, ...bare } = tinyLlama;
    expect(rope({ ...bare, rope_parameters: { rope_type: 'linear', factor: 4, rope_theta: 10000 } }).position).toEqual(want);
  });

  it('resolves yarn as transformers does', () => {
    const yarn = { rope_type: 'yarn', factor: 4.0, original_max_position_embeddings: 32768 };
    const spec = rope({ ...qwen25, rope_scaling: yarn });
    expect(spec.context).toBe(131072);
    expect(spec.position).toEqual({
      kind: 'rope',
      theta: 1000000,
      rotaryDim: 64,
      scaling: {
        type: 'yarn',
        factor: 4,
        originalContext: 32768,
        betaFast: 32,
        betaSlow: 1,
        truncate: true,
        attentionFactor: 0.1 * Math.log(4) + 1,
      },
    });
    const scaling = (more: Config) => {
      const { position } = rope({ ...qwen25, rope_scaling: { ...yarn, ...more } });
      return position.kind === 'rope' && position.scaling.type === 'yarn' ? position.scaling : null;
    };
    expect(scaling({ attention_factor: 0.5, truncate: false, beta_fast: 16, beta_slow: 2 })).toMatchObject({
      attentionFactor: 0.5,
      truncate: false,
      betaFast: 16,
      betaSlow: 2,
    });
    // get_mscale(4, 0.707) / get_mscale(4, 1.0)
    expect(scaling({ mscale: 0.707, mscale_all_dim: 1 })!.attentionFactor).toBeCloseTo(
      (0.0707 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1),
      12,
    );
    const outer = rope({ ...qwen25, original_max_position_embeddings: 16384, rope_scaling: yarn }).position;
    expect(outer.kind === 'rope' && outer.scaling.type === 'yarn' && outer.scaling.originalContext).toBe(16384);
    expect(scaling({ factor: null, original_max_position_embeddings: 8192 })!.factor).toBe(4);
  });

  it('turns a part of each head in gpt_neox, by either key', () => {
    const { rotary_pct: _, rotary_emb_base: __, ...bare } = pythia;
    const want = { kind: 'rope', theta: 500, rotaryDim: 32, scaling: { type: 'none' } };
    expect(rope({ ...bare, rotary_pct: 0.5, rotary_emb_base: 500 }).position).toEqual(want);
    expect(rope({ ...bare, rope_parameters: { rope_type: 'default', rope_theta: 500, partial_rotary_factor: 0.5 } }).position).toEqual(
      want,
    );
    expect(rope(bare).position).toMatchObject({ rotaryDim: 16 });
    expect(
      rope({ ...bare, rotary_pct: 0.25, partial_rotary_factor: 0.25, rope_theta: 10000, rotary_emb_base: 10000 }).position,
    ).toMatchObject({
      rotaryDim: 16,
    });
  });

  it.each([
    [{ ...tinyLlama, rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope_scaling.type'],
    [{ ...tinyLlama, rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }, 'rope_scaling.rope_type'],
    [{ ...tinyLlama, rope_scaling: { type: 'linear' } }, 'rope_scaling.factor'],
    [{ ...tinyLlama, rope_scaling: { type: 'linear', factor: 2, bend: 1 } }, 'rope_scaling.bend'],
    [{ ...tinyLlama, rope_scaling: 'linear' }, 'rope_scaling'],
    [{ ...tinyLlama, rope_parameters: { rope_type: 'default', rope_theta: 500 } }, 'rope_theta'],
    [{ ...tinyLlama, partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [{ ...llama32, rope_scaling: { ...(llama32['rope_scaling'] as Config), high_freq_factor: 1 } }, 'rope_scaling.high_freq_factor'],
    [{ ...llama32, rope_parameters: { rope_type: 'default' } }, 'rope_scaling'],
    [{ ...pythia, rotary_pct: 0.01 }, 'rope_scaling'],
    [{ ...pythia, rotary_emb_base: undefined, rope_theta: 500 }, 'rope_theta'],
    [{ ...pythia, rotary_pct: undefined, partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [{ ...pythia, rotary_pct: 2 }, 'partial_rotary_factor'],
    [{ ...tinyLlama, rope_theta: 0 }, 'rope_theta'],
    [{ ...tinyLlama, rope_theta: '10000' }, 'rope_theta'],
  ] as [Config, string][])('refuses %#', (config, field) => {
    expect(error(config).place.field).toBe(field);
  });
});

describe('sliding windows', () => {
  it('count in qwen2 only when they are turned on, for a layer that is there', () => {
    expect(describeJson({ ...qwen25, sliding_window: 128 }).family.family).toBe('qwen2');
    expect(describeJson({ ...qwen25, use_sliding_window: true, max_window_layers: 24, sliding_window: 128 }).family.family).toBe('qwen2');
    expect(describeJson({ ...qwen25, use_sliding_window: true, max_window_layers: 0 }).family.family).toBe('qwen2');
    expect(error({ ...qwen25, use_sliding_window: true, max_window_layers: 23, sliding_window: 128 }).place.field).toBe('sliding_window');
    const types = Array.from({ length: 24 }, (_, i) => (i === 3 ? 'sliding_attention' : 'full_attention'));
    expect(error({ ...qwen25, layer_types: types, sliding_window: 128 }).place.field).toBe('sliding_window');
    expect(error({ ...qwen25, layer_types: types, sliding_window: null }).place.field).toBe('sliding_window');
    expect(error({ ...qwen25, layer_types: types.slice(1) }).place.field).toBe('layer_types');
    expect(error({ ...qwen25, layer_types: types.map(() => 'linear_attention') }).place.field).toBe('layer_types');
  });

  it('count in llama, qwen3 and mistral when shorter than the context', () => {
    expect(error({ ...tinyLlama, sliding_window: 512 }).place.field).toBe('sliding_window');
    expect(describeJson({ ...tinyLlama, sliding_window: 2048 }).family.family).toBe('llama');
    expect(error({ ...qwen3, use_sliding_window: true, max_window_layers: 2, sliding_window: 512 }).place.field).toBe('sliding_window');
  });
});

describe('keys that change the computation', () => {
  it.each([
    [tinyLlama, 'logit_scale', 0.0625],
    [tinyLlama, 'attn_logit_softcapping', 50],
    [tinyLlama, 'final_logit_softcapping', 30],
    [tinyLlama, 'attention_multiplier', 0.01],
    [tinyLlama, 'residual_multiplier', 0.22],
    [tinyLlama, 'embedding_multiplier', 12],
    [tinyLlama, 'logits_scaling', 8],
    [tinyLlama, 'num_local_experts', 8],
    [tinyLlama, 'clip_qkv', 8],
    [tinyLlama, 'alibi', true],
    [tinyLlama, 'no_rope_layers', [0, 1]],
    [tinyLlama, 'rope_interleaved', true],
    [tinyLlama, 'auto_map', { AutoModelForCausalLM: 'modeling.Model' }],
    [tinyLlama, 'quantization_config', { quant_method: 'gptq', bits: 4 }],
    [tinyLlama, 'use_parallel_residual', true],
    [tinyLlama, 'invented_key', 1],
    [tinyLlama, 'invented_key', false],
    [tinyLlama, 'hidden_act', 'xielu'],
    [tinyLlama, 'hidden_act', 'constructor'],
    [tinyLlama, 'architectures', ['LlamaForSequenceClassification']],
    [tinyLlama, 'model_type', 'gemma2'],
    [tinyLlama, 'num_key_value_heads', 5],
    [tinyLlama, 'num_attention_heads', 0],
    [tinyLlama, 'hidden_size', 2048.5],
    [tinyLlama, 'hidden_size', '2048'],
    [tinyLlama, 'hidden_size', 1e12],
    [tinyLlama, 'vocab_size', -1],
    [tinyLlama, 'rms_norm_eps', 0],
    [tinyLlama, 'tie_word_embeddings', 'yes'],
    [tinyLlama, 'eos_token_id', 'two'],
    [mistral3, 'attention_bias', true],
    [tinyLlama, 'scale_attn_by_inverse_layer_idx', true],
    [gpt2, 'add_cross_attention', true],
    [gpt2, 'n_head', 7],
    [gpt2, 'hidden_size', 12],
    [gpt2, 'rope_scaling', { type: 'linear', factor: 2 }],
    [qwen25, 'use_mrope', true],
    [qwen25, 'num_experts', 4],
    [qwen3, 'head_dim', 0],
  ] as [Config, string, unknown][])('%#: %s', (config, key, value) => {
    const { place, message } = error({ ...config, [key]: value });
    expect(place.field).toBe(key);
    expect(message).toContain(key);
  });

  it.each([
    [tinyLlama, { logit_scale: 1, clip_qkv: null, num_local_experts: 0, quantization_config: null, invented_key: null }],
    [tinyLlama, { pretraining_tp: 4, _attn_implementation: 'sdpa', unsloth_version: '2025.1', pad_token_id: -1 }],
    [gpt2, { reorder_and_upcast_attn: true, scale_attn_by_inverse_layer_idx: false, hidden_size: 768 }],
    [qwen3, { layer_types: Array.from({ length: 28 }, () => 'full_attention') }],
  ] as [Config, Config][])('lets pass what does not: %#', (config, more) => {
    const plain = describeJson(config).description;
    expect(describeJson({ ...config, ...more }).description).toEqual(plain);
  });

  it('reads the ones it knows', () => {
    expect(describeJson({ ...gpt2, scale_attn_weights: false }).description.spec.attentionScale).toBe(1);
    expect(describeJson({ ...gpt2, scale_attn_by_inverse_layer_idx: true }).description.spec.attentionScaleByLayer).toBe(true);
    expect(describeJson({ ...gpt2, n_inner: 100 }).description.spec.dMlp).toBe(100);
    expect(describeJson({ ...pythia, use_parallel_residual: false }).description.spec.parallelResidual).toBe(false);
    expect(describeJson({ ...pythia, attention_bias: false }).description.biases).toEqual({
      qkv: 'absent',
      attnOut: 'absent',
      mlp: 'required',
    });
    expect(describeJson({ ...tinyLlama, attention_bias: true, mlp_bias: true }).description.biases).toEqual({
      qkv: 'required',
      attnOut: 'required',
      mlp: 'required',
    });
    expect(describeJson({ ...tinyLlama, hidden_act: 'gelu_pytorch_tanh' }).description.spec.mlp.activation).toBe('gelu_tanh');
    const { num_key_value_heads: _, ...mha } = tinyLlama;
    expect(describeJson(mha).description.spec.nKvHeads).toBe(32);
    const { num_key_value_heads: ____, ...mistral } = mistral3;
    expect(describeJson(mistral).description.spec.nKvHeads).toBe(8);
    expect(describeJson({ ...mistral3, num_key_value_heads: null }).description.spec.nKvHeads).toBe(32);
    const { model_type: __, ...untyped } = tinyLlama;
    expect(describeJson(untyped).family.family).toBe('llama');
    const { head_dim: ___, ...headless } = qwen3;
    expect(describeJson(headless).description.spec.dHead).toBe(128);
  });
});

describe('malformed configurations', () => {
  it.each([
    ['', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{"model_type": "llama", "model_type": "gpt2"}', 'twice'],
    [`{"a": ${'['.repeat(100)}${']'.repeat(100)}}`, 'levels deep'],
    [`{"a": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'levels deep'],
    ['{"hidden_size": NaN}', 'not JSON'],
    ['{}', '"model_type" is missing'],
    ['{"model_type": "llama"}', 'is missing'],
  ])('%#', (text, message) => {
    expect(error(text).message).toContain(message);
  });

  it('refuses what is not UTF-8', () => {
    const path = write(folder, 'config.json', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d));
    expect(() => describeConfig(path)).toThrow('not UTF-8');
  });
});
