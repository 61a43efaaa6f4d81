import type { RunTrace } from '../../src/residue/types.js';
import { h } from '../dom.js';
import { probability, visible } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import { nextHead, patternCsv, patternTable, rowOf, type Pattern } from '../model/pattern.js';
import { button, dropdown, tool } from '../ui.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { PatternMap } from './pattern-map.js';
import { rampBar } from './ramp.js';

/** Chooses any head of the model, by its layer and number or one after the other. */
export function headPicker(context: Context, head: [number, number] | null): HTMLElement {
  const { layers, heads } = context.residue.provenance.model;
  const choose = (next: [number, number] | null): void => {
    if (next) context.link.choose(next);
  };
  const numbers = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i));
  const [layer, number] = head ?? [-1, -1];
  const step = (by: 1 | -1, text: string, title: string): HTMLElement =>
    tool(text, () => choose(nextHead(head ?? [0, by > 0 ? -1 : 1], by, layers, heads)), { title, key: `head-step.${by}` });
  return h(
    'div',
    { class: 'pattern-controls', attrs: { role: 'group', 'aria-label': 'Head whose attention is shown' } },
    head ? null : h('span', { class: 'note' }, 'Attention pattern of a head: select it in the chart or the table, or here.'),
    dropdown('Layer', numbers(layers), layer, (l) => choose([l, Math.max(0, number)]), 'pattern-layer'),
    dropdown('Head', numbers(heads), number, (n) => choose([Math.max(0, layer), n]), 'pattern-head'),
    step(-1, '←', 'The head before'),
    step(1, '→', 'The next head'),
  );
}

/** The whole pattern of a head, asked of the engine when the reader wants it. */
export function patternView(context: Context, run: RunTrace, head: [number, number]): HTMLElement {
  const { patterns, off, residue, view, set } = context;
  const name = `head ${head.join('.')}`;
  const note = (...children: Parameters<typeof h>[2][]): HTMLElement => h('p', { class: 'note actions' }, ...children);
  const before = patterns.of(run, head);
  if (before.kind === 'here') return patternFigure(context, run, name, before.pattern);
  if (off !== null) return note(`The whole pattern of ${name} is read from the engine, and there is none here. ${off}`);
  if (residue.status === 'running') return note(`The whole pattern of ${name} can be read when the run has ended.`);
  if (before.kind === 'refused')
    return note(
      `The whole pattern of ${name}: ${before.reason} `,
      button(
        'Try again',
        () => {
          patterns.retry(run, head);
          set({});
        },
        { secondary: true, key: 'pattern-retry' },
      ),
    );
  if (view.pattern !== true)
    return note(
      `The whole pattern of ${name}, every query: not in a residue; the engine reads it. `,
      button('Show whole pattern', () => set({ pattern: true }), { secondary: true, key: 'pattern-show' }),
    );
  patterns.ask(run, head);
  return h('div', {
    class: 'skeleton',
    style: { height: '320px' },
    attrs: { role: 'img', 'aria-label': `The whole attention pattern of ${name}: being read from the engine` },
  });
}

function patternFigure(context: Context, run: RunTrace, name: string, pattern: Pattern): HTMLElement {
  const row = rowOf(pattern, run.position);
  const top = row.reduce((best, share, k) => (share > row[best]! ? k : best), 0);
  const aria = `Attention of ${name}, ${pattern.length} queries by ${pattern.length} keys; the answer position looks most at token ${top} “${visible(run.tokens[top]?.text ?? '', 12)}” (${probability(row[top])}). Read off.`;
  const map = new PatternMap(context, run, name, pattern, aria);
  const zoom = (text: string, factor: number | null, title: string): HTMLElement =>
    tool(text, () => map.zoom(factor), { title, key: `zoom.pattern.${text}` });
  return figure(context, {
    id: 'pattern',
    title: `${name.replace('head', 'Head')}: whole attention pattern`,
    evidence: 'observed',
    method: { name: 'attention pattern', anchor: METHODS.attention },
    table: patternTable(run, pattern),
    csv: () => patternCsv(pattern),
    body: [
      h(
        'div',
        { class: 'pattern-controls', attrs: { role: 'group', 'aria-label': 'Zoom of the pattern' } },
        zoom('+', 1.5, 'Fewer tokens, larger (key: plus)'),
        zoom('−', 1 / 1.5, 'More tokens, smaller (key: minus)'),
        zoom('Fit', null, 'All tokens (key: 0)'),
      ),
      map.box,
      h(
        'div',
        { class: 'legend ramp-legend' },
        h('span', null, '0'),
        rampBar(map.ramp, 'Colour ramp from no attention to all of it'),
        h('span', null, 'all of it (share, square-root scale)'),
      ),
    ],
  });
}
