import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { number } from './format.js';

export interface GrowthCurve {
  /** Row at which the error was made. */
  from: number;
  kind: 'noise' | 'difference';
  /** ‖Δr‖ / ‖r‖ at rows from … L. */
  y: number[];
}

export interface PropagationModel {
  epsilon: number;
  seeds: number;
  /** Rows 0 … L. */
  rows: number;
  curves: GrowthCurve[];
  tips: string[][];
  aria: string;
  table: Table;
}

/** Growth of errors by row, one curve for each row at which one was made; null where it was not measured. */
export function propagationModel(run: RunTrace): PropagationModel | null {
  const p = run.propagation;
  if (!p || p.layers.length === 0) return null;
  const rows = p.layers[0]! + p.noise[0]!.length;
  const curves: GrowthCurve[] = p.layers.flatMap((from, i) => [
    { from, kind: 'noise' as const, y: p.noise[i]! },
    ...(p.difference && p.difference[i]!.length > 0 ? [{ from, kind: 'difference' as const, y: p.difference[i]! }] : []),
  ]);
  const at = (curve: GrowthCurve, row: number): number | null => curve.y[row - curve.from] ?? null;
  const words = { noise: 'noise', difference: 'toward the control' };
  const end = curves.reduce((a, b) => (b.y.at(-1)! > a.y.at(-1)! ? b : a));
  return {
    epsilon: p.epsilon,
    seeds: p.seeds,
    rows,
    curves,
    tips: Array.from({ length: rows }, (_, row) => [
      `layer ${row}`,
      ...curves.flatMap((c) => (at(c, row) === null ? [] : [`${words[c.kind]} made at ${c.from}: ${number(at(c, row))}`])),
      '‖Δr‖ / ‖r‖ at the answer position. Tested by intervention.',
    ]),
    aria: `Growth of an error of relative size ${p.epsilon} by layer, for errors made at ${p.layers.length} layers; the largest at the end is ${words[end.kind]} made at layer ${end.from}, ${number(end.y.at(-1))}. Tested by intervention.`,
    table: {
      columns: ['layer', ...curves.map((c) => `${words[c.kind]}, made at ${c.from}`)],
      rows: Array.from({ length: rows }, (_, row) => [row, ...curves.map((c) => at(c, row))]),
    },
  };
}
