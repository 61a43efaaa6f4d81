import { h, type Child } from '../dom.js';

/** A table in a box that scrolls and can be reached by keyboard. */
export interface TableBoxOptions {
  /** Names the box for a screen reader. */
  label: string;
  /** Classes of the box beside `table-box`: `whole`, `tall`. */
  box?: string;
  /** Classes of the table beside `table`. */
  table: string;
  columns: readonly string[];
  /** The first column that holds numbers. Default 1. */
  numericFrom?: number;
  /** One `tbody`, or several. */
  bodies: Child[];
}

export function tableBox({ label, box = '', table, columns, numericFrom = 1, bodies }: TableBoxOptions): HTMLElement {
  const head = columns.map((text, i) => h('th', { class: i >= numericFrom ? 'num' : '', attrs: { scope: 'col' } }, text));
  return h(
    'div',
    { class: `table-box ${box}`.trim(), attrs: { tabindex: 0, role: 'region', 'aria-label': label } },
    h('table', { class: `table ${table}` }, h('thead', null, h('tr', null, ...head)), ...bodies),
  );
}
