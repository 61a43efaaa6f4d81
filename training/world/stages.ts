/** The curriculum: rows of tokens for each stage of training. */
import type { StoryKind } from './story.js';

export interface Stage {
  /** Tokens of a row, BOS included. */
  length: number;
  /** Tokens of the whole stage. */
  tokens: number;
  kind: StoryKind;
}

const plain: StoryKind = { facts: 3, filler: 0, block: 0, ruled: 0.15, unknown: 0.08, lists: 0.25, pairs: 6 };

/** Short rows with little between a fact and its question first, then more facts of one kind, then longer rows. */
export const CURRICULUM: readonly Stage[] = [
  { length: 48, tokens: 4e6, kind: plain },
  { length: 72, tokens: 6e6, kind: { ...plain, facts: 5, filler: 0.02, block: 0.1, lists: 0.35, pairs: 10 } },
  { length: 128, tokens: 6e6, kind: { ...plain, facts: 6, filler: 0.1, block: 0.3, unknown: 0.1, lists: 0.2, pairs: 10 } },
  { length: 256, tokens: 8e6, kind: { ...plain, facts: 6, filler: 0.15, block: 0.6, unknown: 0.12, lists: 0.05, pairs: 10 } },
];
