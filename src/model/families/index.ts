import type { FamilyDefinition } from './family.js';
import { gpt2 } from './gpt2.js';
import { gptNeox } from './gpt_neox.js';
import { llama } from './llama.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';

/** Every family that is supported. */
export const FAMILIES: readonly FamilyDefinition[] = [llama, gpt2, qwen2, qwen3, gptNeox];
