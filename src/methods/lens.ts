import type { NdArray } from '../engine/api.js';

/**
 * The logit lens (nostalgebraist 2020) as numbers. Row l is log softmax of U · N(r_l(p)), l = 0 … L; the rows themselves come
 * from the engine. Log-probabilities and margins in nats.
 */

/** log softmax of a row of logits, summed in float64. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - max);
  const shift = max + Math.log(sum);
  // A loop: `from` with a function takes more than three times as long.
  const logprobs = new Float64Array(logits.length);
  for (let i = 0; i < logprobs.length; i++) logprobs[i] = logits[i]! - shift;
  return logprobs;
}

/** −Σ p log p of a row of log-probabilities, in nats. */
export function entropy(logprobs: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < logprobs.length; i++) {
    const p = Math.exp(logprobs[i]!);
    if (p > 0) sum -= p * logprobs[i]!;
  }
  return Math.max(0, sum);
}

/** How many tokens are more probable than `id`: 0 is top-1. */
export function rankOf(logprobs: ArrayLike<number>, id: number): number {
  const own = logprobs[id]!;
  let above = 0;
  for (let i = 0; i < logprobs.length; i++) if (logprobs[i]! > own) above++;
  return above;
}

/** Row l of [rows, vocab], as a view. */
export function lensRow(lens: NdArray, row: number): Float32Array {
  const vocab = lens.shape[1]!;
  return lens.data.subarray(row * vocab, (row + 1) * vocab);
}

/** Index in `rivals` of the most probable one; null of none. Of equals the first. */
export function strongestOf(logprobs: ArrayLike<number>, rivals: readonly number[]): number | null {
  let best: number | null = null;
  for (const [i, id] of rivals.entries()) if (best === null || logprobs[id]! > logprobs[rivals[best]!]!) best = i;
  return best;
}

/**
 * m = logp(answer) − max over rivals of logp. Without rivals: against the most probable other token, so that m > 0 exactly when
 * the answer is top-1.
 */
export function margin(logprobs: ArrayLike<number>, answer: number, rivals: readonly number[]): number {
  let best = -Infinity;
  if (rivals.length > 0) for (const id of rivals) best = Math.max(best, logprobs[id]!);
  else for (let i = 0; i < logprobs.length; i++) if (i !== answer) best = Math.max(best, logprobs[i]!);
  return logprobs[answer]! - best;
}

export interface Trajectory {
  /** [L + 1] each. */
  answerLogprob: number[];
  answerRank: number[];
  margin: number[];
  entropy: number[];
  /** [rival][L + 1] */
  rivalLogprob: number[][];
}

/** The answer and its rivals along the rows of `lens` [L + 1, vocab]. */
export function trajectory(lens: NdArray, answer: number, rivals: readonly number[]): Trajectory {
  const rows = Array.from({ length: lens.shape[0]! }, (_, l) => lensRow(lens, l));
  return {
    answerLogprob: rows.map((row) => row[answer]!),
    answerRank: rows.map((row) => rankOf(row, answer)),
    margin: rows.map((row) => margin(row, answer, rivals)),
    entropy: rows.map((row) => entropy(row)),
    rivalLogprob: rivals.map((id) => rows.map((row) => row[id]!)),
  };
}
