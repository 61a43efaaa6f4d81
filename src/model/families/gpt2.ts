import type { ConfigReader } from '../config.js';
import type { Description, FamilyDefinition } from './family.js';

/** GPT-2 and DistilGPT2: learned positions, Conv1D matrices ([in, out]), q k v in one. */
export const gpt2: FamilyDefinition = {
  family: 'gpt2',
  modelTypes: ['gpt2'],
  architectures: ['GPT2LMHeadModel', 'GPT2Model'],
  describe,
  tensors: {
    prefix: 'transformer.',
    names: {
      'embed.W_E': 'transformer.wte.weight',
      'pos_embed.W_pos': 'transformer.wpe.weight',
      'ln_final.w': 'transformer.ln_f.weight',
      'ln_final.b': 'transformer.ln_f.bias',
      'unembed.W_U': 'lm_head.weight',
      'blocks.N.ln1.w': 'transformer.h.N.ln_1.weight',
      'blocks.N.ln1.b': 'transformer.h.N.ln_1.bias',
      'blocks.N.ln2.w': 'transformer.h.N.ln_2.weight',
      'blocks.N.ln2.b': 'transformer.h.N.ln_2.bias',
      'blocks.N.attn.W_QKV': 'transformer.h.N.attn.c_attn.weight',
      'blocks.N.attn.b_QKV': 'transformer.h.N.attn.c_attn.bias',
      'blocks.N.attn.W_O': 'transformer.h.N.attn.c_proj.weight',
      'blocks.N.attn.b_O': 'transformer.h.N.attn.c_proj.bias',
      'blocks.N.mlp.W_in': 'transformer.h.N.mlp.c_fc.weight',
      'blocks.N.mlp.b_in': 'transformer.h.N.mlp.c_fc.bias',
      'blocks.N.mlp.W_out': 'transformer.h.N.mlp.c_proj.weight',
      'blocks.N.mlp.b_out': 'transformer.h.N.mlp.c_proj.bias',
    },
    layout: 'in_out',
    fused: 'thirds',
    leftovers: [/(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/],
  },
  gguf: {
    architecture: 'gpt2',
    norm: 'layer',
    gated: false,
    activation: 'gelu_tanh',
    qkNorm: false,
    learnedPositions: true,
    pairs: false,
    fused: true,
    biases: { qkv: 'required', attnOut: 'required', mlp: 'required' },
  },
};

function describe(config: ConfigReader): Description {
  // transformers takes both spellings (GPT2Config.attribute_map).
  const size = (key: string, alias: string, fallback?: number): number => {
    if (!config.has(alias)) return config.count(key, fallback);
    const value = config.count(alias);
    if (config.has(key) && config.count(key) !== value)
      throw config.fail(alias, `"${alias}" is ${value}, but "${key}" is ${config.count(key)}`);
    return value;
  };
  const dModel = size('n_embd', 'hidden_size');
  const nHeads = size('n_head', 'num_attention_heads');
  if (dModel % nHeads !== 0) throw config.fail('n_head', `"n_embd", ${dModel}, is not a multiple of "n_head", ${nHeads}`);
  const context = size('n_positions', 'max_position_embeddings', 1024);
  const dHead = dModel / nHeads;
  const tied = config.flag('tie_word_embeddings', true);
  return {
    spec: {
      family: 'gpt2',
      nLayers: size('n_layer', 'num_hidden_layers'),
      dModel,
      nHeads,
      nKvHeads: nHeads,
      dHead,
      dMlp: config.optionalCount('n_inner') ?? 4 * dModel,
      vocabSize: config.count('vocab_size'),
      context,
      norm: { kind: 'layer', eps: config.positive('layer_norm_epsilon', 1e-5) },
      position: { kind: 'learned', count: context },
      parallelResidual: false,
      qkNorm: false,
      mlp: { gated: false, activation: config.activation('activation_function', 'gelu_new') },
      tiedEmbeddings: tied,
      attentionScale: config.flag('scale_attn_weights', true) ? dHead ** -0.5 : 1,
      ...(config.flag('scale_attn_by_inverse_layer_idx', false) ? { attentionScaleByLayer: true } : {}),
      bosId: config.id('bos_token_id'),
      eosIds: config.ids('eos_token_id'),
    },
    biases: { qkv: 'required', attnOut: 'required', mlp: 'required' },
    tied,
  };
}
