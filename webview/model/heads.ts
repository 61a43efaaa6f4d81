import { ALPHA, clears, doubtsOf, standing, standingOf } from '../../src/residue/standing.js';
import type { HeadVerdict } from '../../src/residue/types-heads.js';
import type { Claim, HeadNulls } from '../../src/residue/types-claims.js';
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
  /** Which of the two the chart shows. */
  written: number;
  /** Change of the margin when the head alone is cut off from the span, nats; null where no command has tested it. */
  effect: number | null;
  /** What became of what it carried from the span; null where it does not touch it, or nobody looked. */
  verdict: HeadVerdict | null;
  /** Which of its numbers do not clear their null: other heads of its layer, or random spans in it. Greyed. */
  within: { attention: boolean; fromSpan: boolean; contribution: boolean };
  /** Drawn faint: what the model's `nullOf` names does not clear its null. */
  faint: boolean;
  tip: string[];
}
/** Columns, and `strength`: the size of the contribution whichever way it goes. */
export type HeadKey = 'strength' | 'head' | 'attention' | 'flow' | 'fromSpan' | 'contribution' | 'effect' | 'verdict';

/** What a head's height in the chart is: what it writes from the span's tokens (the QK/OV plane), or from all tokens. */
export type Writes = 'span' | 'all';

export interface HeadsModel {
  span: string | null;
  writes: Writes;
  /** Whether any head's effect has been tested by intervention. */
  tested: boolean;
  /** Whether heads have verdicts for this span. */
  judged: boolean;
  /**
   * Which null decides what is drawn faint: that of the whole contribution, or, where a layer has too few heads to tell, those of what the
   * head has to do with the span. Null: none was checked.
   */
  nullOf: 'contribution' | 'span' | null;
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

/** Whether a head's number is no more than its null; false where that was not checked or its null is too coarse to tell. */
const inNull = (nulls: HeadNulls | null | undefined, layer: number, head: number): boolean =>
  nulls != null &&
  clears({ of: nulls.of, n: nulls.n, median: 0, p95: 0, sided: 'high', p: nulls.p[layer]![head]!, q: nulls.q[layer]![head]! }) === false;

/** Whether a null is fine enough for any number to clear it. */
const telling = (nulls: HeadNulls | null | undefined): boolean => nulls != null && 1 / (1 + nulls.n) <= ALPHA;

/** Every head with its attention to the span and what it writes for the answer; null until the attribution is there. */
export function headsModel(run: RunTrace, span: string | null, claims: readonly Claim[] = [], wanted: Writes = 'all'): HeadsModel | null {
  const dla = run.attribution;
  if (!dla) return null;
  const s = span === null ? undefined : run.attention?.spans[span];
  const tested = span === null ? new Map<string, number>() : effectsOf(run, span);
  const judged = run.headVerdicts?.span === span ? run.headVerdicts.heads : null;
  const spanNulls = span === null ? undefined : run.nulls?.spans[span];
  const writes = s ? wanted : 'all';
  const nulls = { contribution: telling(run.nulls?.contribution), span: telling(spanNulls?.headContribution) };
  const nullOf =
    (writes === 'span' ? (['span', 'contribution'] as const) : (['contribution', 'span'] as const)).find((name) => nulls[name]) ?? null;
  const points: HeadPoint[] = [];
  dla.head.forEach((row, layer) =>
    row.forEach((contribution, head) => {
      const attention = s?.attention[layer]?.[head] ?? null;
      const flow = s?.valueWeighted[layer]?.[head] ?? null;
      const fromSpan = s?.contribution[layer]?.[head] ?? null;
      const name = `${layer}.${head}`;
      const verdict = judged?.find((v) => v.layer === layer && v.head === head) ?? null;
      const within = {
        attention: inNull(spanNulls?.headAttention, layer, head),
        fromSpan: inNull(spanNulls?.headContribution, layer, head),
        contribution: inNull(run.nulls?.contribution, layer, head),
      };
      const greyed = Object.entries({ attention: 'attention', fromSpan: 'contribution from the span', contribution: 'contribution' })
        .filter(([key]) => within[key as keyof typeof within])
        .map(([, words]) => words);
      const claim = claims.find((one) => one.name === `head.${name}.contribution`);
      const stands = claim ? standing(claim) : '';
      points.push({
        layer,
        head,
        name,
        attention,
        flow,
        fromSpan,
        contribution,
        written: writes === 'span' ? (fromSpan ?? 0) : contribution,
        effect: tested.get(name) ?? null,
        verdict,
        within,
        faint: nullOf === 'contribution' ? within.contribution : nullOf === 'span' && within.attention && within.fromSpan,
        tip: [
          `head ${name} (blocks.${layer}.attn, head ${head})`,
          ...(attention === null ? [] : [`attention to ${span}: ${probability(attention)}`]),
          `contribution: ${nats(contribution)}${fromSpan === null ? '' : `, of it from ${span} ${nats(fromSpan)}`}`,
          `direct logit attribution, final norm’s scale frozen. Read off.${stands === '' ? '' : ` ${stands}`}`,
          ...(greyed.length > 0 ? [`within its null: ${greyed.join(', ')}`] : []),
          ...(tested.has(name) ? [`cut off from ${span}: margin ${nats(tested.get(name))}. Tested by intervention.`] : []),
          ...(verdict && verdict.verdict !== 'none' ? [`${verdict.verdict}: ${verdict.reason}`, standingOf(verdict)].filter(Boolean) : []),
        ],
      });
    }),
  );
  const top = points.reduce<HeadPoint | null>((best, p) => (!best || Math.abs(p.written) > Math.abs(best.written) ? p : best), null);
  const ghosts = points.filter((p) => p.verdict?.verdict === 'ghost').length;
  return {
    span,
    writes,
    tested: tested.size > 0,
    judged: judged !== null,
    nullOf,
    points,
    aria: `${points.length} heads${span === null ? '' : `, attention to ${span} against ${writes === 'span' ? 'what they write from it' : 'contribution'}`}; the largest ${writes === 'span' ? 'write' : 'contribution'} is ${top?.name ?? 'none'} with ${nats(top?.written)}${ghosts > 0 ? `; ghosts: ${ghosts}` : ''}. Read off.`,
    table: {
      columns: [
        'layer',
        'head',
        `attention to ${span ?? 'span'} (share)`,
        'value-weighted norm',
        'contribution from span (nats)',
        'contribution (nats)',
        'cut off (nats)',
        'verdict',
        'effect of its test (nats)',
        'confirmed',
        'q',
        'clears its null',
        'agree',
        'of',
      ],
      rows: points.map((p) => [
        p.layer,
        p.head,
        p.attention,
        p.flow,
        p.fromSpan,
        p.contribution,
        p.effect,
        p.verdict?.verdict ?? null,
        p.verdict?.test?.effect ?? null,
        p.verdict?.test?.confirmed ?? null,
        p.verdict?.null?.q ?? null,
        clears(p.verdict?.null),
        p.verdict?.opinion?.agree ?? null,
        p.verdict?.opinion?.of ?? null,
      ]),
    },
  };
}

/** Verdicts of a failure above ghosts, and those above heads without one; of equal ones the larger loss first. */
function rankOf({ verdict }: HeadPoint): number | null {
  if (!verdict) return null;
  const kind = verdict.verdict === 'none' ? 0 : verdict.verdict === 'ghost' ? 1 : 2;
  return kind + Math.min(0.999, Math.abs(verdict.loss ?? 0) / 1000);
}

/** A verdict in a table's cell: whether its test confirmed it goes with it. */
export const verdictText = ({ verdict }: HeadPoint): string =>
  !verdict || verdict.verdict === 'none'
    ? '–'
    : [
        `${verdict.verdict}${verdict.test === null ? ' (read off)' : verdict.test.confirmed ? '' : ' (not confirmed)'}`,
        ...doubtsOf(verdict),
      ].join(', ');

/** Sorts heads by a column; what is missing goes last, ties by layer and head. */
export function sortHeads(points: readonly HeadPoint[], key: HeadKey, descending: boolean): HeadPoint[] {
  const order = (a: HeadPoint, b: HeadPoint): number => a.layer - b.layer || a.head - b.head;
  const value = (p: HeadPoint): number | null =>
    key === 'head' ? p.layer * 1e6 + p.head : key === 'strength' ? Math.abs(p.contribution) : key === 'verdict' ? rankOf(p) : p[key];
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
  const chosen = new Set<HeadPoint>(points.filter((p) => p.verdict && p.verdict.verdict !== 'none').slice(0, 2 * n));
  const by = (score: (p: HeadPoint) => number, k: number): void => {
    for (const p of [...points].sort((a, b) => score(b) - score(a)).slice(0, k)) if (score(p) > 0) chosen.add(p);
  };
  by((p) => p.written, n);
  by((p) => -p.written, n);
  by((p) => p.attention ?? 0, n);
  // Those with a verdict came first, and go on the chart before others.
  return [...chosen].slice(0, 3 * n);
}
