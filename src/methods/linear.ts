/** Σ a_i b_i over the shorter length, in float64. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Σ values over [start, end). */
export function sumRange(values: ArrayLike<number>, start: number, end: number): number {
  let sum = 0;
  for (let i = Math.max(0, start); i < Math.min(end, values.length); i++) sum += values[i]!;
  return sum;
}
