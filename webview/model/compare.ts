import type {
  ComparedCurve,
  ComparedDose,
  ComparedSide,
  Comparison,
  Difference,
  DifferenceTest,
} from '../../src/residue/types-comparison.js';
import { ALPHA } from '../../src/residue/standing.js';
import type { Table } from './csv.js';
import { nats, number, probability, visible } from './format.js';

/** How a number stands against chance: `clear` at a false discovery rate of 5 %, `chance` within it, `open` where nothing could test it. */
export type Standing = 'clear' | 'chance' | 'open';

export const standingOf = (test: DifferenceTest | null): Standing => (test === null ? 'open' : test.q <= ALPHA ? 'clear' : 'chance');

/** `q = 0.004, p = 0.001 over 8 wordings`, or why there is none. */
export function testWords(test: DifferenceTest | null, untested?: string): string {
  if (!test) return untested ? `not tested: ${untested}` : 'not tested';
  const [a, b] = test.n;
  const n = test.design === 'pairs' || a === b ? String(a) : `${a} and ${b}`;
  const what = test.over === 'all runs' ? 'runs' : test.over;
  return `q ${chance(test.q)}, p ${chance(test.p)} over ${n} ${what}${standingOf(test) === 'chance' ? ': may be chance' : ''}`;
}

const chance = (p: number): string => (p < 0.001 ? '< 0.001' : `= ${Number(p.toPrecision(2))}`);

/** A value in its own unit. */
export const inUnit = (value: number | null, unit: string): string => (unit === 'share' ? probability(value) : number(value));

/** B − A, signed; of shares as percentage points. */
export function change(value: number | null, unit: string): string {
  if (value === null) return number(value);
  const text = unit === 'share' ? `${number(100 * value)} pp` : number(value);
  return value > 0 ? `+${text}` : text;
}

export interface DifferenceRow {
  difference: Difference;
  standing: Standing;
  /** Its tests in one line. */
  stands: string;
}

/** Differences with what stands behind each, and as a table. */
export function differencesModel({ differences, a, b }: Comparison): { rows: DifferenceRow[]; table: Table } {
  return {
    rows: differences.map((difference): DifferenceRow => {
      const { test, untested, wording } = difference;
      const spread = wording && `rewording alone moves it by ${number(wording.p95)} (${wording.beyond ? 'less' : 'as much'})`;
      return { difference, standing: standingOf(test), stands: [testWords(test, untested), spread].filter(Boolean).join(' · ') };
    }),
    table: {
      columns: [
        'what',
        'unit',
        'evidence',
        a.label,
        b.label,
        'difference (B − A)',
        'n',
        'p',
        'q',
        'rewording alone (95 %)',
        'beyond rewording',
      ],
      rows: differences.map((d) => [
        ...[d.label, d.unit, d.evidence === 'caused' ? 'tested by intervention' : 'read off', d.a, d.b, d.difference],
        ...[d.test?.n[0] ?? null, d.test?.p ?? null, d.test?.q ?? null, d.wording?.p95 ?? null, d.wording?.beyond ?? null],
      ]),
    },
  };
}

export interface CurveModel {
  curve: ComparedCurve;
  /** Depths at which either side has a point. */
  xs: number[];
  tips: string[][];
  /** Residual row of side A at each depth; null between two rows. */
  rows: (number | null)[];
  aria: string;
  table: Table;
}

/** A curve of both sides over relative depth. */
export function curveModel({ a, b, curves }: Comparison, name: string): CurveModel | null {
  const curve = curves.find((c) => c.name === name) ?? curves[0];
  if (!curve) return null;
  const xs = curve.difference.x;
  const at = (side: { x: number[]; y: number[] }, x: number): number | null => {
    const i = side.x.findIndex((v) => Math.abs(v - x) < 1e-9);
    return i < 0 ? null : (side.y[i] ?? null);
  };
  const value = (v: number | null): string => (curve.unit === 'nats' ? nats(v) : inUnit(v, curve.unit));
  const rowAt = (x: number): number | null => {
    const row = x * a.model.layers;
    return Math.abs(row - Math.round(row)) < 1e-6 ? Math.round(row) : null;
  };
  const layerOf = (side: ComparedSide, x: number): string => number(x * side.model.layers, 3);
  return {
    curve,
    xs,
    rows: xs.map(rowAt),
    tips: xs.map((x, i) => [
      `depth ${number(x, 3)}: layer ${layerOf(a, x)} of ${a.model.layers}, and ${layerOf(b, x)} of ${b.model.layers}`,
      `${visible(a.label, 40)}: ${value(at(curve.a, x))}`,
      `${visible(b.label, 40)}: ${value(at(curve.b, x))}`,
      `difference: ${value(curve.difference.y[i] ?? null)}, linear between points`,
      curve.evidence === 'caused' ? 'Tested by intervention.' : 'Read off.',
    ]),
    aria: `${curve.label} over relative depth, ${visible(a.label, 40)} and ${visible(b.label, 40)}; at the last ${value(curve.a.y.at(-1) ?? null)} and ${value(curve.b.y.at(-1) ?? null)}. ${curve.evidence === 'caused' ? 'Tested by intervention.' : 'Read off.'}`,
    table: {
      columns: ['relative depth', `${a.label} (${curve.unit})`, `${b.label} (${curve.unit})`, 'difference (B − A)'],
      rows: xs.map((x, i) => [x, at(curve.a, x), at(curve.b, x), curve.difference.y[i] ?? null]),
    },
  };
}

/** Aligned tokens as pairs; on either side null where the other has nothing to stand beside it. A run of equal pairs can be folded. */
export type AlignedItem =
  { kind: 'pair'; a: number | null; b: number | null; same: boolean } | { kind: 'fold'; count: number; of: 'equal' | 'A' | 'B' };

/** Shortest run of equal tokens that is folded, and what stays of it at either end. */
const FOLD = 12;
const KEPT = 3;

const written = (text: string | undefined): string => (text ?? '').replace(/^[▁Ġ]/, ' ');

/** What a pair has in common with its neighbours in a stretch that may be folded. */
const stretchOf = ({ a, b, same }: { a: number | null; b: number | null; same: boolean }): 'equal' | 'A' | 'B' | null =>
  same ? 'equal' : b === null ? 'A' : a === null ? 'B' : null;

/** Both prompts beside each other, in order; long stretches that are equal, or on one side alone, folded. */
export function alignedItems({ a, b, tokens }: Comparison): AlignedItem[] {
  const items: Extract<AlignedItem, { kind: 'pair' }>[] = [];
  let [i, j] = [0, 0];
  const until = (toA: number, toB: number): void => {
    while (i < toA) items.push({ kind: 'pair', a: i++, b: null, same: false });
    while (j < toB) items.push({ kind: 'pair', a: null, b: j++, same: false });
  };
  for (const [p, q] of tokens.pairs) {
    // Pairs ascend on both sides; one that does not is left to stand alone.
    if (p < i || q < j || p >= a.tokens.length || q >= b.tokens.length) continue;
    until(p, q);
    items.push({ kind: 'pair', a: p, b: q, same: written(a.tokens[p]?.text) === written(b.tokens[q]?.text) });
    [i, j] = [p + 1, q + 1];
  }
  until(a.tokens.length, b.tokens.length);
  const out: AlignedItem[] = [];
  for (let at = 0; at < items.length;) {
    const of = stretchOf(items[at]!);
    let end = at + 1;
    while (of !== null && end < items.length && stretchOf(items[end]!) === of) end++;
    if (of !== null && end - at >= FOLD)
      out.push(...items.slice(at, at + KEPT), { kind: 'fold', count: end - at - 2 * KEPT, of }, ...items.slice(end - KEPT, end));
    else out.push(...items.slice(at, end));
    at = end;
  }
  return out;
}

/** The aligned tokens whose share of the heads' contribution differs most, as a table. */
export function tokensTable({ tokens, a, b }: Comparison): Table {
  const both = (what: string, unit: string): string[] => [`${what}, ${a.label} (${unit})`, `${what}, ${b.label} (${unit})`];
  return {
    columns: ['position A', 'position B', 'token', ...both('contribution', 'nats'), ...both('attention', 'share')],
    rows: tokens.rows.map((r) => [r.a, r.b, r.text, ...r.contribution, ...r.attention]),
  };
}

/** Matched heads, and those without a counterpart, as a table. */
export function headsTable({ heads, a, b }: Comparison): Table {
  const columns = [
    a.label,
    b.label,
    'contribution A (nats)',
    'contribution B (nats)',
    'attention A',
    'attention B',
    'as alike by chance',
    'q',
  ];
  if (!heads) return { columns, rows: [] };
  const name = ({ layer, head }: { layer: number; head: number }): string => `${layer}.${head}`;
  return {
    columns,
    rows: [
      ...heads.pairs.map(({ a: p, b: q, chance: alike, test }) => [
        ...[name(p), name(q), p.contribution, q.contribution, p.attention, q.attention, alike, test?.q ?? null],
      ]),
      ...heads.unmatched.a.map((p) => [name(p), null, p.contribution, null, p.attention, null, null, null]),
      ...heads.unmatched.b.map((q) => [null, name(q), null, q.contribution, null, q.attention, null, null]),
    ],
  };
}

/** Margins at each combination of vary values that both have, as a table. */
export function dosesTable({ doses, a, b }: Comparison): Table {
  return {
    columns: ['vary', `margin, ${a.label} (nats)`, 'fails', `margin, ${b.label} (nats)`, 'fails', 'difference (B − A)', 'q'],
    rows: doses.map((d) => [doseLabel(d), ...[d.a.margin, d.a.failed, d.b.margin, d.b.failed, d.difference, d.test?.q ?? null]]),
  };
}

/** `walk = 40, name = Ana`. */
export const doseLabel = ({ vary }: ComparedDose): string =>
  Object.entries(vary)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ');
