import { Random } from './random.js';
import { argmax, quantile } from './statistics.js';

/** Threshold of the margin, nats: below it the prompt fails. */
export const TAU = 0;

/** Least lead, nats, that is one: below it the odds differ by less than a tenth. */
export const LEAST_LEAD = 0.1;

/** Random token pairs drawn for the noise. */
export const NOISE_PAIRS = 1000;

/** The first row after which every value satisfies `holds`, at or after `from`; null when the last row does not. */
function settledFrom(values: readonly number[], from: number, holds: (value: number) => boolean): number | null {
  let row: number | null = null;
  for (let l = values.length - 1; l >= from && holds(values[l]!); l--) row = l;
  return row;
}

/** The row from which the margin stays above τ to the end; null when it ends at or below. */
export function formedAt(margins: readonly number[], tau = TAU): number | null {
  return settledFrom(margins, 0, (m) => m > tau);
}

export interface ObservedCollapse {
  kind: 'none' | 'lost' | 'never-formed';
  layer: number | null;
  peak: number;
  peakMargin: number;
}

/**
 * The observed collapse point, read off the logit lens (nostalgebraist 2020). With peak = argmax over rows of m, and a lead being one only beyond the noise (and `LEAST_LEAD`):
 * did not fail: `none`. m(peak) leads: `lost`, at the first row after the peak from which m stays below τ.
 * Otherwise `never-formed`, at the row from which the control leads to the end; where it never leads by so much, from which its margin
 * stays above τ (null without a control, or where it does not end above τ either).
 *
 * @param margins [L + 1], nats.
 * @param failed Whether the prompt failed; a prompt may fail with a margin of τ or more when a token that is no rival comes first.
 * @param noise See `pairNoise`, at the peak's row.
 * @param control The control's margins, [L + 1].
 * @returns Rows are residual rows, 0 … L. Exact: it only compares.
 */
export function collapsePoint(
  margins: readonly number[],
  { failed, noise, control, tau = TAU }: { failed: boolean; noise: number; control: readonly number[] | null; tau?: number },
): ObservedCollapse {
  const peak = argmax(margins);
  const peakMargin = margins[peak] ?? 0;
  if (!failed) return { kind: 'none', layer: null, peak, peakMargin };
  const lostAt = settledFrom(margins, peak + 1, (m) => m < tau);
  const lead = tau + Math.max(noise, LEAST_LEAD);
  if (peakMargin > lead && lostAt !== null) return { kind: 'lost', layer: lostAt, peak, peakMargin };
  return { kind: 'never-formed', layer: control && (formedAt(control, lead) ?? formedAt(control, tau)), peak, peakMargin };
}

/**
 * How far unrelated tokens of like frequency lie apart in one lens row: |logp(x) − logp(y)| of random pairs, x near the answer's
 * frequency rank and y near the rival's. Their 95th percentile is `pairNoise`.
 *
 * A model file records no token frequencies. The proxy is the model's own prior: a token's log-probability at the output, averaged
 * over positions of the prompt. "Near" is within 2 % of the vocabulary's ranks, at least 16 ranks, either side. The answer, the
 * rivals and special tokens are never drawn.
 *
 * @param row Log-probs of one lens row, [vocab].
 * @param frequency The proxy, [vocab], any monotone scale.
 * @returns Nats, one for each pair; none where fewer than two tokens are left to draw from.
 */
export function pairGaps(
  row: ArrayLike<number>,
  frequency: ArrayLike<number>,
  tokens: { answer: number; rival: number; exclude: { has(id: number): boolean } },
  seed: number,
): number[] {
  const order = Array.from({ length: frequency.length }, (_, id) => id)
    .filter((id) => id === tokens.answer || id === tokens.rival || !tokens.exclude.has(id))
    .sort((a, b) => frequency[b]! - frequency[a]! || a - b);
  const reach = Math.max(16, Math.ceil(order.length * 0.02));
  const near = (id: number): number[] => {
    const at = order.indexOf(id);
    return order.slice(Math.max(0, at - reach), at + reach + 1).filter((other) => other !== tokens.answer && other !== tokens.rival);
  };
  const xs = near(tokens.answer);
  const ys = near(tokens.rival);
  if (new Set([...xs, ...ys]).size < 2) return [];
  const random = new Random(seed);
  const gaps: number[] = [];
  // A pair of one token with itself is no pair; where both windows hold one token only it could never end.
  for (let tries = 0; gaps.length < NOISE_PAIRS && tries < NOISE_PAIRS * 20; tries++) {
    const x = xs[random.below(Math.max(1, xs.length))];
    const y = ys[random.below(Math.max(1, ys.length))];
    if (x !== undefined && y !== undefined && x !== y) gaps.push(Math.abs(row[x]! - row[y]!));
  }
  return gaps;
}

/** The noise of a lens row: the 95th percentile of `pairGaps`, nats; 0 without any. */
export function pairNoise(...asked: Parameters<typeof pairGaps>): number {
  const gaps = pairGaps(...asked);
  return gaps.length === 0 ? 0 : quantile(gaps, 0.95);
}

/** Mean of each column of `logprobs` [positions, vocab]: the frequency proxy of `pairNoise`. */
export function columnMeans(logprobs: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const means = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) means[c]! += logprobs[r * columns + c]! / rows;
  return means;
}
