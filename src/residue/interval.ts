import { doubtsOf } from './standing.js';
import type { RunTrace } from './types.js';

/** The caused interval as layers, the lower first; null where an end was not found. */
export function causedLayers({ verification }: RunTrace): [number, number] | null {
  const { from, to } = verification?.interval ?? { from: null, to: null };
  return from === null || to === null ? null : [Math.min(from, to), Math.max(from, to)];
}

/**
 * Whether what patching brings back is the answer: where the prompt fails and its control does not. Else it is what the control is ahead
 * of the prompt by, which is no cause of a failure.
 */
export const bringsAnswerBack = ({ scores, verification }: RunTrace): boolean =>
  scores?.failed === true && (verification?.ends.control ?? 0) > scores.tau;

export const layersInWords = ([from, to]: readonly [number, number]): string => (from === to ? `layer ${from}` : `layers ${from}–${to}`);

/** `cause confirmed in layers 3–5 (unstable)`: what the interval is called wherever it is drawn; null where there is none. */
export function causedWords(run: RunTrace): string | null {
  const layers = causedLayers(run);
  if (!layers) return null;
  const doubts = doubtsOf(run.verification!.interval!);
  const what = bringsAnswerBack(run) ? 'cause confirmed' : 'what the control is ahead of the prompt by comes about';
  return `${what} in ${layersInWords(layers)}${doubts.length > 0 ? ` (${doubts.join(', ')})` : ''}`;
}
