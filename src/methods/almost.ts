import type { NdArray } from '../engine/api.js';
import { lensRow } from './lens.js';
import { argmax } from './statistics.js';
import type { Terms } from './attribution.js';

/** Least probability with which a token must have led. */
export const ALMOST_PEAK = 0.1;
/** It ends with less than this part of what it had. */
export const ALMOST_FALL = 0.1;

export interface Almost {
  id: number;
  /** Row of its largest probability among the rows it led. */
  row: number;
  peakProb: number;
  finalProb: number;
}

/**
 * Tokens almost said, by the logit lens (nostalgebraist 2020): top-1 with p ≥ 0.1 at some row of the later half (l ≥ L / 2), ending with less than a tenth of that.
 * @param lens [L + 1, vocab] log-probabilities at the answer position.
 * @returns By largest peak first.
 */
export function almostSaid(lens: NdArray): Almost[] {
  const last = lens.shape[0]! - 1;
  const final = lensRow(lens, last);
  const peaks = new Map<number, Almost>();
  for (let row = Math.ceil(last / 2); row <= last; row++) {
    const logprobs = lensRow(lens, row);
    const id = argmax(logprobs);
    const p = Math.exp(logprobs[id]!);
    const known = peaks.get(id);
    if (p >= ALMOST_PEAK && (!known || p > known.peakProb)) peaks.set(id, { id, row, peakProb: p, finalProb: Math.exp(final[id]!) });
  }
  return [...peaks.values()]
    .filter((almost) => almost.finalProb < ALMOST_FALL * almost.peakProb)
    .sort((a, b) => b.peakProb - a.peakProb || a.id - b.id);
}

export interface Ended {
  /** `head 4.2` or `MLP 4`. */
  component: string;
  /** Nats, negative. */
  contribution: number;
}

/**
 * The component that did most to end a token: the most negative contribution to its logit against the logit of what is said in
 * the end, among heads and MLPs of the blocks after the row where it peaked (block l comes after row l). Null when none is negative.
 * @param terms Attribution of that difference.
 */
export function endedBy(terms: Pick<Terms, 'head' | 'mlp'>, row: number): Ended | null {
  let worst: Ended | null = null;
  const consider = (component: string, contribution: number): void => {
    if (contribution < 0 && (!worst || contribution < worst.contribution)) worst = { component, contribution };
  };
  for (let layer = row; layer < terms.mlp.length; layer++) {
    terms.head[layer]!.forEach((contribution, head) => consider(`head ${layer}.${head}`, contribution));
    consider(`MLP ${layer}`, terms.mlp[layer]!);
  }
  return worst;
}
