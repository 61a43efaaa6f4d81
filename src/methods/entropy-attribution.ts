/**
 * Attribution of the output's entropy. Entropy is not linear in the logits, so contributions are taken along the straight path from no
 * logits at all (every token alike: entropy log V) to the logits z, as integrated gradients do (Sundararajan et al. 2017):
 *
 *   H(z) − log V = g · z,   g = ∫₀¹ ∇H(s z) ds,   ∂H/∂z_i = −p_i (log p_i + H)
 *
 * z is linear in the residual stream when the final norm's scale is frozen, so g · z splits over everything written to it, exactly but
 * for the quadrature. Negative: makes the output more certain.
 */

/** Nodes and weights on [0, 1] of Gauss–Legendre quadrature with n points, by Newton's method on P_n. */
function gaussLegendre(n: number): { node: number; weight: number }[] {
  return Array.from({ length: n }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 50; step++) {
      let p = 1;
      let before = 0;
      for (let k = 1; k <= n; k++) [p, before] = [((2 * k - 1) * x * p - (k - 1) * before) / k, p];
      slope = (n * (x * p - before)) / (x * x - 1);
      const change = p / slope;
      x -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    return { node: (1 + x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}

/** Nats by which the quadrature may miss before the path is cut finer. */
const TOLERANCE = 1e-5;
const NODES = 16;
const MOST_PIECES = 64;

export interface EntropyGradient {
  /** g, [vocab]: nats of entropy per nat of logit. */
  weights: Float64Array;
  /** H(z) − log V, nats: what the contributions sum to. */
  change: number;
  /** |change − g · z|, nats: by how much the quadrature misses. */
  residual: number;
}

/**
 * g and H(z) − log V of a row of logits. The path is cut into pieces, 16 nodes each, until the two sides agree to 1e-5 nats: sharp
 * outputs turn from even to certain within a small part of it. Pieces grow geometrically from 0, where the turn is.
 * @param logits [vocab], all terms included (b_U too).
 */
export function entropyGradient(logits: ArrayLike<number>): EntropyGradient {
  // A shift of all logits changes no probability; without their mean the path is shorter.
  const n = logits.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += logits[i]! / n;
  const z = Float64Array.from(logits, (v) => v - mean);
  const change = entropyAt(z, 1).entropy - Math.log(n);
  const rule = gaussLegendre(NODES);
  let best: EntropyGradient | null = null;
  for (let pieces = 1; pieces <= MOST_PIECES; pieces *= 2) {
    const weights = new Float64Array(n);
    let from = 0;
    for (let piece = 1; piece <= pieces; piece++) {
      const to = 2 ** (((piece - pieces) / pieces) * Math.log2(1 + pieces) * 2);
      for (const { node, weight } of rule) {
        const at = entropyAt(z, from + (to - from) * node);
        const step = weight * (to - from);
        for (let i = 0; i < n; i++) if (at.p[i]! > 0) weights[i]! -= step * at.p[i]! * (Math.log(at.p[i]!) + at.entropy);
      }
      from = to;
    }
    let sum = 0;
    for (let i = 0; i < n; i++) sum += weights[i]! * z[i]!;
    best = { weights, change, residual: Math.abs(change - sum) };
    if (best.residual <= TOLERANCE) break;
  }
  return best!;
}

/** Probabilities and entropy of softmax(s z). */
function entropyAt(z: Float64Array, s: number): { p: Float64Array; entropy: number } {
  let max = -Infinity;
  for (let i = 0; i < z.length; i++) max = Math.max(max, s * z[i]!);
  const p = new Float64Array(z.length);
  let total = 0;
  for (let i = 0; i < z.length; i++) total += p[i] = Math.exp(s * z[i]! - max);
  let entropy = 0;
  for (let i = 0; i < z.length; i++) {
    p[i]! /= total;
    if (p[i]! > 0) entropy -= p[i]! * Math.log(p[i]!);
  }
  return { p, entropy };
}
