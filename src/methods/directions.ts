import { dot } from './linear.js';

/**
 * Directions of the residual stream at one position, as differences of two runs. A direction shorter than this part of the stream
 * it was taken from is rounding, not a direction.
 */
export const LEAST_DIRECTION = 1e-5;

/** a − b, in float64. [d_model] */
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): Float64Array => Float64Array.from(a, (x, i) => x - b[i]!);

/** Euclidean length. */
export const norm = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));

/** Whether a difference of two streams is longer than their rounding. */
export const isDirection = (direction: ArrayLike<number>, stream: ArrayLike<number>): boolean =>
  norm(direction) > LEAST_DIRECTION * norm(stream);

/** Cosine of the angle between two vectors; null where one has no length. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  const lengths = norm(a) * norm(b);
  return lengths > 0 ? Math.max(-1, Math.min(1, dot(a, b) / lengths)) : null;
}

/** (x · d) / (d · d), no unit: how much of `direction` is in `vector`, 1 = its whole length; null where the direction has none. */
export function shareAlong(vector: ArrayLike<number>, direction: ArrayLike<number>): number | null {
  const size = dot(direction, direction);
  return size > 0 ? dot(vector, direction) / size : null;
}

export interface JointFit {
  /** Coefficients of both directions. */
  a: number;
  b: number;
  /** ‖what neither explains‖² / ‖vector‖², in [0, 1]: the interaction of the two. */
  unexplained: number;
}

/**
 * Least squares of `vector` on two directions at once, vector ≈ a · dA + b · dB: what each brings beyond what the other would bring
 * as well. Null where the two (or one and nothing) are parallel to within 1e-6, so that no split is defined, or the vector is 0.
 */
export function jointFit(vector: ArrayLike<number>, dA: ArrayLike<number>, dB: ArrayLike<number>): JointFit | null {
  const aa = dot(dA, dA);
  const bb = dot(dB, dB);
  const ab = dot(dA, dB);
  const determinant = aa * bb - ab * ab;
  const size = dot(vector, vector);
  if (!(determinant > 1e-6 * aa * bb) || size === 0) return null;
  const va = dot(vector, dA);
  const vb = dot(vector, dB);
  const a = (va * bb - vb * ab) / determinant;
  const b = (vb * aa - va * ab) / determinant;
  const explained = a * va + b * vb;
  return { a, b, unexplained: Math.min(1, Math.max(0, 1 - explained / size)) };
}
