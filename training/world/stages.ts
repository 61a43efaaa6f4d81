/** The curriculum: rows of tokens for each stage of training. */
import type { StoryKind } from './story.js';

export interface Stage {
  /** Tokens of a row, BOS included. */
  length: number;
  /** Tokens of the whole stage. */
  tokens: number;
  kind: StoryKind;
}

const plain: StoryKind = { facts: 3, filler: 0, block: 0, ruled: 0.15, unknown: 0.08, lists: 0.15 };

/** Short rows with little between a fact and its question first, then longer ones. */
export const CURRICULUM: readonly Stage[] = [
  { length: 48, tokens: 4e6, kind: plain },
  { length: 72, tokens: 6e6, kind: { ...plain, facts: 4, filler: 0.05, block: 0.2, lists: 0.1 } },
  { length: 128, tokens: 8e6, kind: { ...plain, facts: 4, filler: 0.1, block: 0.3, unknown: 0.1, lists: 0.05 } },
  { length: 256, tokens: 12e6, kind: { ...plain, facts: 6, filler: 0.15, block: 0.6, unknown: 0.12, lists: 0.03 } },
];
