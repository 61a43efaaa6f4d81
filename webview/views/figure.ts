import { h, type Child } from '../dom.js';
import { toCsv, type Table } from '../model/csv.js';
import { number, visible } from '../model/format.js';
import { tool } from '../ui.js';
import type { Context } from './context.js';

export interface FigureOptions {
  /** Stable id, used for the table toggle's state and file names. */
  id: string;
  title: string;
  /** `observed` is legended "read off", `caused` "tested by intervention"; null for what is neither. */
  evidence: 'observed' | 'caused' | null;
  /** Name of the formula, and its anchor in the methods page. */
  method?: { name: string; anchor: string };
  body: Child[];
  table?: Table;
  /** The canvas to save as PNG. */
  canvas?: () => HTMLCanvasElement | null;
  /** The drawing to save as SVG. */
  svg?: () => SVGSVGElement | null;
}

/** The mark and words by which evidence is told apart everywhere. */
export function evidenceMark(evidence: 'observed' | 'caused'): HTMLElement {
  return h(
    'span',
    {
      class: `evidence ${evidence}`,
      title:
        evidence === 'observed'
          ? 'Read off a run: nothing was changed to test it.'
          : 'Something inside the model was changed, and the result was measured again.',
    },
    h('i', { class: 'evidence-sign', attrs: { 'aria-hidden': 'true' } }),
    evidence === 'observed' ? 'read off' : 'tested by intervention',
  );
}

/** A titled chart or list with its evidence, the method's page, its table behind a toggle, and its exports. */
export function figure(context: Context, options: FigureOptions): HTMLElement {
  const { id, title, evidence, method, body, table, canvas, svg } = options;
  const tableKey = `table.${id}`;
  const open = context.view[tableKey] === true;
  const base = `${context.residue.shell.id}-${id}`.replace(/[^\w.-]+/g, '-');
  const tools = [
    table &&
      tool('Table', () => context.set({ [tableKey]: !open }), {
        title: `${open ? 'Hide' : 'Show'} the numbers of “${title}” as a table`,
        pressed: open,
        key: tableKey,
      }),
    table &&
      tool('CSV', () => context.send({ type: 'copy', text: toCsv(table) }), {
        title: `Copy the numbers of “${title}” as CSV`,
        key: `csv.${id}`,
      }),
    canvas &&
      tool(
        'PNG',
        () => {
          const data = png(canvas(), context.palette.background);
          if (data) context.send({ type: 'save', name: `${base}.png`, mime: 'image/png', data });
        },
        { title: `Save “${title}” as PNG`, key: `png.${id}` },
      ),
    svg &&
      tool(
        'SVG',
        () => {
          const drawing = svg();
          if (drawing)
            context.send({
              type: 'save',
              name: `${base}.svg`,
              mime: 'image/svg+xml',
              data: new XMLSerializer().serializeToString(drawing),
            });
        },
        { title: `Save “${title}” as SVG`, key: `svg.${id}` },
      ),
  ].filter((t): t is HTMLElement => Boolean(t));
  return h(
    'figure',
    { class: 'figure', id: `figure-${id}` },
    h(
      'figcaption',
      { class: 'caption' },
      h('span', { class: 'caption-title' }, title),
      evidence && evidenceMark(evidence),
      method && methodLink(context, method.name, method.anchor),
      tools.length > 0 && h('span', { class: 'tools' }, ...tools),
    ),
    ...body,
    open && table ? dataTable(table, title) : null,
  );
}

/** The formula's name as a link to its page. */
export function methodLink(context: Context, name: string, anchor: string): HTMLElement {
  return h(
    'button',
    {
      class: 'link method',
      title: `How it is measured: ${name}`,
      attrs: { type: 'button' },
      on: { click: () => context.send({ type: 'openMethods', anchor }) },
    },
    name,
  );
}

/** A plain table in its own scroll box. At most `limit` rows; the CSV has them all. */
export function dataTable(table: Table, label: string, limit = 1200): HTMLElement {
  const rows = table.rows.slice(0, limit);
  const cell = (value: string | number | boolean | null): string =>
    typeof value === 'number'
      ? number(value, 4)
      : value === null
        ? '–'
        : typeof value === 'boolean'
          ? value
            ? 'yes'
            : 'no'
          : visible(value, 80);
  const numeric = table.columns.map((_, c) => rows.length > 0 && rows.every((r) => r[c] === null || typeof r[c] === 'number'));
  return h(
    'div',
    { class: 'table-box', attrs: { tabindex: 0, role: 'region', 'aria-label': `${title(label)}: table` } },
    h(
      'table',
      { class: 'table' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          ...table.columns.map((c, i) => h('th', { class: numeric[i] ? 'num' : '', attrs: { scope: 'col' } }, h('bdi', null, c))),
        ),
      ),
      h('tbody', null, ...rows.map((row) => h('tr', null, ...row.map((v) => h('td', { class: cellClass(v) }, h('bdi', null, cell(v))))))),
    ),
    table.rows.length > limit ? h('p', { class: 'note' }, `${table.rows.length - limit} more rows are in the CSV.`) : null,
  );
}

const title = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** base64 PNG of a canvas on the theme's background. */
function png(canvas: HTMLCanvasElement | null, background: string): string | null {
  if (!canvas || canvas.width === 0) return null;
  const copy = document.createElement('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext('2d');
  if (!context) return null;
  context.fillStyle = background;
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  return copy.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

/** A grey stand-in of a section's size while it is being computed, or a line that says why it is absent. */
export function missing(context: Context, what: string, height: number): HTMLElement {
  const { status, cancelledAt } = context.residue;
  if (status === 'running')
    return h('div', {
      class: 'skeleton',
      style: { height: `${height}px` },
      attrs: { role: 'img', 'aria-label': `${what}: being computed` },
    });
  return h(
    'p',
    { class: 'note' },
    status === 'cancelled'
      ? `${what}: not computed, cancelled${cancelledAt ? ` at ${cancelledAt}` : ''}.`
      : `${what}: not part of this run.`,
  );
}

/** Numbers stand to the right; a word or a token stays on one line, a sentence does not. */
const cellClass = (value: string | number | boolean | null): string =>
  typeof value === 'number' ? 'num' : typeof value === 'string' && value.length <= 24 ? 'one-line' : '';
