import { h, type Child } from '../dom.js';
import { withRest } from '../later.js';
import { toCsv, type Table } from '../model/csv.js';
import { formulaOf } from '../model/formulas.js';
import { linked } from '../link.js';
import { number, visible } from '../model/format.js';
import { lights, markOfRow } from '../model/row-mark.js';
import { roving } from '../roving.js';
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
  /** What is copied as CSV, where the table tells less. */
  csv?: () => string;
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

/** A titled chart or list with its evidence, the method's page, its table behind a toggle, its exports and its address. */
export function figure(context: Context, options: FigureOptions): HTMLElement {
  const { id, title, evidence, method, body, table, csv } = options;
  const tableKey = `table.${id}`;
  const open = context.view[tableKey] === true;
  const element = h('figure', { class: 'figure', id: `figure-${id}`, attrs: { 'aria-label': title } });
  const tools = [
    table &&
      tool('Table', () => context.set({ [tableKey]: !open }), {
        title: `${open ? 'Hide' : 'Show'} the numbers of “${title}” as a table`,
        pressed: open,
        key: tableKey,
      }),
    (csv ?? table) &&
      tool('CSV', () => context.send({ type: 'copy', text: csv?.() ?? toCsv(table!) }), {
        title: `Copy the numbers of “${title}” as CSV`,
        key: `csv.${id}`,
      }),
    ...(['png', 'svg'] as const).map((kind) =>
      tool(kind.toUpperCase(), () => savePicture(context, element, options, kind), {
        title: `Save “${title}” as ${kind.toUpperCase()}`,
        key: `${kind}.${id}`,
      }),
    ),
    tool('Link', () => context.copyLink(element.id), {
      title: `Copy a link to “${title}” as it is seen now, with what is pinned`,
      key: `link.${id}`,
    }),
  ].filter((t): t is HTMLElement => Boolean(t));
  element.append(
    h(
      'figcaption',
      { class: 'caption' },
      h('span', { class: 'caption-title' }, title),
      evidence && evidenceMark(evidence),
      method && methodLink(context, method.name, method.anchor),
      h('span', { class: 'tools' }, ...tools),
    ),
    ...body.filter((child) => child instanceof Node || typeof child === 'string'),
  );
  if (open && table) element.append(h('div', { class: 'figure-table' }, dataTable(context, table, title)));
  return element;
}

function savePicture(context: Context, element: HTMLElement, { id, title }: FigureOptions, kind: 'png' | 'svg'): void {
  const name = `${`${context.residue.shell.id}-${id}`.replace(/[^\w.-]+/g, '-')}.${kind}`;
  withRest((rest) => {
    const picture = rest.picture(element, title, context.palette.background);
    context.send(
      kind === 'png'
        ? { type: 'save', name, mime: 'image/png', data: picture.png() }
        : { type: 'save', name, mime: 'image/svg+xml', data: picture.svg() },
    );
  });
}

/** The formula's name as a link to its page; the formula itself, or what is told of it, when it is pointed at or focused. */
export function methodLink({ send, tip }: Context, name: string, anchor: string, told?: string): HTMLElement {
  const formula = told ?? formulaOf(anchor);
  const lines = [name, ...(formula === null ? [] : [formula]), 'Click for how it is measured.'];
  const link = h(
    'button',
    {
      class: 'link method',
      attrs: { type: 'button', 'aria-label': `${name}${formula === null ? '' : `: ${formula}`}. Opens how it is measured.` },
      on: {
        click: () => send({ type: 'openMethods', anchor }),
        pointerenter: () => tip.beside(link, lines),
        focus: () => tip.beside(link, lines),
        pointerleave: () => tip.hide(),
        blur: () => tip.hide(),
      },
    },
    name,
  );
  return link;
}

/**
 * A plain table in its own scroll box; its rows of heads, layers and tokens light up with the charts. At most `limit` rows; the CSV has
 * them all.
 */
export function dataTable(context: Context, table: Table, label: string, limit = 1200): HTMLElement {
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
  const body = h(
    'tbody',
    null,
    ...rows.map((row) => h('tr', null, ...row.map((v) => h('td', { class: cellClass(v) }, h('bdi', null, cell(v)))))),
  );
  linkRows(context, table, body);
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
      body,
    ),
    table.rows.length > limit ? h('p', { class: 'note' }, `${table.rows.length - limit} more rows are in the CSV.`) : null,
  );
}

/** Rows that are about a place in the model take part in the page's marking. */
function linkRows({ link, residue, onDispose }: Context, { columns, rows }: Table, body: HTMLElement): void {
  const { layers } = residue.provenance.model;
  const linkedRows = [...body.children].flatMap((element, i) => {
    const mark = markOfRow(columns, rows[i]!, rows.length, layers);
    return mark ? [{ element: element as HTMLElement, mark }] : [];
  });
  if (linkedRows.length === 0) return;
  for (const { element, mark } of linkedRows) {
    element.classList.add('linked');
    for (const [name, handler] of Object.entries(linked(link, mark))) element.addEventListener(name, handler);
  }
  roving(body, '.linked');
  const paint = (): void => {
    for (const { element, mark } of linkedRows) {
      element.classList.toggle('marked', lights(mark, link.current));
      element.classList.toggle('pinned', lights(mark, link.pinned));
    }
  };
  paint();
  onDispose(link.watch(paint));
}

const title = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

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
