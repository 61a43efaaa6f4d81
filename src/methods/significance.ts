import padjust from '@stdlib/stats-padjust';
import type { NullBand } from '../residue/types-claims.js';
import type { Span } from './attention.js';
import { quantile } from './statistics.js';

export { ALPHA, clears } from '../residue/standing.js';
export type { Claim, HeadNulls, NullBand, Opinion } from '../residue/types-claims.js';

/**
 * p of a measurement against the same measurement where there should be nothing: (1 + #null ≥ observed) / (1 + n) (Davison & Hinkley
 * 1997; Phipson & Smyth 2010). It is never 0, and at least 1 / (1 + n). When observed and null are exchangeable, P(p ≤ α) ≤ α.
 * @param nulls Null measurements, [n]. 1 of none.
 */
export function pValue(observed: number, nulls: ArrayLike<number>): number {
  let reached = 1;
  for (let i = 0; i < nulls.length; i++) if (nulls[i]! >= observed) reached++;
  return reached / (1 + nulls.length);
}

/**
 * Benjamini & Hochberg (1995): the smallest false discovery rate at which each of several tests would be called.
 * @param p p-values of all tests, [m].
 * @returns q-values in the same order, q ≥ p.
 */
export function benjaminiHochberg(p: readonly number[]): number[] {
  return p.length === 0 ? [] : padjust([...p], 'bh');
}

/**
 * A number beside its null.
 * @param of What the null measurements are of, in words.
 * @param sided `size` compares |values|: for numbers whose sign is told, not tested.
 * @returns null where nothing was measured to hold it against.
 */
export function nullBand(observed: number, nulls: readonly number[], of: string, sided: NullBand['sided'] = 'high'): NullBand | null {
  if (nulls.length === 0) return null;
  const size = sided === 'size' ? Math.abs : (x: number): number => x;
  const sizes = nulls.map(size);
  return { of, n: sizes.length, median: quantile(sizes, 0.5), p95: quantile(sizes, 0.95), sided, p: pValue(size(observed), sizes) };
}

/** `32 random spans of 1 token` */
export function spansInWords(drawn: readonly Span[]): string {
  const width = drawn.length === 0 ? 0 : drawn[0]![1] - drawn[0]![0];
  return `${drawn.length} random ${drawn.length === 1 ? 'span' : 'spans'} of ${width} ${width === 1 ? 'token' : 'tokens'}`;
}
