import type { Activation } from '../../model/spec.js';
import { activate, secant } from './activation.js';

/**
 * One layer of a run with everything frozen that is not linear: each norm's scale, each attention pattern, and each activation's
 * secant slope. What is left is linear in the residual stream, so an output is a sum over what wrote there.
 *
 * Sources: frozen patterns and norms, Elhage et al. 2021 and Ameisen et al. 2025 ("Circuit Tracing"); for MLPs without a transcoder,
 * the secant and half rules of Achtibat et al. 2024 (AttnLRP) and Jafari et al. 2025 (RelP), whose parts sum to the whole.
 */
export interface FrozenNorm {
  kind: 'rms' | 'layer';
  /** [d_model], or null for none. */
  w: ArrayLike<number> | null;
  b: ArrayLike<number> | null;
  /** hook_scale, [pos]. */
  scale: ArrayLike<number>;
}

export interface FrozenLayer {
  ln1: FrozenNorm;
  ln2: FrozenNorm;
  /** hook_pattern, [head, query, key]. */
  pattern: Float32Array;
  /** [kv_head, d_head, d_model] and [kv_head, d_head] or null. */
  wV: Float32Array;
  bV: ArrayLike<number> | null;
  /** [head, d_head, d_model] */
  wO: Float32Array;
  mlp: FrozenMlp;
}

export interface FrozenMlp {
  activation: Activation;
  /** [d_mlp, d_model]; `gate` where the MLP is gated. */
  wIn: Float32Array;
  bIn: ArrayLike<number> | null;
  gate: { w: Float32Array; b: ArrayLike<number> | null } | null;
  /** [d_mlp, d_model] */
  wOut: Float32Array;
  /** What the MLP's norm reads: resid_mid, or resid_pre in a parallel block, [pos, d_model]. */
  reads: Float32Array;
}

/** N(x) at a position, [d_model]. */
export function normalise(norm: FrozenNorm, x: ArrayLike<number>, pos: number): Float64Array {
  const n = x.length;
  let mean = 0;
  if (norm.kind === 'layer') {
    for (let i = 0; i < n; i++) mean += x[i]!;
    mean /= n;
  }
  const scale = norm.scale[pos]!;
  return Float64Array.from({ length: n }, (_, i) => ((x[i]! - mean) / scale) * (norm.w ? norm.w[i]! : 1) + (norm.b ? norm.b[i]! : 0));
}

/** Turns the gradient of what a norm gives into that of what it reads, but for the division by its scale; in place. */
function throughNorm(norm: FrozenNorm, gradient: Float64Array): Float64Array {
  if (norm.w) for (let i = 0; i < gradient.length; i++) gradient[i]! *= norm.w[i]!;
  if (norm.kind === 'layer') {
    let mean = 0;
    for (let i = 0; i < gradient.length; i++) mean += gradient[i]!;
    mean /= gradient.length;
    for (let i = 0; i < gradient.length; i++) gradient[i]! -= mean;
  }
  return gradient;
}

function addRow(out: Float64Array, rows: Float32Array, row: number, by: number): void {
  const start = row * out.length;
  for (let i = 0; i < out.length; i++) out[i]! += by * rows[start + i]!;
}

function rowDot(rows: Float32Array, row: number, vector: ArrayLike<number>): number {
  const n = vector.length;
  const start = row * n;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += rows[start + i]! * vector[i]!;
  return sum;
}

/**
 * How a head's output along `u` depends on the residual stream: Σ_k α(t, k) / σ_k · (g · r(k)) + constant, with g = N'(W_V' W_O u)
 * the same at every source position k.
 * @param u [d_model], direction that the output is measured along.
 * @returns g [d_model]; α/σ is left to the caller.
 */
export function headGradient(
  layer: FrozenLayer,
  head: number,
  u: ArrayLike<number>,
  sizes: { dHead: number; group: number },
): Float64Array {
  const { dHead, group } = sizes;
  const g = new Float64Array(u.length);
  const kv = Math.floor(head / group);
  for (let i = 0; i < dHead; i++) addRow(g, layer.wV, kv * dHead + i, rowDot(layer.wO, head * dHead + i, u));
  return throughNorm(layer.ln1, g);
}

/**
 * How an MLP's output at a position along `u` depends on what its norm reads: g / σ · r(t) + constant. A gated MLP's product is
 * shared half and half between its two factors.
 * @returns g [d_model], division by the norm's scale included.
 */
export function mlpGradient(layer: FrozenLayer, pos: number, u: ArrayLike<number>): Float64Array {
  const { mlp, ln2 } = layer;
  const n = u.length;
  const x = normalise(ln2, mlp.reads.subarray(pos * n, (pos + 1) * n), pos);
  const g = new Float64Array(n);
  const width = mlp.wIn.length / n;
  for (let i = 0; i < width; i++) {
    const y = rowDot(mlp.wOut, i, u);
    if (y === 0) continue;
    const up = rowDot(mlp.wIn, i, x) + (mlp.bIn ? mlp.bIn[i]! : 0);
    if (mlp.gate) {
      const gate = rowDot(mlp.gate.w, i, x) + (mlp.gate.b ? mlp.gate.b[i]! : 0);
      addRow(g, mlp.wIn, i, 0.5 * y * activate(mlp.activation, gate));
      addRow(g, mlp.gate.w, i, 0.5 * y * secant(mlp.activation, gate) * up);
    } else addRow(g, mlp.wIn, i, y * secant(mlp.activation, up));
  }
  throughNorm(ln2, g);
  const scale = ln2.scale[pos]!;
  for (let i = 0; i < n; i++) g[i]! /= scale;
  return g;
}
