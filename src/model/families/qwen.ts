import type { ConfigReader } from '../config.js';
import { readRope } from '../rope.js';
import { checkSlidingWindow } from '../window.js';
import { headSizes } from './heads.js';
import type { Description } from './family.js';

/** What Qwen2 and Qwen3 configurations have in common. */
export function describeQwen(config: ConfigReader, family: 'qwen2' | 'qwen3'): Description {
  const qwen3 = family === 'qwen3';
  const heads = headSizes(config, { kvHeads: 32, dHead: qwen3 ? 128 : undefined });
  const layers = config.count('num_hidden_layers');
  const { rope, context } = readRope(config, { dHead: heads.dHead, context: config.count('max_position_embeddings', 32_768) });
  checkSlidingWindow(config, context, layers, {
    window: 4096,
    uses: config.flag('use_sliding_window', false),
    from: windowFrom(config),
  });
  const bias = qwen3 && config.flag('attention_bias', false);
  const tied = config.flag('tie_word_embeddings', false);
  return {
    spec: {
      family,
      nLayers: layers,
      dModel: config.count('hidden_size'),
      ...heads,
      dMlp: config.count('intermediate_size'),
      vocabSize: config.count('vocab_size'),
      context,
      norm: { kind: 'rms', eps: config.positive('rms_norm_eps', 1e-6) },
      position: rope,
      parallelResidual: false,
      qkNorm: qwen3,
      mlp: { gated: true, activation: config.activation('hidden_act', 'silu') },
      tiedEmbeddings: tied,
      attentionScale: heads.dHead ** -0.5,
      bosId: config.id('bos_token_id'),
      eosIds: config.ids('eos_token_id'),
    },
    biases: { qkv: qwen3 && !bias ? 'absent' : 'required', attnOut: bias ? 'required' : 'absent', mlp: 'absent' },
    tied,
  };
}

/** `max_window_layers`: layers from this one on would slide. 0 is a value here. */
function windowFrom(config: ConfigReader): number {
  const value = config.raw('max_window_layers') ?? 28;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw config.fail('max_window_layers', `"max_window_layers" must be an integer of at least 0`);
  }
  return value;
}
