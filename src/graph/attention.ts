import type { GraphBuilder, Value } from './builder.js';
import type { ModelSpec } from '../model/spec.js';
import { DataType } from './onnx-proto.js';

/** Stretches of queries that are worked on one after the other where nobody asks for scores or pattern. */
export const STRETCHES = 4;

/** What attention is made from. */
export interface AttentionParts {
  /** [B, R, head, d_head], after norms and RoPE. */
  q: Value;
  /** [B, kv_head, S, d_head], those of a cached prefix included. */
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
}

/**
 * Softmax attention in one of two ways, by the input `stretched`. Whole: scores and pattern are made of all queries and keys, so that they
 * can be asked for and what is read can be scaled. In stretches: of R queries `STRETCHES` runs of them, each against the keys up to its
 * last query alone, for what lies behind is masked: five eighths of the work, on arrays that stay in the processor's cache. `value_scale`
 * has no part in that way.
 *
 * Inputs it adds: mask (see block.ts) · stretched [] bool · stretches [2 · STRETCHES] int64: the query at which each ends, then the key.
 */
export function attend(
  g: GraphBuilder,
  { nHeads, nKvHeads, dHead, attentionScale }: ModelSpec,
  { q, keys, values, valueScale }: AttentionParts,
): Attended {
  const mask = g.input('mask', DataType.FLOAT, ['mask_B', 'mask_H', 'R', 'S']);
  const stretched = g.input('stretched', DataType.BOOL, []);
  const stretches = g.input('stretches', DataType.INT64, [2 * STRETCHES]);
  // Scaled here rather than as [head, query, key] scores: a pass over an array that is larger by key / d_head.
  const heads = g.mul(g.transpose(q, [0, 2, 1, 3]), g.scalar(attentionScale));
  const turned = g.transpose(keys, [0, 1, 3, 2]);
  const batch = g.shapeOf(q, 0, 1);
  const group = nHeads / nKvHeads;

  /** Queries [B, head, r, d_head] times keys [B, kv_head, d_head, s]: [B, head, r, s]. */
  const products = (queries: Value, some: Value): Value => {
    // Grouped heads: the queries of a group are stacked along the token axis and share one product with their key head.
    if (group === 1) return g.op('MatMul', [queries, some]);
    const stacked = g.reshape(queries, [batch, nKvHeads, -1, dHead]);
    return g.reshape(g.op('MatMul', [stacked, some]), [batch, nHeads, g.shapeOf(queries, 2, 3), g.shapeOf(some, 3, 4)]);
  };
  /** A pattern [B, head, r, s] times values [B, kv_head, s, d_head]: [B, head, r, d_head]. */
  const mixed = (pattern: Value, some: Value): Value => {
    if (group === 1) return g.op('MatMul', [pattern, some]);
    const stacked = g.reshape(pattern, [batch, nKvHeads, -1, g.shapeOf(some, 2, 3)]);
    return g.reshape(g.op('MatMul', [stacked, some]), [batch, nHeads, g.shapeOf(pattern, 2, 3), dHead]);
  };
  const softmax = (scores: Value): Value => g.op('Softmax', [scores], { axis: -1 });

  const whole = (): Value[] => {
    const scores = g.add(products(heads, turned), mask);
    const pattern = softmax(scores);
    return [mixed(g.mul(pattern, valueScale), values), scores, pattern];
  };
  const inStretches = (): Value[] => {
    const at = (index: number): Value => g.slice(stretches, 0, g.ints([index]), g.ints([index + 1]));
    const start = g.ints([0]);
    const parts = Array.from({ length: STRETCHES }, (_, i): Value => {
      const [from, to, end] = [i === 0 ? start : at(i - 1), at(i), at(STRETCHES + i)];
      const scores = g.add(
        products(g.slice(heads, 2, from, to), g.slice(turned, 3, start, end)),
        g.slice(g.slice(mask, 2, from, to), 3, start, end),
      );
      return mixed(softmax(scores), g.slice(values, 2, start, end));
    });
    const none = (): Value => g.op('ConstantOfShape', [start]);
    return [g.op('Concat', parts, { axis: 2 }), none(), none()];
  };
  const [z, scores, pattern] = g.either(stretched, { then: inStretches, else: whole }, 3) as [Value, Value, Value];
  return { z: g.transpose(z, [0, 2, 1, 3]), scores, pattern };
}
