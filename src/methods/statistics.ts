/**
 * Wilson's score interval for a share (Wilson 1927): no correction for continuity, z = 1.959964 for 95 %.
 * @returns [low, high] in [0, 1]; [0, 1] when there is nothing to count.
 */
export function wilson(successes: number, total: number, z = 1.959963984540054): [number, number] {
  if (total === 0) return [0, 1];
  const p = successes / total;
  const z2 = (z * z) / total;
  const centre = p + z2 / 2;
  const half = z * Math.sqrt((p * (1 - p)) / total + z2 / (4 * total));
  // At 0 and all successes one bound is exactly 0 or 1; arithmetic would leave it a rounding error away.
  const low = successes === 0 ? 0 : Math.max(0, (centre - half) / (1 + z2));
  const high = successes === total ? 1 : Math.min(1, (centre + half) / (1 + z2));
  return [low, high];
}

/** The q-quantile (0 ≤ q ≤ 1) with linear interpolation between order statistics (type 7: numpy's default). NaN of nothing. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return NaN;
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return a + (b - a) * (at - low);
}

/** Arithmetic mean; 0 of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Standard deviation of a sample (n − 1 in the denominator); 0 of fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const m = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - m) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/** Index of the largest value; the first of several. −1 of nothing. */
export function argmax(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) if (best < 0 || values[i]! > values[best]!) best = i;
  return best;
}

/** Indexes of the `k` largest values, largest first; of equal ones the lower index first. */
export function topIndexes(values: ArrayLike<number>, k: number, skip?: { has(index: number): boolean }): number[] {
  const top: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (top.length === k && value <= values[top[k - 1]!]!) continue;
    if (skip?.has(i)) continue;
    let at = top.length;
    while (at > 0 && values[top[at - 1]!]! < value) at--;
    top.splice(at, 0, i);
    if (top.length > k) top.pop();
  }
  return top;
}
