import { kvHeadOf, type LayerWrites, type Sizes } from './attribution.js';
import { sumRange } from './linear.js';

/** Half-open token range. */
export type Span = readonly [number, number];

/** Tokens before a position that count as local. */
export const LOCAL_WINDOW = 4;

/**
 * Gram matrices of the output projections, G_h = W_O^h (W_O^h)ᵀ, [head][d_head · d_head]. ‖x W_O^h‖ = sqrt(x G_h xᵀ), which costs
 * d_head² in place of d_head · d_model for each token.
 * @param wO W_O of a layer, [head, d_head, d_model].
 */
export function outputGrams(wO: Float32Array, { nHeads, dHead, dModel }: Sizes): Float64Array[] {
  return Array.from({ length: nHeads }, (_, h) => {
    const gram = new Float64Array(dHead * dHead);
    for (let i = 0; i < dHead; i++) {
      const a = (h * dHead + i) * dModel;
      for (let j = 0; j <= i; j++) {
        const b = (h * dHead + j) * dModel;
        let sum = 0;
        for (let k = 0; k < dModel; k++) sum += wO[a + k]! * wO[b + k]!;
        gram[i * dHead + j] = sum;
        gram[j * dHead + i] = sum;
      }
    }
    return gram;
  });
}

/** sqrt(x G xᵀ); 0 where rounding leaves a negative number. */
function gramNorm(x: ArrayLike<number>, offset: number, gram: Float64Array, n: number): number {
  // G is symmetric: the triangle below the diagonal counts twice.
  let total = 0;
  for (let i = 0; i < n; i++) {
    let row = 0;
    for (let j = 0; j < i; j++) row += gram[i * n + j]! * x[offset + j]!;
    total += (2 * row + gram[i * n + i]! * x[offset + i]!) * x[offset + i]!;
  }
  return Math.sqrt(Math.max(0, total));
}

/**
 * Value-weighted attention (Kobayashi et al. 2020) of the answer position: ‖α(p, k) · v_k · W_O^h‖, [head][src]. No norm and no
 * unembedding is applied; b_V is inside v.
 */
export function valueNorms(layer: LayerWrites, grams: readonly Float64Array[], sizes: Sizes): Float64Array[] {
  const { nHeads, nKvHeads, dHead } = sizes;
  return Array.from({ length: nHeads }, (_, h) => {
    const kv = kvHeadOf(h, sizes);
    return Float64Array.from(
      layer.pattern[h]!,
      (weight, k) => Math.abs(weight) * gramNorm(layer.v, (k * nKvHeads + kv) * dHead, grams[h]!, dHead),
    );
  });
}

/** ‖Σ over the span of α(p, k) · v_k · W_O^h‖ per head: the length of what the head brings from the span as a whole. */
export function spanNorms(layer: LayerWrites, span: Span, grams: readonly Float64Array[], sizes: Sizes): number[] {
  const { nHeads, nKvHeads, dHead } = sizes;
  return Array.from({ length: nHeads }, (_, h) => {
    const kv = kvHeadOf(h, sizes);
    const sum = new Float64Array(dHead);
    for (let k = span[0]; k < span[1]; k++) {
      const weight = layer.pattern[h]![k]!;
      const start = (k * nKvHeads + kv) * dHead;
      for (let i = 0; i < dHead; i++) sum[i]! += weight * layer.v[start + i]!;
    }
    return gramNorm(sum, 0, grams[h]!, dHead);
  });
}

/** Attention of the answer position to a span: Σ over the span of α(p, k), a share. */
export function spanMass(row: ArrayLike<number>, span: Span): number {
  return sumRange(row, span[0], span[1]);
}

/**
 * Attention of p to itself and to the `LOCAL_WINDOW` tokens before it, without what lies in the span: a share.
 * @param row Pattern row of p, [key], key ≤ p.
 */
export function localMass(row: ArrayLike<number>, position: number, span: Span | null): number {
  let sum = 0;
  for (let k = Math.max(0, position - LOCAL_WINDOW); k <= position; k++) if (!span || k < span[0] || k >= span[1]) sum += row[k]!;
  return sum;
}

/** Mean over heads of their rows, [key]. */
export function meanRows(rows: readonly ArrayLike<number>[]): number[] {
  const length = rows[0]?.length ?? 0;
  return Array.from({ length }, (_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
}

/** Values scaled to sum 1; all 0 where they sum to nothing. */
export function normalised(values: readonly number[]): number[] {
  const total = values.reduce((a, b) => a + b, 0);
  return values.map((value) => (total > 0 ? value / total : 0));
}

/**
 * Layer salience, *flow*: the share of a layer's value-weighted attention at p, Σ over heads and tokens of ‖α v W_O‖, that comes
 * from the span.
 * @param norms `valueNorms` of the layer, [head][src].
 */
export function flowShare(norms: readonly ArrayLike<number>[], span: Span): number {
  let from = 0;
  let all = 0;
  for (const row of norms) {
    from += sumRange(row, span[0], span[1]);
    all += sumRange(row, 0, row.length);
  }
  return all > 0 ? from / all : 0;
}
