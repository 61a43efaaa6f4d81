import { expect } from 'vitest';

/** Largest |a − b| / (1 + |b|) of two arrays of equal length; masked −inf against −inf is 0. */
export function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    if (got[i] === want[i]) continue;
    const d = Math.abs(got[i]! - want[i]!) / (1 + Math.abs(want[i]!));
    if (Number.isNaN(d)) return NaN;
    if (d > worst) worst = d;
  }
  return worst;
}

/** The references' tolerance: |a − b| ≤ 1e-4 · (1 + |b|). */
export function expectAgree(got: ArrayLike<number>, want: ArrayLike<number>, what: string, tolerance = 1e-4): void {
  const d = distance(got, want);
  expect(d, `${what} differs by ${d}`).toBeLessThanOrEqual(tolerance);
}
