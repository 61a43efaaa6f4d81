import type { Random } from '../methods/random.js';

/** A standard normal number (Box & Muller 1958). */
export const gauss = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());

/**
 * Orthonormal directions of a residual stream of `width` numbers, all of mean 0, so that centring (LayerNorm) leaves them as they are.
 * One meaning each, in a basis that is drawn: as in a trained model, no single number of the stream means anything.
 * @returns [count][width], by Gram and Schmidt from normal numbers. count < width.
 */
export function directions(count: number, width: number, random: Random): Float64Array[] {
  const found: Float64Array[] = [new Float64Array(width).fill(1 / Math.sqrt(width))];
  while (found.length <= count) {
    const v = Float64Array.from({ length: width }, () => gauss(random));
    // Twice, for the rounding of the first time.
    for (let pass = 0; pass < 2; pass++) {
      for (const u of found) {
        const along = product(u, v);
        for (let i = 0; i < width; i++) v[i]! -= along * u[i]!;
      }
      const length = Math.sqrt(product(v, v));
      for (let i = 0; i < width; i++) v[i]! /= length;
    }
    found.push(v);
  }
  return found.slice(1);
}

export function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
