import type { Activation, ModelSpec } from '../model/spec.js';
import type { Weight, WeightStore } from '../model/weights.js';
import type { GraphBuilder, Value } from './builder.js';
import type { Initializers } from './initializers.js';

/** What a part's graph is made from. */
export interface Source {
  spec: ModelSpec;
  weights: WeightStore;
  initializers: Initializers;
}

export interface Normed {
  /** What x is divided by [..., 1]: sqrt(mean(x²) + eps), or sqrt(var(x) + eps) with the biased variance. */
  scale: Value;
  /** x / scale (centred first for LayerNorm), before weight and bias. */
  normalized: Value;
  /** After weight and bias. */
  out: Value;
}

/**
 * RMSNorm (Zhang & Sennrich 2019) or LayerNorm (Ba 2016) over the last axis. `name` is `blocks.3.ln1`, `ln_final`, …
 * `frozen` [..., 1] replaces the scale wherever it is above 0.
 */
export function norm(g: GraphBuilder, from: Source, x: Value, name: string, frozen?: Value): Normed {
  const own = normalised(g, from, x);
  if (frozen === undefined) return { ...own, out: affine(g, from, own.normalized, name) };
  const scale = g.op('Where', [g.op('Greater', [frozen, g.scalar(0)]), frozen, own.scale]);
  // A ratio of 1 where the scale is the row's own.
  const normalized = g.mul(own.normalized, g.op('Div', [own.scale, scale]));
  return { scale, normalized, out: affine(g, from, normalized, name) };
}

/** x over its own scale, and that scale, in one pass over x. */
function normalised(g: GraphBuilder, { spec: { norm, dModel } }: Source, x: Value): Omit<Normed, 'out'> {
  const ones = g.floats(new Float32Array(dModel).fill(1));
  const attributes = { axis: -1, epsilon: { float: norm.eps } };
  const made =
    norm.kind === 'layer'
      ? g.ops('LayerNormalization', [x, ones], 3, attributes)
      : g.ops('SimplifiedLayerNormalization', [x, ones], 2, attributes);
  return { scale: g.op('Reciprocal', [made.at(-1)!]), normalized: made[0]! };
}

function affine(g: GraphBuilder, from: Source, x: Value, name: string): Value {
  const w = from.initializers.vector(g, `${name}.w`);
  const b = from.initializers.vector(g, `${name}.b`);
  const scaled = w === null ? x : g.mul(x, w);
  return b === null ? scaled : g.add(scaled, b);
}

/** RMSNorm of each query or key head over d_head (Qwen3). */
export function headNorm(g: GraphBuilder, from: Source, x: Value, name: string): Value {
  const scale = g.op('Sqrt', [g.add(g.mean(g.mul(x, x)), g.scalar(from.spec.norm.eps))]);
  return affine(g, from, g.op('Div', [x, scale]), name);
}

/** x [rows, in] times a stored matrix, plus its bias: [rows, out]. The matrix is used as it lies in the file, not transposed. */
export function linear(g: GraphBuilder, from: Source, x: Value, matrix: string, bias: string): Value {
  const b = from.initializers.vector(g, bias);
  const w = from.initializers.matrix(g, matrix);
  const transB = from.weights.get(matrix).layout === 'in_out' ? 0 : 1;
  return g.op('Gemm', b === null ? [x, w] : [x, w, b], { transB });
}

/**
 * `linear` of a matrix of very many outputs, such as the unembedding: in several products where that keeps memory down (see
 * `Initializers.runs`). Each output is the same sum.
 */
export function wideLinear(g: GraphBuilder, from: Source, x: Value, matrix: string, bias: string): Value {
  if (from.weights.get(matrix).layout === 'in_out' || from.weights.has(bias)) return linear(g, from, x, matrix, bias);
  const products = from.initializers.runs(g, matrix).map((w) => g.op('Gemm', [x, w], { transB: 1 }));
  return products.length === 1 ? products[0]! : g.op('Concat', products, { axis: 1 });
}

/** Output width of a stored matrix. */
export function widthOf(weight: Weight): number {
  const [rows, columns] = weight.stored.shape;
  return (weight.layout === 'in_out' ? columns : rows) ?? 0;
}

/** Heads [..., d_head] from adjacent-pair RoPE order (x0, y0, x1, y1, …) to half-split order (x0, x1, …, y0, y1, …). */
export function pairsToHalves(g: GraphBuilder, x: Value, heads: number, dHead: number): Value {
  const shape = g.shapeOf(x, 0, 2);
  const paired = g.reshape(x, [shape, heads, dHead / 2, 2]);
  return g.reshape(g.transpose(paired, [0, 1, 2, 4, 3]), [shape, heads, dHead]);
}

/** The activation functions that configs name, as transformers computes them (transformers/activations.py). */
export function activate(g: GraphBuilder, x: Value, kind: Activation): Value {
  switch (kind) {
    case 'silu':
      return g.contrib('QuickGelu', [x], { alpha: { float: 1 } });
    case 'gelu':
      return g.op('Gelu', [x], { approximate: 'none' });
    case 'gelu_tanh':
      return g.op('Gelu', [x], { approximate: 'tanh' });
    case 'quick_gelu':
      return g.contrib('QuickGelu', [x], { alpha: { float: 1.702 } });
    case 'relu':
      return g.op('Relu', [x]);
    case 'relu2': {
      const positive = g.op('Relu', [x]);
      return g.mul(positive, positive);
    }
    case 'tanh':
      return g.op('Tanh', [x]);
    case 'sigmoid':
      return g.op('Sigmoid', [x]);
    case 'linear':
      return x;
    case 'gelu_10':
      return clip(g, g.op('Gelu', [x], { approximate: 'none' }), -10, 10);
    case 'relu6':
      return clip(g, x, 0, 6);
    case 'leaky_relu':
      return g.op('LeakyRelu', [x], { alpha: { float: 0.01 } });
    case 'hardswish':
      return g.op('Div', [g.mul(x, clip(g, g.add(x, g.scalar(3)), 0, 6)), g.scalar(6)]);
    case 'mish': {
      // tanh(ln(1 + u)) with u = exp(x), which is 1 in float32 from x = 20 on. onnxruntime's Softplus rounds otherwise where the work is cut
      // otherwise, that is, by how many threads there are.
      const u = g.op('Exp', [g.op('Min', [x, g.scalar(20)])]);
      const v = g.mul(u, g.add(u, g.scalar(2)));
      return g.mul(x, g.op('Div', [v, g.add(v, g.scalar(2))]));
    }
    case 'laplace': {
      // transformers' LaplaceActivation: mean 0.707107, standard deviation 0.282095.
      const standard = g.op('Div', [g.op('Sub', [x, g.scalar(0.707107)]), g.scalar(0.282095 * Math.SQRT2)]);
      return g.mul(g.add(g.op('Erf', [standard]), g.scalar(1)), g.scalar(0.5));
    }
  }
}

const clip = (g: GraphBuilder, x: Value, low: number, high: number): Value => g.op('Clip', [x, g.scalar(low), g.scalar(high)]);
