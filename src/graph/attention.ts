import type { GraphBuilder, Value } from './builder.js';
import type { ModelSpec } from '../model/spec.js';
import { DataType } from './onnx-proto.js';

/** Stretches of queries that are worked on one after the other where nobody asks for scores or pattern. */
export const STRETCHES = 4;

/** An array of no elements, in place of what is not made. */
export const nothing = (g: GraphBuilder): Value => g.op('ConstantOfShape', [g.ints([0])]);

/** What attention is made from. */
export interface AttentionParts {
  /** [B, R, head, d_head], after norms and RoPE. */
  q: Value;
  /** Of the recent tokens and those of this run, [B, kv_head, Q + T, d_head]. */
  keys: Value;
  values: Value;
  /** Times the pattern after the softmax; see block.ts. */
  valueScale: Value;
}

export interface Attended {
  /** Before z's edits, [B, R, head, d_head]. */
  z: Value;
  /** [B, head, R, S]; of no elements in a run of stretches. */
  scores: Value;
  pattern: Value;
  /** Keys and values that are to be cached, [B, kv_head, S or Q + T, d_head]; of no elements where there are none. */
  presentK: Value;
  presentV: Value;
}

/**
 * Softmax attention over a cached prefix and the tokens of this run, in one of three ways. All give the same but for rounding; which one
 * is the cheapest is for the engine to say.
 *
 * - Whole: scores and pattern of all queries and keys at once.
 * - `stretched`: of the R queries `STRETCHES` runs, one after the other, each against the keys up to its last query alone, for what lies
 *   behind is masked: five eighths of the work, on arrays that stay in the processor's cache. It gives no scores and no pattern, and
 *   `value_scale` has no part in it.
 * - `apart`: the prefix is read where it lies and not copied in front of the new keys and values, once for each row of the batch.
 *
 * Inputs it adds: past_k, past_v, mask (see block.ts) · apart, stretched [] bool: the way · keep, merge [] bool: whether keys and values
 * are to be cached, and with the prefix in front · stretches [2 · STRETCHES] int64: the query at which each stretch ends, then the key.
 */
export function attend(
  g: GraphBuilder,
  { nHeads, nKvHeads, dHead, attentionScale, attentionScaleByLayer = false }: ModelSpec,
  layer: number,
  { q, keys, values, valueScale }: AttentionParts,
): Attended {
  const mask = g.input('mask', DataType.FLOAT, ['mask_B', 'mask_H', 'R', 'S']);
  const past = (name: string): Value => g.input(name, DataType.FLOAT, ['past_B', nKvHeads, 'P', dHead]);
  const [pastK, pastV] = [past('past_k'), past('past_v')];
  const flag = (name: string): Value => g.input(name, DataType.BOOL, []);
  const [apart, stretched, keep, merge] = [flag('apart'), flag('stretched'), flag('keep'), flag('merge')];
  const stretches = g.input('stretches', DataType.INT64, [2 * STRETCHES]);
  const heads = g.transpose(q, [0, 2, 1, 3]);
  // Scaled, and keys turned, by the product itself: neither is a pass of its own.
  const alpha = attentionScaleByLayer ? attentionScale / (layer + 1) : attentionScale;
  const timesKeys = (queries: Value, some: Value): Value =>
    g.contrib('FusedMatMul', [queries, some], { transB: 1, alpha: { float: alpha } });
  const timesValues = (pattern: Value, some: Value): Value => g.op('MatMul', [pattern, some]);
  const batch = g.shapeOf(q, 0, 1);
  const group = nHeads / nKvHeads;
  const softmax = (scores: Value): Value => g.op('Softmax', [scores], { axis: -1 });
  const none = (): Value => nothing(g);

  /** The prefix, one row of it serving every batch row if need be, with what is recent behind: [B, kv_head, S, d_head]. */
  const behind = (before: Value, current: Value): Value => {
    const rows = g.op('Concat', [batch, g.ints([1, 1, 1])], { axis: 0 });
    return g.op('Concat', [g.op('Expand', [before, rows]), current], { axis: 2 });
  };
  /** Queries [B, head, r, d_head] times keys [B, kv_head, s, d_head]: scores [B, head, r, s]. */
  const products = (queries: Value, some: Value): Value => {
    // Grouped heads: the queries of a group are stacked along the token axis and share one product with their key head.
    if (group === 1) return timesKeys(queries, some);
    const stacked = g.reshape(queries, [batch, nKvHeads, -1, dHead]);
    return g.reshape(timesKeys(stacked, some), [batch, nHeads, g.shapeOf(queries, 2, 3), g.shapeOf(some, 2, 3)]);
  };
  /** A pattern [B, head, r, s] times values [B, kv_head, s, d_head]: [B, head, r, d_head]. */
  const mixed = (pattern: Value, some: Value): Value => {
    if (group === 1) return timesValues(pattern, some);
    const stacked = g.reshape(pattern, [batch, nKvHeads, -1, g.shapeOf(some, 2, 3)]);
    return g.reshape(timesValues(stacked, some), [batch, nHeads, g.shapeOf(pattern, 2, 3), dHead]);
  };
  /**
   * [B, head, r, a] times what lies once for several batch rows, [b, kv_head, …], by `times`: those rows share one product.
   * @param width Of the product: [B, head, r, width].
   */
  const timesShared = (x: Value, shared: Value, times: typeof timesKeys, width: Value): Value => {
    const rows = g.shapeOf(shared, 0, 1);
    const each = g.op('Div', [batch, rows]);
    const own = g.shapeOf(x, 3, 4);
    const grouped = g.reshape(x, [rows, each, nKvHeads, -1, own]);
    const stacked = g.reshape(g.transpose(grouped, [0, 2, 1, 3, 4]), [rows, nKvHeads, -1, own]);
    const product = g.reshape(times(stacked, shared), [rows, nKvHeads, each, -1, width]);
    return g.reshape(g.transpose(product, [0, 2, 1, 3, 4]), [batch, nHeads, g.shapeOf(x, 2, 3), width]);
  };

  /** [B, head, R, d_head] as z is given; made within each way, so that what it has reshaped is not copied on the way out. */
  const back = (z: Value): Value => g.transpose(z, [0, 2, 1, 3]);

  const whole = (): Value[] => {
    const scores = g.add(products(heads, behind(pastK, keys)), mask);
    const pattern = softmax(scores);
    return [back(mixed(g.mul(pattern, valueScale), behind(pastV, values))), scores, pattern];
  };
  const inStretches = (): Value[] => {
    const at = (index: number): Value => g.slice(stretches, 0, g.ints([index]), g.ints([index + 1]));
    const start = g.ints([0]);
    const [allKeys, allValues] = [behind(pastK, keys), behind(pastV, values)];
    const parts = Array.from({ length: STRETCHES }, (_, i): Value => {
      const [from, to, end] = [i === 0 ? start : at(i - 1), at(i), at(STRETCHES + i)];
      const scores = g.add(
        products(g.slice(heads, 2, from, to), g.slice(allKeys, 2, start, end)),
        g.slice(g.slice(mask, 2, from, to), 3, start, end),
      );
      return mixed(softmax(scores), g.slice(allValues, 2, start, end));
    });
    return [back(g.op('Concat', parts, { axis: 2 })), none(), none()];
  };
  const prefixApart = (): Value[] => {
    const length = g.shapeOf(pastK, 2, 3);
    const before = timesShared(heads, pastK, timesKeys, length);
    const scores = g.add(g.op('Concat', [before, products(heads, keys)], { axis: 3 }), mask);
    const pattern = softmax(scores);
    const weighted = g.mul(pattern, valueScale);
    const ofPrefix = timesShared(g.slice(weighted, 3, g.ints([0]), length), pastV, timesValues, g.ints([dHead]));
    return [back(g.add(ofPrefix, mixed(g.slice(weighted, 3, length, g.shapeOf(weighted, 3, 4)), values))), scores, pattern];
  };
  const together = (): Value[] => g.either(stretched, { then: inStretches, else: whole }, 3);
  const [z, scores, pattern] = g.either(apart, { then: prefixApart, else: together }, 3) as [Value, Value, Value];
  const merged = { then: () => [behind(pastK, keys), behind(pastV, values)], else: () => [keys, values].map((x) => g.op('Identity', [x])) };
  const kept = { then: () => g.either(merge, merged, 2), else: () => [none(), none()] };
  const [presentK, presentV] = g.either(keep, kept, 2) as [Value, Value];
  return { z, scores, pattern, presentK, presentV };
}
