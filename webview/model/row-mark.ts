import type { TableCell } from './csv.js';
import type { Mark } from './view.js';

/**
 * The place in the model that a row of a table is about, by the names of its columns: a head, a layer or a token; null for another row.
 * @param rows How many rows the table has: of L + 1 a layer is a residual row, else a block, which writes the row after it.
 */
export function markOfRow(columns: readonly string[], row: readonly TableCell[], rows: number, layers: number): Partial<Mark> | null {
  const of = (name: string): TableCell => row[columns.indexOf(name)] ?? null;
  const index = (value: TableCell): number | null => (typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null);
  const head = of('head');
  const layer = index(of('layer'));
  const named = typeof head === 'string' ? /^(\d+)\.(\d+)$/.exec(head) : null;
  if (named) return { head: [Number(named[1]), Number(named[2])], row: Number(named[1]) + 1 };
  if (layer !== null && index(head) !== null) return { head: [layer, index(head)!], row: layer + 1 };
  if (layer !== null) return { row: rows === layers + 1 ? layer : layer + 1 };
  const block = index(of('block'));
  if (block !== null) return { row: block + 1 };
  const token = index(of('position'));
  return token === null ? null : { token };
}

/** Whether a row of this mark lights up for what is hovered or pinned: the same head, else the same layer or token. */
export function lights(own: Partial<Mark>, now: Mark): boolean {
  if (own.head) return now.head ? own.head[0] === now.head[0] && own.head[1] === now.head[1] : own.row === now.row;
  if (own.token !== undefined) return own.token === now.token;
  return own.row === now.row;
}
