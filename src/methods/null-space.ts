import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { rotated, spectrum, type Tridiagonal } from './tridiagonal.js';

/** Share of the unembedding's squared spectrum that its weak singular directions hold. */
export const WEAK_SHARE = 0.05;

/** The weak singular directions of an unembedding. */
export interface WeakDirections {
  /** How many there are. */
  count: number;
  dModel: number;
  /** Multiply-adds that `inside` takes for one vector of many, roughly. */
  cost: number;
  /** ‖part of x in these directions‖² of each x, [d_model]. */
  inside(vectors: readonly ArrayLike<number>[]): number[];
}

/**
 * The singular directions of U in the residual stream that hardly reach the logits: those of the smallest singular values which together
 * hold at most `share` of the squared spectrum (cf. Cancedda 2024). U's right singular vectors are the eigenvectors of its Gram matrix, so
 * that the vocabulary's size does not matter. All of them are found at once, which takes a time that grows with d_model³: `wideWeakDirections` is for large ones.
 *
 * @param gram UᵀU, [d_model, d_model], row by row; symmetric.
 */
export function weakDirections(gram: Float64Array, dModel: number, share = WEAK_SHARE): WeakDirections {
  const matrix = Matrix.from1DArray(dModel, dModel, gram);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const chosen = smallest(realEigenvalues, share);
  const rows = new Float64Array(chosen.length * dModel);
  chosen.forEach((column, r) => {
    for (let i = 0; i < dModel; i++) rows[r * dModel + i] = eigenvectorMatrix.get(i, column);
  });
  const inside = (x: ArrayLike<number>): number => {
    let sum = 0;
    for (let r = 0; r < chosen.length; r++) {
      let dot = 0;
      for (let i = 0; i < dModel; i++) dot += rows[r * dModel + i]! * x[i]!;
      sum += dot * dot;
    }
    return sum;
  };
  return { count: chosen.length, dModel, cost: chosen.length * dModel, inside: (vectors) => vectors.map(inside) };
}

/**
 * The same directions, from Q T Qᵀ = UᵀU (`tridiagonalise`), for a wide residual stream. No eigenvector is made: QL on T is run again for the vectors that are asked for, and turns
 * Qᵀx into x's coordinates in the eigenvectors, exact but for rounding.
 */
export function wideWeakDirections(gram: Tridiagonal, share = WEAK_SHARE): WeakDirections {
  // The same steps give the same eigenvalues in the same order every time, so an index names one.
  const chosen = smallest(spectrum(gram), share);
  const inside = (vectors: readonly ArrayLike<number>[]): number[] => {
    const coordinates = vectors.map((x) => rotated(gram, x));
    spectrum(gram, coordinates);
    return coordinates.map((y) => chosen.reduce((sum, i) => sum + y[i]! * y[i]!, 0));
  };
  return { count: chosen.length, dModel: gram.n, cost: 8 * gram.n * gram.n, inside };
}

/** Indexes of the smallest eigenvalues that together hold at most a share of all, in rising order. */
function smallest(eigenvalues: ArrayLike<number>, share: number): number[] {
  const values = Array.from(eigenvalues);
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  const chosen: number[] = [];
  let held = 0;
  for (const i of order) {
    held += Math.max(0, values[i]!);
    if (held > share * total) break;
    chosen.push(i);
  }
  return chosen;
}

/**
 * Logit-null share: the part of ‖x‖² that lies in the weak directions. A vector without a preferred direction has count / d_model.
 * @param vectors N(r_L(p)), what the unembedding reads, [d_model] each.
 * @returns A share for each; 0 of a zero vector.
 */
export function logitNullShares(vectors: readonly ArrayLike<number>[], weak: WeakDirections): number[] {
  return weak.inside(vectors).map((inside, i) => {
    let all = 0;
    for (let k = 0; k < weak.dModel; k++) all += vectors[i]![k]! * vectors[i]![k]!;
    return all === 0 ? 0 : Math.min(1, inside / all);
  });
}

/**
 * The final norm of a residual vector, as the unembedding reads it: RMSNorm x / sqrt(mean x² + ε), LayerNorm (x − mean) / sqrt(var + ε),
 * times its weight, plus its bias.
 * @param x [d_model]
 */
export function finalNorm(
  x: ArrayLike<number>,
  norm: { kind: 'rms' | 'layer'; eps: number; weight: ArrayLike<number> | null; bias: ArrayLike<number> | null },
): Float64Array {
  const n = x.length;
  let mean = 0;
  if (norm.kind === 'layer') for (let i = 0; i < n; i++) mean += x[i]! / n;
  let square = 0;
  for (let i = 0; i < n; i++) square += (x[i]! - mean) ** 2 / n;
  const scale = Math.sqrt(square + norm.eps);
  // A loop: called for each position of each layer, and `from` with a function takes four times as long.
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = ((x[i]! - mean) / scale) * (norm.weight?.[i] ?? 1) + (norm.bias?.[i] ?? 0);
  return out;
}
