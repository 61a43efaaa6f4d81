import type { Span } from './attention.js';
import { Random } from './random.js';

/** Random spans against which a span is measured, where the prompt has room for as many. */
export const NULL_SPANS = 32;

/**
 * Different random spans of the same length as `span`, none overlapping it and none with position 0, where attention sinks: the null of
 * a span measure. Every such span is equally likely. Where there are no more than `count` they are all given, which bounds how small
 * a p-value can be: 1 / (1 + n).
 *
 * @param tokens Number of tokens of the prompt.
 * @returns At most `count` half-open ranges, in order; empty where the prompt has no room for one.
 */
export function randomSpans(tokens: number, [start, end]: Span, seed: number, count = NULL_SPANS): Span[] {
  const length = end - start;
  if (length <= 0) return [];
  const starts: number[] = [];
  for (let at = 1; at + length <= tokens; at++) if (at + length <= start || at >= end) starts.push(at);
  const chosen = new Random(seed).sample(starts.length, Math.min(count, starts.length));
  return chosen.map((i): Span => [starts[i]!, starts[i]! + length]);
}
