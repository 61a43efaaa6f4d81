import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, probability } from './format.js';

export interface HeadPoint {
  layer: number;
  head: number;
  /** Layer and head, both from 0: `2.1`. */
  name: string;
  /** Mass of attention from the answer position on the span; null without a span. */
  attention: number | null;
  /** Norm of the value-weighted sum over the span. */
  flow: number | null;
  /** What it writes for answer − rival from the span's tokens alone, nats. */
  fromSpan: number | null;
  /** What it writes for answer − rival from all tokens, nats. */
  contribution: number;
  /** Change of the margin when the head alone is cut off from the span, nats; null where no command has tested it. */
  effect: number | null;
  tip: string[];
}
/** Columns, and `strength`: the size of the contribution whichever way it goes. */
export type HeadKey = 'strength' | 'head' | 'attention' | 'flow' | 'fromSpan' | 'contribution' | 'effect';

export interface HeadsModel {
  span: string | null;
  /** Whether any head's effect has been tested by intervention. */
  tested: boolean;
  points: HeadPoint[];
  /** Largest attention and |contribution|, for the axes. */
  aria: string;
  table: Table;
}

/** Effects of single heads from the INHIBIT command on this span: head name to change of the margin. */
function effectsOf(run: RunTrace, span: string): Map<string, number> {
  const effects = new Map<string, number>();
  for (const { name, evidence, params, tables } of run.commands ?? []) {
    if (name !== 'INHIBIT' || evidence !== 'caused' || params.span !== span) continue;
    for (const { columns, rows } of tables) {
      if (columns[0]?.label !== 'head' || columns[1]?.label !== 'effect') continue;
      for (const [head, effect] of rows) if (typeof head === 'string' && typeof effect === 'number') effects.set(head, effect);
    }
  }
  return effects;
}

/** Every head with its attention to the span and what it writes for the answer; null until the attribution is there. */
export function headsModel(run: RunTrace, span: string | null): HeadsModel | null {
  const dla = run.attribution;
  if (!dla) return null;
  const s = span === null ? undefined : run.attention?.spans[span];
  const tested = span === null ? new Map<string, number>() : effectsOf(run, span);
  const points: HeadPoint[] = [];
  dla.head.forEach((row, layer) =>
    row.forEach((contribution, head) => {
      const attention = s?.attention[layer]?.[head] ?? null;
      const flow = s?.valueWeighted[layer]?.[head] ?? null;
      const fromSpan = s?.contribution[layer]?.[head] ?? null;
      const name = `${layer}.${head}`;
      points.push({
        layer,
        head,
        name,
        attention,
        flow,
        fromSpan,
        contribution,
        effect: tested.get(name) ?? null,
        tip: [
          `head ${name} (blocks.${layer}.attn, head ${head})`,
          ...(attention === null ? [] : [`attention to ${span}: ${probability(attention)}`]),
          `contribution: ${nats(contribution)}${fromSpan === null ? '' : `, of it from ${span} ${nats(fromSpan)}`}`,
          'direct logit attribution, final norm’s scale frozen. Read off.',
          ...(tested.has(name) ? [`cut off from ${span}: margin ${nats(tested.get(name))}. Tested by intervention.`] : []),
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
    tested: tested.size > 0,
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
      rows: points.map((p) => [p.layer, p.head, p.attention, p.flow, p.fromSpan, p.contribution, p.effect]),
    },
  };
}

/** Sorts heads by a column; what is missing goes last, ties by layer and head. */
export function sortHeads(points: readonly HeadPoint[], key: HeadKey, descending: boolean): HeadPoint[] {
  const order = (a: HeadPoint, b: HeadPoint): number => a.layer - b.layer || a.head - b.head;
  const value = (p: HeadPoint): number | null =>
    key === 'head' ? p.layer * 1e6 + p.head : key === 'strength' ? Math.abs(p.contribution) : p[key];
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
