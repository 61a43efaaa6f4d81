import type { RunTrace } from '../../src/residue/types.js';
import type { LensMap } from '../../src/residue/types-map.js';
import type { Table } from './csv.js';
import { fromLog, nats, number, probability, visible } from './format.js';
import { METHODS } from '../../src/method-anchors.js';
import { rowName } from './view.js';

/** Log-probability at which the ramp begins; below it every cell looks alike. */
export const FLOOR = Math.log(1e-6);

/** What a trace map can show of each row and position. */
export const MEASURES = ['probability', 'rank', 'entropy', 'norm', 'nullShare'] as const;
export type Measure = (typeof MEASURES)[number];

interface Kind {
  /** On the switch. */
  name: string;
  /** Of the figure. */
  title: string;
  /** Formula, for tooltips. */
  formula: string;
  anchor: string;
  cells(map: LensMap): number[][] | null | undefined;
  text(value: number | null | undefined): string;
  unit: string;
  /** Toward the answer: in its hue. The others say nothing of the answer and are drawn without hue. */
  hue: 'answer' | 'none';
  /** Places of a value on the ramp, by the least and the largest of the map, and what stands at the ramp's ends. */
  ramp(low: number, high: number): { at: (value: number) => number; ends: [string, string] };
}

const linear = (low: number, high: number, text: (value: number) => string): ReturnType<Kind['ramp']> => ({
  at: (value) => (high > low ? (value - low) / (high - low) : 0),
  ends: [text(low), text(high)],
});

const KINDS: Record<Measure, Kind> = {
  probability: {
    name: 'probability',
    title: 'Probability of the answer by layer and position',
    formula: 'logit lens, final norm recomputed',
    anchor: METHODS.map,
    cells: (map) => map.answerLogprob,
    text: (value) => `p(answer) = ${probability(fromLog(value))}, log p = ${number(value)}`,
    unit: 'log-probability, nats',
    hue: 'answer',
    ramp: () => ({ at: (value) => (value - FLOOR) / -FLOOR, ends: [`≤ ${probability(Math.exp(FLOOR))}`, 'p = 1 (log scale)'] }),
  },
  rank: {
    name: 'rank',
    title: 'Rank of the answer by layer and position',
    formula: 'tokens that the lens finds more probable than the answer, 0: none',
    anchor: METHODS.map,
    cells: (map) => map.answerRank,
    text: (value) => `rank of the answer: ${number(value, 6)} more probable`,
    unit: 'tokens before it',
    hue: 'answer',
    // The first place in full colour, whatever the last one is.
    ramp: (_, high) => ({
      at: (value) => (high > 0 ? 1 - Math.log1p(value) / Math.log1p(high) : 1),
      ends: [`${number(high, 6)} before it`, 'first (log scale)'],
    }),
  },
  entropy: {
    name: 'entropy',
    title: 'Entropy of the lens by layer and position',
    formula: 'H = −Σ p log p of the lens distribution',
    anchor: METHODS.map,
    cells: (map) => map.entropy,
    text: (value) => `entropy: ${nats(value).replace('+', '')}`,
    unit: 'nats',
    hue: 'none',
    ramp: (_, high) => linear(0, high, (value) => `${number(value)} nats`),
  },
  norm: {
    name: 'norm',
    title: 'Norm of the residual stream by layer and position',
    formula: '‖r_l(t)‖₂',
    anchor: METHODS.map,
    cells: (map) => map.norm,
    text: (value) => `norm: ${number(value)}`,
    unit: 'length',
    hue: 'none',
    // A first token's norm may be a hundred times the others'.
    ramp: (low, high) => ({
      at: (value) => (high > low && low > 0 ? Math.log(value / low) / Math.log(high / low) : linear(low, high, number).at(value)),
      ends: [number(low), `${number(high)}${low > 0 ? ' (log scale)' : ''}`],
    }),
  },
  nullShare: {
    name: 'null share',
    title: 'Logit-null share by layer and position',
    formula: 'part of ‖N(r_l(t))‖² in the weak singular directions of U',
    anchor: METHODS.nullSpace,
    cells: (map) => map.nullShare,
    text: (value) => `null share: ${probability(value)}`,
    unit: 'share',
    hue: 'none',
    ramp: (_, high) => linear(0, high, probability),
  },
};

export interface MapModel {
  measure: Measure;
  /** Measures that this residue has, with their names. */
  measures: { value: Measure; text: string; title: string }[];
  title: string;
  anchor: string;
  hue: Kind['hue'];
  positions: number[];
  complete: boolean;
  /** Label of each column. */
  labels: string[];
  rows: number;
  /** [row][column], in the measure's own unit. */
  values: number[][];
  /** Place of a cell on the ramp, [0, 1]. */
  at(row: number, column: number): number;
  ends: [string, string];
  /** Position of the answer among the columns, or null. */
  answerColumn: number | null;
  tip(row: number, column: number): string[];
  aria: string;
  table: Table;
}

/** Layer × position map of one measure; what is asked for and not there falls back to the lens probability. */
export function mapModel(run: RunTrace, wanted: unknown = 'probability'): MapModel | null {
  const map = run.map;
  if (!map) return null;
  const there = MEASURES.filter((m) => KINDS[m].cells(map));
  const measure = there.find((m) => m === wanted) ?? 'probability';
  const kind = KINDS[measure];
  const values = kind.cells(map)!;
  let [low, high] = [Infinity, -Infinity];
  let best = { row: 0, column: 0 };
  values.forEach((line, row) =>
    line.forEach((value, column) => {
      if (value > high) best = { row, column };
      low = Math.min(low, value);
      high = Math.max(high, value);
    }),
  );
  // Of ranks the least is the best, of equals the latest row's.
  if (measure === 'rank') best = lowest(values);
  const { at, ends } = kind.ramp(low, high);
  const answerColumn = map.positions.indexOf(run.position);
  const position = (column: number): number => map.positions[column] ?? 0;
  const word = measure === 'rank' ? 'best' : 'highest';
  return {
    measure,
    measures: there.map((value) => ({ value, text: KINDS[value].name, title: `${KINDS[value].title}: ${KINDS[value].formula}` })),
    title: kind.title,
    anchor: kind.anchor,
    hue: kind.hue,
    positions: map.positions,
    complete: map.complete,
    labels: map.positions.map((p) => visible(run.tokens[p]?.text ?? '', 12)),
    rows: values.length,
    values,
    at: (row, column) => {
      const value = values[row]?.[column];
      return value == null || Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, at(value)));
    },
    ends,
    answerColumn: answerColumn < 0 ? null : answerColumn,
    tip: (row, column) => [
      rowName(row, values.length - 1),
      `position ${position(column)}: “${visible(run.tokens[position(column)]?.text ?? '', 40)}”`,
      kind.text(values[row]?.[column]),
      `${kind.formula}. Read off.`,
    ],
    aria: `${kind.title}: ${values.length} layers and ${map.positions.length} positions; ${word} at layer ${best.row}, position ${position(best.column)} (${kind.text(values[best.row]?.[best.column])}). Read off.`,
    table: {
      columns: ['position', 'token', ...values.map((_, l) => `layer ${l} (${kind.unit})`)],
      rows: map.positions.map((p, c) => [p, run.tokens[p]?.text ?? '', ...values.map((line) => line[c] ?? null)]),
    },
  };
}

function lowest(values: readonly number[][]): { row: number; column: number } {
  let best = { row: 0, column: 0, value: Infinity };
  values.forEach((line, row) =>
    line.forEach((value, column) => {
      if (value <= best.value) best = { row, column, value };
    }),
  );
  return best;
}
