import { LLAMA_NAMES, ROTARY_LEFTOVERS } from './family.js';
import type { FamilyDefinition } from './family.js';
import { describeQwen } from './qwen.js';

/** Qwen3 (dense): llama with an RMS norm on each query and key head, and a head size of its own. */
export const qwen3: FamilyDefinition = {
  family: 'qwen3',
  modelTypes: ['qwen3'],
  architectures: ['Qwen3ForCausalLM', 'Qwen3Model'],
  describe: (config) => describeQwen(config, 'qwen3'),
  tensors: {
    prefix: 'model.',
    names: {
      ...LLAMA_NAMES,
      'blocks.N.attn.q_norm.w': 'model.layers.N.self_attn.q_norm.weight',
      'blocks.N.attn.k_norm.w': 'model.layers.N.self_attn.k_norm.weight',
    },
    layout: 'out_in',
    leftovers: ROTARY_LEFTOVERS,
  },
  gguf: {
    architecture: 'qwen3',
    norm: 'rms',
    gated: true,
    activation: 'silu',
    qkNorm: true,
    learnedPositions: false,
    pairs: false,
    fused: false,
    biases: { qkv: 'optional', attnOut: 'optional', mlp: 'absent' },
  },
};
