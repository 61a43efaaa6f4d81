/** The curriculum: rows of tokens for each stage of training. */
import type { StoryKind } from './story.js';

export interface Stage {
  /** Tokens of a row, BOS included. */
  length: number;
  /** Tokens of the whole stage. */
  tokens: number;
  kind: StoryKind;
}

const plain: StoryKind = { facts: 3, filler: 0, block: 0, ruled: 0.15, unknown: 0.08, lists: 0.35, drills: 0, spaced: false, pairs: 6 };
const spaced: StoryKind = { ...plain, facts: 5, lists: 0.3, drills: 0.55, spaced: true, pairs: 8 };

const asked: StoryKind = { ...spaced, facts: 6, filler: 0.15, block: 0.5, unknown: 0.3, moves: 0.25, lists: 0.04, drills: 0.3 };

/** Plain lists and short rows first; then recall among facts alike, with nothing between a fact and its question; then longer rows. The finish, at a lower rate, has more of what
 * is learned last: that something was never told, and where someone is after a move. */
export const CURRICULUM: readonly Stage[] = [
  { length: 48, tokens: 4e6, kind: plain },
  { length: 96, tokens: 8e6, kind: spaced },
  { length: 128, tokens: 6e6, kind: { ...spaced, facts: 6, filler: 0.1, block: 0.3, unknown: 0.12, lists: 0.2, drills: 0.35 } },
  { length: 256, tokens: 8e6, kind: { ...spaced, facts: 6, filler: 0.15, block: 0.6, unknown: 0.15, lists: 0.06, drills: 0.15 } },
  { length: 192, tokens: 5e6, kind: asked },
];
