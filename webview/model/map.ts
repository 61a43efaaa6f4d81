import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { fromLog, number, probability, visible } from './format.js';
import { rowName } from './view.js';

/** Log-probability at which the ramp begins; below it every cell looks alike. */
export const FLOOR = Math.log(1e-6);

export interface MapModel {
  positions: number[];
  complete: boolean;
  /** Label of each column. */
  labels: string[];
  rows: number;
  /** [row][column], log-probability of the answer's first token. */
  values: number[][];
  /** Position of the answer among the columns, or null. */
  answerColumn: number | null;
  aria: string;
  table: Table;
}

/** Layer × position map of the answer's lens probability. */
export function mapModel(run: RunTrace): MapModel | null {
  const map = run.map;
  if (!map) return null;
  const rows = map.answerLogprob.length;
  const labels = map.positions.map((p) => visible(run.tokens[p]?.text ?? '', 12));
  let best = { row: 0, column: 0, value: -Infinity };
  map.answerLogprob.forEach((line, row) =>
    line.forEach((value, column) => {
      if (value > best.value) best = { row, column, value };
    }),
  );
  const answerColumn = map.positions.indexOf(run.position);
  return {
    positions: map.positions,
    complete: map.complete,
    labels,
    rows,
    values: map.answerLogprob,
    answerColumn: answerColumn < 0 ? null : answerColumn,
    aria: `Lens probability of the answer over ${rows} layers and ${map.positions.length} positions; highest ${probability(fromLog(best.value))} at layer ${best.row}, position ${map.positions[best.column] ?? 0}. Read off.`,
    table: {
      columns: ['position', 'token', ...map.answerLogprob.map((_, l) => `layer ${l}`)],
      rows: map.positions.map((p, c) => [p, run.tokens[p]?.text ?? '', ...map.answerLogprob.map((line) => line[c] ?? null)]),
    },
  };
}

/** Place of a log-probability on the ramp, in [0, 1]. */
export const ramp = (logprob: number | null | undefined): number =>
  logprob == null || Number.isNaN(logprob) ? 0 : Math.min(1, Math.max(0, (logprob - FLOOR) / -FLOOR));

/** Tooltip of a cell. */
export function cellTip(model: MapModel, run: RunTrace, row: number, column: number): string[] {
  const value = model.values[row]?.[column];
  const position = model.positions[column] ?? 0;
  return [
    rowName(row, model.rows - 1),
    `position ${position}: “${visible(run.tokens[position]?.text ?? '', 40)}”`,
    `p(answer) = ${probability(fromLog(value))}, log p = ${number(value)}`,
    'logit lens, final norm recomputed. Read off.',
  ];
}
