import { dot } from './linear.js';

/**
 * Direct logit attribution (Elhage et al. 2021; Wang et al. 2022) at the answer position p. With the final norm's scale frozen at
 * its value s, the difference of two logits is linear in the residual stream, so it is a sum over everything written to it:
 *
 *   z(a) − z(r) = Σ_c (c ∘ w / s) · u + b_ln · u + b_U[a] − b_U[r],   u = W_U[a] − W_U[r]
 *
 * c runs over the embedding, each head z_h(p) W_O^h, b_O, and each MLP's output. LayerNorm centres each c first. Since centring
 * is symmetric, (c − mean c) · g = c · (g − mean g): one vector g, the *direction*, serves every component.
 * Everything is in nats (logits) and summed in float64.
 */

/** What attribution reads of one run at p. Layouts are the hooks' own. */
export interface Writes {
  /** hook_embed at p, [d_model]. */
  embed: ArrayLike<number>;
  /** hook_pos_embed at p; null where positions turn the heads. */
  posEmbed: ArrayLike<number> | null;
  layers: readonly LayerWrites[];
}

export interface LayerWrites {
  /** hook_pattern at p, [head, key]. */
  pattern: readonly ArrayLike<number>[];
  /** hook_z at p, [head, d_head]. */
  z: readonly ArrayLike<number>[];
  /** hook_v, [pos, kv_head, d_head], one long row. */
  v: Float32Array;
  /** hook_mlp_out at p, [d_model]. */
  mlpOut: ArrayLike<number>;
}

/** Weights of one layer that attribution needs. */
export interface LayerWeights {
  /** W_O, [head, d_head, d_model]. */
  wO: Float32Array;
  /** b_O, [d_model]; null where there is none. */
  bO: ArrayLike<number> | null;
}

export interface Sizes {
  dModel: number;
  dHead: number;
  nHeads: number;
  nKvHeads: number;
}

/** A direction of the residual stream whose dot product with a component is its contribution, and the two constant terms. */
export interface Direction {
  /** [d_model] */
  vector: Float64Array;
  /** b_ln · u */
  lnFinalBias: number;
  /** b_U[a] − b_U[r] */
  unembedBias: number;
}

/**
 * The direction of a logit difference, or of one logit where `rival` is null.
 * @param norm The final norm: its kind, weight and bias [d_model] (null: none), and its scale s at p.
 * @param answer Row of the unembedding [d_model] and its bias.
 */
export function logitDirection(
  norm: { kind: 'rms' | 'layer'; weight: ArrayLike<number> | null; bias: ArrayLike<number> | null; scale: number },
  answer: { row: ArrayLike<number>; bias: number },
  rival: { row: ArrayLike<number>; bias: number } | null,
): Direction {
  const n = answer.row.length;
  const vector = new Float64Array(n);
  let lnFinalBias = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const u = answer.row[i]! - (rival ? rival.row[i]! : 0);
    const g = (u * (norm.weight ? norm.weight[i]! : 1)) / norm.scale;
    vector[i] = g;
    sum += g;
    if (norm.bias) lnFinalBias += norm.bias[i]! * u;
  }
  if (norm.kind === 'layer') for (let i = 0; i < n; i++) vector[i]! -= sum / n;
  return { vector, lnFinalBias, unembedBias: answer.bias - (rival ? rival.bias : 0) };
}

/** W_O^h · direction for each head of a layer, [head][d_head]: z_h · it is the head's contribution, α v · it a source token's. */
export function headDirections(wO: Float32Array, direction: ArrayLike<number>, sizes: Sizes): Float64Array[] {
  const { nHeads, dHead, dModel } = sizes;
  return Array.from({ length: nHeads }, (_, h) =>
    Float64Array.from({ length: dHead }, (_, i) => {
      const start = (h * dHead + i) * dModel;
      let sum = 0;
      for (let j = 0; j < dModel; j++) sum += wO[start + j]! * direction[j]!;
      return sum;
    }),
  );
}

/** The terms of one layer. */
export interface LayerTerms {
  /** [head] */
  head: number[];
  attnBias: number;
  mlp: number;
  /** [head][src]: each head's contribution by the token it read, α(p, k) · (v_k · W_O^h · direction). Sums to `head`. */
  source: Float64Array[];
}

/**
 * Direct logit attribution of one layer (Elhage et al. 2021): c_h = z_h · W_O^h · d for each head, split exactly over its source tokens, b_O · d, and mlp_out · d, with d the direction of the logit
 * difference at p (`logitDirection`). Linear in what the layer wrote; float64 sums of float32 values.
 * @param direction [d_model], nats per unit of the residual stream.
 * @returns Nats.
 */
export function layerTerms(writes: LayerWrites, weights: LayerWeights, direction: ArrayLike<number>, sizes: Sizes): LayerTerms {
  const directions = headDirections(weights.wO, direction, sizes);
  const head: number[] = [];
  const source: Float64Array[] = [];
  for (let h = 0; h < sizes.nHeads; h++) {
    head.push(dot(writes.z[h]!, directions[h]!));
    source.push(bySource(writes.pattern[h]!, writes.v, kvHeadOf(h, sizes), directions[h]!, sizes));
  }
  return {
    head,
    attnBias: weights.bO ? dot(weights.bO, direction) : 0,
    mlp: dot(writes.mlpOut, direction),
    source,
  };
}

/** Head h reads kv head ⌊h / (heads / kv heads)⌋. */
export function kvHeadOf(head: number, { nHeads, nKvHeads }: Sizes): number {
  return Math.floor(head / (nHeads / nKvHeads));
}

function bySource(
  pattern: ArrayLike<number>,
  v: Float32Array,
  kvHead: number,
  direction: ArrayLike<number>,
  { nKvHeads, dHead }: Sizes,
): Float64Array {
  const terms = new Float64Array(pattern.length);
  for (let k = 0; k < terms.length; k++) {
    const start = (k * nKvHeads + kvHead) * dHead;
    let sum = 0;
    for (let i = 0; i < dHead; i++) sum += v[start + i]! * direction[i]!;
    terms[k] = pattern[k]! * sum;
  }
  return terms;
}

/** All terms of a logit (difference); they sum to it. */
export interface Terms {
  embed: number;
  posEmbed: number;
  /** [layer][head] */
  head: number[][];
  /** [layer] */
  attnBias: number[];
  mlp: number[];
  lnFinalBias: number;
  unembedBias: number;
  /** [layer][head][src] */
  source: Float64Array[][];
}

/** Collects the layers' terms; `layers` in order, as `layerTerms` gives them. */
export function collectTerms(writes: Pick<Writes, 'embed' | 'posEmbed'>, direction: Direction, layers: readonly LayerTerms[]): Terms {
  return {
    embed: dot(writes.embed, direction.vector),
    posEmbed: writes.posEmbed ? dot(writes.posEmbed, direction.vector) : 0,
    head: layers.map((layer) => layer.head),
    attnBias: layers.map((layer) => layer.attnBias),
    mlp: layers.map((layer) => layer.mlp),
    lnFinalBias: direction.lnFinalBias,
    unembedBias: direction.unembedBias,
    source: layers.map((layer) => layer.source),
  };
}

/** The sum of all terms: the logit difference, if attribution is right. */
export function sumTerms(terms: Terms): number {
  const add = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return (
    terms.embed + terms.posEmbed + add(terms.head.flat()) + add(terms.attnBias) + add(terms.mlp) + terms.lnFinalBias + terms.unembedBias
  );
}

/** Contributions of all heads summed by source token, [src]. */
export function byToken(terms: Pick<Terms, 'source'>): number[] {
  const length = terms.source[0]?.[0]?.length ?? 0;
  const sums = new Array<number>(length).fill(0);
  for (const layer of terms.source) for (const head of layer) for (let k = 0; k < length; k++) sums[k]! += head[k]!;
  return sums;
}
