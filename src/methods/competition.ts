/** Candidates that compete for one position: which is ahead where, and what turns it. Log-probabilities and margins in nats. */

/** Probability from which a candidate counts as risen. */
export const RISEN = 0.1;

/** First row at which at least two candidates have probability `least` or more; null where none has. @param probs [candidate][row]. */
export function bifurcationRow(probs: readonly (readonly number[])[], least = RISEN): number | null {
  const rows = probs[0]?.length ?? 0;
  for (let row = 0; row < rows; row++) if (probs.filter((one) => one[row]! >= least).length >= 2) return row;
  return null;
}

/** How often the leading candidate changes from one row to the next, from row `from` on. @param logprobs [candidate][row]. */
export function leadChanges(logprobs: readonly (readonly number[])[], from: number): number {
  const rows = logprobs[0]?.length ?? 0;
  let changes = 0;
  let last: number | null = null;
  for (let row = from; row < rows; row++) {
    let best = 0;
    for (let i = 1; i < logprobs.length; i++) if (logprobs[i]![row]! > logprobs[best]![row]!) best = i;
    if (last !== null && best !== last) changes++;
    last = best;
  }
  return changes;
}

/**
 * Each value minus the mean of the others, so that what all have in common (which a softmax cannot see) drops out. Of two values it is
 * their difference; one alone stays as it is. Same unit as the values.
 */
export function againstRest(values: readonly number[]): number[] {
  if (values.length < 2) return [...values];
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value - (sum - value) / (values.length - 1));
}

/** The least dose from which the margin is above 0 at every dose up to the greatest; null where it is not so even there. Any order. */
export function flipDose(doses: readonly number[], margins: readonly number[]): number | null {
  const order = doses.map((_, i) => i).sort((a, b) => doses[b]! - doses[a]!);
  let flip: number | null = null;
  for (const i of order) {
    if (!(margins[i]! > 0)) break;
    flip = doses[i]!;
  }
  return flip;
}

/** The least x in [0, 1] at which the margin is half way between its values at 0 and 1, linear in between; null where these are equal. */
export function halfPoint(xs: readonly number[], margins: readonly number[]): number | null {
  const points = xs.map((x, i) => [x, margins[i]!] as const).filter(([x]) => x >= 0 && x <= 1);
  points.sort((a, b) => a[0] - b[0]);
  const [first, last] = [points[0], points.at(-1)];
  if (first?.[0] !== 0 || last?.[0] !== 1 || first[1] === last[1]) return null;
  const half = (first[1] + last[1]) / 2;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
    if ((y0 - half) * (y1 - half) <= 0 && y0 !== y1) return x0 + ((half - y0) / (y1 - y0)) * (x1 - x0);
  }
  return null;
}

/** KL divergence of `q` from `p` (Kullback & Leibler 1951), Σ p (log p − log q), in nats, ∞ where q lacks what p has; both are rows of log-probabilities, [vocab]. */
export function klDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const weight = Math.exp(p[i]!);
    if (weight > 0) sum += weight * (p[i]! - q[i]!);
  }
  return Math.max(0, sum);
}
