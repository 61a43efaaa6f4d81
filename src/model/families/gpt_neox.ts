import type { ConfigReader } from '../config.js';
import { readRope } from '../rope.js';
import type { Description, FamilyDefinition } from './family.js';

/** GPT-NeoX and Pythia: parallel or serial residual, partial rotary, q k v in one by head. */
export const gptNeox: FamilyDefinition = {
  family: 'gpt_neox',
  modelTypes: ['gpt_neox'],
  architectures: ['GPTNeoXForCausalLM', 'GPTNeoXModel'],
  describe,
  tensors: {
    prefix: 'gpt_neox.',
    names: {
      'embed.W_E': 'gpt_neox.embed_in.weight',
      'ln_final.w': 'gpt_neox.final_layer_norm.weight',
      'ln_final.b': 'gpt_neox.final_layer_norm.bias',
      'unembed.W_U': 'embed_out.weight',
      'blocks.N.ln1.w': 'gpt_neox.layers.N.input_layernorm.weight',
      'blocks.N.ln1.b': 'gpt_neox.layers.N.input_layernorm.bias',
      'blocks.N.ln2.w': 'gpt_neox.layers.N.post_attention_layernorm.weight',
      'blocks.N.ln2.b': 'gpt_neox.layers.N.post_attention_layernorm.bias',
      'blocks.N.attn.W_QKV': 'gpt_neox.layers.N.attention.query_key_value.weight',
      'blocks.N.attn.b_QKV': 'gpt_neox.layers.N.attention.query_key_value.bias',
      'blocks.N.attn.W_O': 'gpt_neox.layers.N.attention.dense.weight',
      'blocks.N.attn.b_O': 'gpt_neox.layers.N.attention.dense.bias',
      'blocks.N.mlp.W_in': 'gpt_neox.layers.N.mlp.dense_h_to_4h.weight',
      'blocks.N.mlp.b_in': 'gpt_neox.layers.N.mlp.dense_h_to_4h.bias',
      'blocks.N.mlp.W_out': 'gpt_neox.layers.N.mlp.dense_4h_to_h.weight',
      'blocks.N.mlp.b_out': 'gpt_neox.layers.N.mlp.dense_4h_to_h.bias',
    },
    // What transformers 5 calls it in memory; files that it saves keep the old name.
    aliases: { 'unembed.W_U': 'lm_head.weight' },
    layout: 'out_in',
    fused: 'per_head',
    leftovers: [/(^|\.)layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.(inv_freq|cos_cached|sin_cached))$/],
  },
  gguf: {
    architecture: 'gptneox',
    norm: 'layer',
    gated: false,
    activation: 'gelu',
    qkNorm: false,
    learnedPositions: false,
    pairs: false,
    // llama.cpp's converter reorders the rows from [head, (q, k, v)] to thirds.
    fused: true,
    biases: { qkv: 'optional', attnOut: 'optional', mlp: 'required' },
    note: 'GGUF does not record the activation of a GPT-NeoX model: gelu is taken, as Pythia has it',
  },
};

function describe(config: ConfigReader): Description {
  const dModel = config.count('hidden_size');
  const nHeads = config.count('num_attention_heads');
  if (dModel % nHeads !== 0)
    throw config.fail('num_attention_heads', `"hidden_size", ${dModel}, is not a multiple of "num_attention_heads", ${nHeads}`);
  const dHead = dModel / nHeads;
  const { rope, context } = readRope(config, {
    dHead,
    context: config.count('max_position_embeddings', 2048),
    thetaAlias: 'rotary_emb_base',
    partial: { alias: 'rotary_pct', fallback: 0.25 },
  });
  const bias = config.flag('attention_bias', true) ? 'required' : 'absent';
  const tied = config.flag('tie_word_embeddings', false);
  return {
    spec: {
      family: 'gpt_neox',
      nLayers: config.count('num_hidden_layers'),
      dModel,
      nHeads,
      nKvHeads: nHeads,
      dHead,
      dMlp: config.count('intermediate_size'),
      vocabSize: config.count('vocab_size'),
      context,
      norm: { kind: 'layer', eps: config.positive('layer_norm_eps', 1e-5) },
      position: rope,
      parallelResidual: config.flag('use_parallel_residual', true),
      qkNorm: false,
      mlp: { gated: false, activation: config.activation('hidden_act', 'gelu') },
      tiedEmbeddings: tied,
      attentionScale: dHead ** -0.5,
      bosId: config.id('bos_token_id'),
      eosIds: config.ids('eos_token_id'),
    },
    biases: { qkv: bias, attnOut: bias, mlp: 'required' },
    tied,
  };
}
