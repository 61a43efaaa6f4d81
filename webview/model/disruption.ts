import type { HeadMeasure } from '../../src/residue/types-heads.js';
import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { number, probability } from './format.js';

export interface DisruptionRow {
  name: string;
  title: string;
  probe: string;
  control: string;
  difference: string;
  /** The head whose measure changed most, `head 3.1`, by how much, and where that stands among its nulls. */
  most: { head: [number, number]; text: string } | null;
}

export interface DisruptionModel {
  rows: DisruptionRow[];
  trapped: string | null;
  table: Table;
}

const MEASURES = [
  ['entropy', 'entropy / log(position)', 'How evenly it attends: 0 one token, 1 all alike'],
  ['self', 'to itself', 'Attention of the answer position to itself (share)'],
  ['local', 'to the 4 tokens before', 'Attention to the four tokens before, without the span (share)'],
  ['sink', 'to the first token', 'Attention to the first token (share)'],
  ['span', 'to the span', 'Attention to the span (share)'],
  ['distance', 'mean distance', 'Mean distance of what it attends to (tokens)'],
] as const;

const mean = (rows: readonly (readonly number[])[]): number => {
  const all = rows.flat();
  return all.reduce((a, b) => a + b, 0) / Math.max(1, all.length);
};
const signed = (value: number): string => `${value > 0 ? '+' : ''}${number(value)}`;

/** Attention disruption as a table of means over heads; every head's numbers go into the CSV. Null until it is there. */
export function disruptionModel(run: RunTrace): DisruptionModel | null {
  const d = run.disruption;
  if (!d) return null;
  const shown = MEASURES.flatMap(([key, name, title]) => {
    const measure = d[key];
    return measure ? [{ key, name: key === 'span' && d.of !== null ? `to ${d.of}` : name, title, measure }] : [];
  });
  const heads = d.entropy.value.flatMap((layer, l) => layer.map((_, h): [number, number] => [l, h]));
  return {
    rows: shown.map(({ name, title, measure }) => ({ name, title, ...rowOf(measure, heads) })),
    trapped: d.trapped === null ? null : d.trapped.length === 0 ? 'none' : d.trapped.map(([l, h]) => `${l}.${h}`).join(', '),
    table: {
      columns: ['layer', 'head', ...shown.flatMap(({ name }) => [`${name}`, `${name}, control`, `${name}, null percentile`])],
      rows: heads.map(([l, h]) => [
        l,
        h,
        ...shown.flatMap(({ measure: m }) => [m.value[l]![h]!, m.control?.[l]?.[h] ?? null, m.percentile[l]?.[h] ?? null]),
      ]),
    },
  };
}

function rowOf(measure: HeadMeasure, heads: readonly [number, number][]): Omit<DisruptionRow, 'name' | 'title'> {
  const { value, control, percentile } = measure;
  const change = ([l, h]: [number, number]): number => value[l]![h]! - (control?.[l]?.[h] ?? 0);
  const head = heads.reduce<[number, number] | null>((a, b) => (a === null || Math.abs(change(b)) > Math.abs(change(a)) ? b : a), null);
  const at = head && percentile[head[0]]?.[head[1]];
  return {
    probe: number(mean(value)),
    control: control ? number(mean(control)) : '–',
    difference: control ? signed(mean(value) - mean(control)) : '–',
    most:
      control && head
        ? {
            head,
            text: `${head[0]}.${head[1]}: ${signed(change(head))}${at === null || at === undefined ? '' : `, percentile ${probability(at)}`}`,
          }
        : null,
  };
}
