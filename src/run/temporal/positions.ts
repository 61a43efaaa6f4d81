import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { PreparedPrompt } from '../types.js';

/** Position ids with a gap of `gap` before token `at`: 0 … at − 1, then at + gap, …. Tokens and causal order stay as they are. */
export const gappedPositions = (length: number, at: number, gap: number): number[] =>
  Array.from({ length }, (_, i) => (i < at ? i : i + gap));

/** Position ids that a model can be given: those of its context, and of its table where positions are learned. */
export function positionLimit({ context, position }: ModelSpec): number {
  return position.kind === 'learned' ? Math.min(context, position.count) : context;
}

/** The largest gap after which the last of `length` tokens still has a position. Below 0: not even the tokens themselves fit. */
export const largestGap = (spec: ModelSpec, length: number): number => positionLimit(spec) - length;

/** Gaps where a shell names none: 1, 2, 4, … up to the largest that fits, and at most these many. */
const DOUBLINGS = 8;

/** The gaps to measure, ascending, 0 first. */
export function gapsOf(asked: readonly number[] | undefined, most: number): number[] {
  const gaps = asked ?? Array.from({ length: DOUBLINGS }, (_, i) => 2 ** i).filter((gap) => gap <= most);
  return [...new Set([0, ...gaps])].sort((a, b) => a - b);
}

/**
 * The token before which the gap between two spans opens: the first of whichever comes later.
 * Throws InputError where both begin at the same token.
 */
export function gapAt(prompt: PreparedPrompt, between: readonly [string, string], command: string): number | null {
  const [one, two] = between.map((name) => prompt.spans[name]);
  if (!one || !two) return null;
  if (one[0] === two[0]) {
    throw new InputError(
      between[0] === between[1]
        ? `A gap lies between two different spans, and both are "${between[0]}".`
        : `The spans "${between[0]}" and "${between[1]}" begin at the same token, so there is nothing between them.`,
      { field: `${command}.between` },
    );
  }
  return Math.max(one[0], two[0]);
}

/** Throws InputError for a gap that moves a prompt's last token beyond the model's positions. */
export function checkGap(spec: ModelSpec, prompt: PreparedPrompt, gap: number, field: string): void {
  const most = largestGap(spec, prompt.ids.length);
  if (gap <= most) return;
  const what = prompt.label === 'control' ? 'control' : 'prompt';
  const limit = positionLimit(spec);
  const whose = spec.position.kind === 'learned' ? 'the model has learned positions' : "the model's context has positions";
  throw new InputError(
    `A gap of ${gap} moves the last of the ${what}'s ${prompt.ids.length} tokens to position ${prompt.ids.length - 1 + gap}, but ${whose} 0 to ${limit - 1} only; ${most > 0 ? `at most ${most} fits` : 'no gap fits'}.`,
    { field },
  );
}
