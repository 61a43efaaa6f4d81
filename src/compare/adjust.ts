/**
 * Benjamini & Hochberg (1995): the smallest false discovery rate at which each of several tests would be called.
 * @param p p-values of all tests, [m].
 * @returns q-values in the same order, q ≥ p.
 */
export function adjusted(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((i, j) => p[j]! - p[i]!);
  const q = new Array<number>(p.length);
  let least = 1;
  order.forEach((i, rank) => {
    least = Math.min(least, (p[i]! * p.length) / (p.length - rank));
    q[i] = least;
  });
  return q;
}
