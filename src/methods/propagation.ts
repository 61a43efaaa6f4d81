import { Random } from './random.js';

/** Relative size of a perturbation: ‖Δ‖ / ‖r_l(p)‖. */
export const EPSILON = 0.01;
/** Directions of noise that are drawn at each layer. */
export const NOISE_SEEDS = 3;

/** Euclidean length. */
export function norm(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
}

/** A direction drawn evenly from all directions (normal numbers, Box & Muller 1958), of length 1, [n]. */
export function randomDirection(n: number, seed: number): Float64Array {
  const random = new Random(seed);
  const x = Float64Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit()));
  const length = norm(x);
  return x.map((v) => v / length);
}

/** `direction` scaled to ε ‖residual‖, [d_model]; null where it has no length, so that there is no direction to go in. */
export function perturbation(direction: ArrayLike<number>, residual: ArrayLike<number>, epsilon = EPSILON): Float32Array | null {
  const length = norm(direction);
  if (!(length > 0)) return null;
  const factor = (epsilon * norm(residual)) / length;
  return Float32Array.from(direction, (v) => v * factor);
}

/**
 * Growth of a perturbation: ‖r'_k − r_k‖ / ‖r_k‖ for each residual row k from the perturbed one on.
 * @param clean Rows of the unchanged run, [rows] of [d_model].
 * @param changed The same rows with the perturbation.
 */
export function growth(clean: readonly ArrayLike<number>[], changed: readonly ArrayLike<number>[]): number[] {
  return clean.map((row, k) => {
    const length = norm(row);
    let sum = 0;
    for (let i = 0; i < row.length; i++) sum += (changed[k]![i]! - row[i]!) ** 2;
    return length > 0 ? Math.sqrt(sum) / length : 0;
  });
}
