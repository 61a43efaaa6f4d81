/**
 * The spectrum of a large symmetric matrix without its eigenvectors: Householder's reduction A = Q T Qᵀ to a tridiagonal T (2 n³ / 3 multiply-adds, in place), then
 * implicit QL on T, which takes along the coordinates of chosen vectors alone (Golub & Van Loan, Matrix Computations, 4th ed., §8.3). A full decomposition of a
 * matrix of 4,096 rows takes ten times as long and a second matrix of its size.
 */

/** A = Q T Qᵀ. */
export interface Tridiagonal {
  n: number;
  /** T's diagonal, [n], and its subdiagonal, [n], where entry i stands between rows i − 1 and i (entry 0 is 0). */
  diagonal: Float64Array;
  subdiagonal: Float64Array;
  /** Row i holds, in its first i entries, the vector v of the reflection H_i = I − τ_i v vᵀ; Q = H_{n−1} ⋯ H_2. [n, n] */
  reflectors: Float64Array;
  /** τ_i, [n]; 0 where nothing is reflected. */
  tau: Float64Array;
}

/**
 * Householder's reduction, from the last row up. One pass over the triangle applies the former reflection and multiplies by the next vector, since memory is what it waits for.
 * @param a Symmetric, [n, n] row by row; its lower triangle is read and written over, and belongs to the result.
 * @yields After every row, so that a caller can let others work in between or stop; the end gives the result.
 */
export function* tridiagonalise(a: Float64Array, n: number): Generator<void, Tridiagonal, void> {
  const diagonal = new Float64Array(n);
  const subdiagonal = new Float64Array(n);
  const tau = new Float64Array(n);
  // The reflection that the triangle above row i still lacks: A − v wᵀ − w vᵀ.
  let v: Float64Array = new Float64Array(n);
  let w: Float64Array = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const row = a.subarray(i * n, i * n + i + 1);
    for (let j = 0; j <= i; j++) row[j]! -= v[i]! * w[j]! + w[i]! * v[j]!;
    diagonal[i] = row[i]!;
    const next = i > 0 ? reflector(row, i) : { tau: 0, below: 0 };
    subdiagonal[i] = next.below;
    tau[i] = next.tau;
    const x = new Float64Array(n);
    x.set(row.subarray(0, i));
    const p = updateAndMultiply(a, n, i, v, w, x);
    // w = τ A x − (τ² xᵀ A x / 2) x makes H A H the symmetric rank-two update above.
    let along = 0;
    for (let j = 0; j < i; j++) along += p[j]! * x[j]!;
    for (let j = 0; j < i; j++) p[j] = next.tau * (p[j]! - (next.tau * along * x[j]!) / 2);
    v = x;
    w = p;
    yield;
  }
  return { n, diagonal, subdiagonal, reflectors: a, tau };
}

/** Makes row[0 … i − 1] the vector of the reflection that leaves only its last entry; returns τ and that entry as it then is. */
function reflector(row: Float64Array, i: number): { tau: number; below: number } {
  const last = row[i - 1]!;
  let largest = 0;
  for (let j = 0; j < i - 1; j++) largest = Math.max(largest, Math.abs(row[j]!));
  if (largest === 0) {
    row.fill(0, 0, i);
    return { tau: 0, below: last };
  }
  const scale = Math.max(largest, Math.abs(last));
  let square = 0;
  for (let j = 0; j < i; j++) square += (row[j]! / scale) ** 2;
  const below = (last > 0 ? -1 : 1) * scale * Math.sqrt(square);
  const head = last - below;
  for (let j = 0; j < i - 1; j++) row[j]! /= head;
  row[i - 1] = 1;
  return { tau: -head / below, below };
}

/** Applies A − v wᵀ − w vᵀ to the triangle above row i, and returns (the new A) x over its first i rows. */
function updateAndMultiply(a: Float64Array, n: number, i: number, v: Float64Array, w: Float64Array, x: Float64Array): Float64Array {
  const p = new Float64Array(n);
  for (let r = 0; r < i; r++) {
    const start = r * n;
    const [vr, wr, xr] = [v[r]!, w[r]!, x[r]!];
    let sum = 0;
    for (let j = 0; j < r; j++) {
      const value = a[start + j]! - vr * w[j]! - wr * v[j]!;
      a[start + j] = value;
      sum += value * x[j]!;
      p[j]! += value * xr;
    }
    const value = a[start + r]! - 2 * vr * wr;
    a[start + r] = value;
    p[r]! += sum + value * xr;
  }
  return p;
}

/** Qᵀ x, [n]. */
export function rotated({ n, reflectors, tau }: Tridiagonal, x: ArrayLike<number>): Float64Array {
  const y = Float64Array.from({ length: n }, (_, j) => x[j]!);
  for (let i = n - 1; i > 1; i--) {
    if (tau[i] === 0) continue;
    const start = i * n;
    let sum = 0;
    for (let j = 0; j < i; j++) sum += reflectors[start + j]! * y[j]!;
    sum *= tau[i]!;
    for (let j = 0; j < i; j++) y[j]! -= sum * reflectors[start + j]!;
  }
  return y;
}

/** Most sweeps for one eigenvalue: with Wilkinson's shift two or three are usual. */
const SWEEPS = 60;

/**
 * Eigenvalues of T by implicit QL with Wilkinson's shift, and with each the coordinates of the given vectors in its eigenvector.
 * @param vectors In T's coordinates (`rotated`), [n] each; turned in place into coordinates in the eigenvectors, in the order of the values.
 * @returns Eigenvalues, [n], unordered.
 */
export function spectrum({ n, diagonal, subdiagonal }: Tridiagonal, vectors: readonly Float64Array[] = []): Float64Array {
  const d = Float64Array.from(diagonal);
  const e = new Float64Array(n);
  e.set(subdiagonal.subarray(1));
  let size = 0;
  for (let i = 0; i < n; i++) size = Math.max(size, Math.abs(d[i]!) + Math.abs(e[i]!));
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      // Eigenvalues of a Gram matrix that are 0 come out as rounding of the largest: what is below that is no coupling.
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * Math.max(Math.abs(d[m]!) + Math.abs(d[m + 1]!), Number.EPSILON * size)) m++;
      if (m === l) break;
      if (sweep === SWEEPS) throw new Error(`Eigenvalue ${l} of ${n} did not converge in ${SWEEPS} sweeps.`);
      sweepQL(d, e, l, m, vectors);
    }
  }
  return d;
}

/** One sweep of implicit QL on rows l … m. */
function sweepQL(d: Float64Array, e: Float64Array, l: number, m: number, vectors: readonly Float64Array[]): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const root = Math.hypot(half, 1);
  let g = d[m]! - d[l]! + e[l]! / (half + (half >= 0 ? root : -root));
  let [s, c, shift] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      // The matrix has come apart here: what is left is done in the next sweep.
      d[i + 1]! -= shift;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - shift;
    const t = (d[i]! - g) * s + 2 * c * b;
    shift = s * t;
    d[i + 1] = g + shift;
    g = c * t - b;
    for (const z of vectors) {
      const upper = z[i + 1]!;
      z[i + 1] = s * z[i]! + c * upper;
      z[i] = c * z[i]! - s * upper;
    }
  }
  d[l]! -= shift;
  e[l] = g;
  e[m] = 0;
}
