import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, probability } from './format.js';

export interface HeadPoint {
  layer: number;
  head: number;
  /** TransformerLens's short form, `L2H1`. */
  name: string;
  /** Mass of attention from the answer position on the span; null without a span. */
  attention: number | null;
  /** Norm of the value-weighted sum over the span. */
  flow: number | null;
  /** What it writes for answer − rival from the span's tokens alone, nats. */
  fromSpan: number | null;
  /** What it writes for answer − rival from all tokens, nats. */
  contribution: number;
  tip: string[];
}
export type HeadKey = 'head' | 'attention' | 'flow' | 'fromSpan' | 'contribution';

export interface HeadsModel {
  span: string | null;
  points: HeadPoint[];
  /** Largest attention and |contribution|, for the axes. */
  aria: string;
  table: Table;
}

/** Every head with its attention to the span and what it writes for the answer; null until the attribution is there. */
export function headsModel(run: RunTrace, span: string | null): HeadsModel | null {
  const dla = run.attribution;
  if (!dla) return null;
  const s = span === null ? undefined : run.attention?.spans[span];
  const points: HeadPoint[] = [];
  dla.head.forEach((row, layer) =>
    row.forEach((contribution, head) => {
      const attention = s?.attention[layer]?.[head] ?? null;
      const flow = s?.valueWeighted[layer]?.[head] ?? null;
      const fromSpan = s?.contribution[layer]?.[head] ?? null;
      const name = `L${layer}H${head}`;
      points.push({
        layer,
        head,
        name,
        attention,
        flow,
        fromSpan,
        contribution,
        tip: [
          `${name} (blocks.${layer}.attn, head ${head})`,
          ...(attention === null ? [] : [`attention to ${span}: ${probability(attention)}`]),
          `contribution: ${nats(contribution)}${fromSpan === null ? '' : `, of it from ${span} ${nats(fromSpan)}`}`,
          'direct logit attribution, final norm’s scale frozen. Read off.',
        ],
      });
    }),
  );
  const top = points.reduce<HeadPoint | null>(
    (best, p) => (!best || Math.abs(p.contribution) > Math.abs(best.contribution) ? p : best),
    null,
  );
  return {
    span,
    points,
    aria: `${points.length} heads${span === null ? '' : `, attention to ${span} against contribution`}; the largest contribution is ${top?.name ?? 'none'} with ${nats(top?.contribution)}. Read off.`,
    table: {
      columns: [
        'layer',
        'head',
        `attention to ${span ?? 'span'} (share)`,
        'value-weighted norm',
        'contribution from span (nats)',
        'contribution (nats)',
      ],
      rows: points.map((p) => [p.layer, p.head, p.attention, p.flow, p.fromSpan, p.contribution]),
    },
  };
}

/** Sorts heads by a column; what is missing goes last, ties by layer and head. */
export function sortHeads(points: readonly HeadPoint[], key: HeadKey, descending: boolean): HeadPoint[] {
  const order = (a: HeadPoint, b: HeadPoint): number => a.layer - b.layer || a.head - b.head;
  const value = (p: HeadPoint): number | null => (key === 'head' ? p.layer * 1e6 + p.head : p[key]);
  return [...points].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (x === null || y === null) return x === y ? order(a, b) : x === null ? 1 : -1;
    return (descending ? y - x : x - y) || order(a, b);
  });
}

/** Pattern row of a head at the answer position, [pos]; null when the residue does not hold it. */
export function patternOf(run: RunTrace, head: [number, number]): number[] | null {
  return run.attention?.rows.find((r) => r.layer === head[0] && r.head === head[1])?.pattern ?? null;
}

/** Heads whose names are worth a label in the scatter: the strongest on each side, and the most attending. */
export function labelled(points: readonly HeadPoint[], n: number): HeadPoint[] {
  const chosen = new Set<HeadPoint>();
  const by = (score: (p: HeadPoint) => number, k: number): void => {
    for (const p of [...points].sort((a, b) => score(b) - score(a)).slice(0, k)) if (score(p) > 0) chosen.add(p);
  };
  by((p) => p.contribution, n);
  by((p) => -p.contribution, n);
  by((p) => p.attention ?? 0, n);
  return [...chosen];
}
