import type { ConfigReader } from '../config.js';
import { readRope } from '../rope.js';
import { checkSlidingWindow } from '../window.js';
import { headSizes } from './heads.js';
import { LLAMA_NAMES, ROTARY_LEFTOVERS } from './family.js';
import type { Description, FamilyDefinition } from './family.js';

/** Llama and what is built as it is: SmolLM2, TinyLlama, and Mistral where no sliding window counts. */
export const llama: FamilyDefinition = {
  family: 'llama',
  modelTypes: ['llama', 'mistral'],
  architectures: ['LlamaForCausalLM', 'LlamaModel', 'LLaMAForCausalLM', 'MistralForCausalLM', 'MistralModel'],
  describe,
  tensors: { prefix: 'model.', names: LLAMA_NAMES, layout: 'out_in', leftovers: ROTARY_LEFTOVERS },
  gguf: {
    architecture: 'llama',
    norm: 'rms',
    gated: true,
    activation: 'silu',
    qkNorm: false,
    learnedPositions: false,
    pairs: true,
    fused: false,
    biases: { qkv: 'optional', attnOut: 'optional', mlp: 'optional' },
  },
};

function describe(config: ConfigReader): Description {
  const mistral = config.text('model_type') === 'mistral';
  const heads = headSizes(config, { kvHeads: mistral ? 8 : undefined });
  const layers = config.count('num_hidden_layers');
  const { rope, context } = readRope(config, {
    dHead: heads.dHead,
    context: config.count('max_position_embeddings', mistral ? 131_072 : 2048),
  });
  checkSlidingWindow(config, context, layers, { window: mistral ? 4096 : null, uses: true, from: 0 });
  // transformers' Mistral has no biases and reads neither key, which then must not ask for any.
  const attention = mistral ? false : config.flag('attention_bias', false);
  const mlp = mistral ? false : config.flag('mlp_bias', false);
  const tied = config.flag('tie_word_embeddings', false);
  return {
    spec: {
      family: 'llama',
      nLayers: layers,
      dModel: config.count('hidden_size'),
      ...heads,
      dMlp: config.count('intermediate_size'),
      vocabSize: config.count('vocab_size'),
      context,
      norm: { kind: 'rms', eps: config.positive('rms_norm_eps', 1e-6) },
      position: rope,
      parallelResidual: false,
      qkNorm: false,
      mlp: { gated: true, activation: config.activation('hidden_act', 'silu') },
      tiedEmbeddings: tied,
      attentionScale: heads.dHead ** -0.5,
      bosId: config.id('bos_token_id'),
      eosIds: config.ids('eos_token_id'),
    },
    biases: { qkv: attention ? 'required' : 'absent', attnOut: attention ? 'required' : 'absent', mlp: mlp ? 'required' : 'absent' },
    tied,
  };
}
