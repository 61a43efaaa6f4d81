/** Pocket's world: what its stories tell, and the prompts, paraphrases and doses that shells and tests take from it. No part of it needs Node. */
export * from './groups.js';
export * from './items.js';
export * as lexicon from './lexicon.js';
export { Random, hash } from './random.js';
export * from './sentences.js';
export { solve } from './solver.js';
export * from './stages.js';
export * from './story.js';
export * from './tokenizer.js';
export { Truth } from './truth.js';
