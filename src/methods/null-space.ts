import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Share of the unembedding's squared spectrum that its weak singular directions hold. */
export const WEAK_SHARE = 0.05;

/** The weak singular directions of an unembedding. */
export interface WeakDirections {
  /** How many there are. */
  count: number;
  /** Orthonormal rows, [count, d_model]. */
  rows: Float64Array;
  dModel: number;
}

/**
 * The singular directions of U in the residual stream that hardly reach the logits: those of the smallest singular values which together
 * hold at most `share` of the squared spectrum (cf. Cancedda 2024). U's right singular vectors are the eigenvectors of its Gram matrix, so
 * that the vocabulary's size does not matter.
 *
 * @param gram UᵀU, [d_model, d_model], row by row; symmetric.
 */
export function weakDirections(gram: Float64Array, dModel: number, share = WEAK_SHARE): WeakDirections {
  const matrix = Matrix.from1DArray(dModel, dModel, gram);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const total = realEigenvalues.reduce((sum, value) => sum + Math.max(0, value), 0);
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[a]! - realEigenvalues[b]! || a - b);
  const chosen: number[] = [];
  let held = 0;
  for (const i of order) {
    held += Math.max(0, realEigenvalues[i]!);
    if (held > share * total) break;
    chosen.push(i);
  }
  const rows = new Float64Array(chosen.length * dModel);
  chosen.forEach((column, r) => {
    for (let i = 0; i < dModel; i++) rows[r * dModel + i] = eigenvectorMatrix.get(i, column);
  });
  return { count: chosen.length, rows, dModel };
}

/**
 * Logit-null share: the part of ‖x‖² that lies in the weak directions. A vector without a preferred direction has count / d_model.
 * @param x N(r_L(p)), what the unembedding reads, [d_model].
 * @returns A share; 0 of a zero vector.
 */
export function logitNullShare(x: ArrayLike<number>, { count, rows, dModel }: WeakDirections): number {
  let all = 0;
  for (let i = 0; i < dModel; i++) all += x[i]! * x[i]!;
  if (all === 0) return 0;
  let inside = 0;
  for (let r = 0; r < count; r++) {
    let dot = 0;
    for (let i = 0; i < dModel; i++) dot += rows[r * dModel + i]! * x[i]!;
    inside += dot * dot;
  }
  return Math.min(1, inside / all);
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
  return Float64Array.from({ length: n }, (_, i) => ((x[i]! - mean) / scale) * (norm.weight?.[i] ?? 1) + (norm.bias?.[i] ?? 0));
}
