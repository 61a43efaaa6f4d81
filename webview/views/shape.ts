import { h } from '../dom.js';
import { shapeModel } from '../model/shape.js';
import type { Context } from './context.js';
import { figure, methodLink, missing } from './figure.js';

/** Small numbers of the whole trace, and what made nothing come. */
export function shapeView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? shapeModel(context.residue, run) : null;
  if (!model) return missing(context, 'Shape of the trace', 40);
  return figure(context, {
    id: 'shape',
    title: 'Shape of the trace',
    evidence: 'observed',
    table: { columns: ['measure', 'value'], rows: model.facts.map(({ name, value }) => [name, value]) },
    body: [
      h(
        'ul',
        { class: 'plain' },
        ...model.facts.map(({ name, value, title, anchor }) => h('li', null, methodLink(context, name, anchor, title), ` ${value}`)),
      ),
      ...model.nothing.map((sentence) => h('p', { class: 'note' }, h('bdi', null, sentence))),
    ],
  });
}
