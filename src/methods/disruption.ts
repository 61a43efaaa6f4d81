import { LOCAL_WINDOW, spanMass, type Span } from './attention.js';
import { sumRange } from './linear.js';

/** How one head attends from one position. */
export interface RowMeasures {
  /** −Σ α log α over the log of how many tokens may be attended to: 0 looks at one token, 1 at all alike. */
  entropy: number;
  /** α(q, q), a share. */
  self: number;
  /** Attention to the `LOCAL_WINDOW` tokens before q, without what lies in the span: a share. */
  local: number;
  /** α(q, first), a share. */
  sink: number;
  /** Attention to the span, a share; null without a span. */
  span: number | null;
  /** Σ α (q − k), in tokens. */
  distance: number;
}

export type Measure = keyof RowMeasures;

/** The measures, in the order in which they are shown. */
export const MEASURES = ['entropy', 'self', 'local', 'sink', 'span', 'distance'] as const satisfies readonly Measure[];

/**
 * Measures of one row of an attention pattern. Self, local and span are disjoint where the span lies before q, and so are sink and span where
 * the span does not begin at 0; from position 5 on all four are.
 *
 * @param row α(q, ·), [key]; what lies after q is not read.
 * @param position q.
 */
export function rowMeasures(row: ArrayLike<number>, position: number, span: Span | null): RowMeasures {
  let bits = 0;
  let distance = 0;
  for (let k = 0; k <= position; k++) {
    const weight = row[k]!;
    if (weight > 0) bits -= weight * Math.log(weight);
    distance += weight * (position - k);
  }
  const before = Math.max(0, position - LOCAL_WINDOW);
  // float32 rows sum to 1 within rounding, so that an even row may come out a hair above 1.
  const share = (value: number): number => Math.min(1, Math.max(0, value));
  return {
    entropy: position === 0 ? 0 : share(bits / Math.log(position + 1)),
    self: share(row[position]!),
    local: share(sumRange(row, before, position) - (span ? sumRange(row, Math.max(before, span[0]), Math.min(position, span[1])) : 0)),
    sink: share(row[0]!),
    span: span && share(spanMass(row, span)),
    distance: Math.max(0, distance),
  };
}

/**
 * Where a value stands among others: the share of them below it, equal ones counting half. 0.5 is the middle; null of none.
 */
export function percentile(value: number, others: ArrayLike<number>): number | null {
  if (others.length === 0) return null;
  let below = 0;
  for (let i = 0; i < others.length; i++) below += others[i]! < value ? 1 : others[i]! === value ? 0.5 : 0;
  return below / others.length;
}
