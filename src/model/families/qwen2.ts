import { LLAMA_NAMES, ROTARY_LEFTOVERS } from './family.js';
import type { FamilyDefinition } from './family.js';
import { describeQwen } from './qwen.js';

/** Qwen2 and Qwen2.5: llama with biases on q, k and v. */
export const qwen2: FamilyDefinition = {
  family: 'qwen2',
  modelTypes: ['qwen2'],
  architectures: ['Qwen2ForCausalLM', 'Qwen2Model'],
  describe: (config) => describeQwen(config, 'qwen2'),
  tensors: { prefix: 'model.', names: LLAMA_NAMES, layout: 'out_in', leftovers: ROTARY_LEFTOVERS },
  gguf: {
    architecture: 'qwen2',
    norm: 'rms',
    gated: true,
    activation: 'silu',
    qkNorm: false,
    learnedPositions: false,
    pairs: false,
    fused: false,
    biases: { qkv: 'required', attnOut: 'absent', mlp: 'absent' },
  },
};
