import { h } from '../dom.js';
import { linked } from '../link.js';
import { roving } from '../roving.js';
import { disruptionModel } from '../model/disruption.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { tableBox } from './table-box.js';

/** Attention disruption: means over heads in probe and control, and the head that changed most. */
export function disruptionView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? disruptionModel(run) : null;
  if (!model) return missing(context, 'Attention disruption', 160);
  const { link } = context;
  const rows = model.rows.map((row) =>
    h(
      'tbody',
      { title: row.title },
      h(
        'tr',
        null,
        h('th', { title: row.title, attrs: { scope: 'row' } }, h('bdi', null, row.name)),
        ...[row.probe, row.control, row.difference].map((text) => h('td', { class: 'num' }, text)),
      ),
      row.most
        ? h(
            'tr',
            { class: 'repair' },
            h(
              'td',
              { attrs: { colspan: 4 } },
              'most: ',
              h(
                'button',
                {
                  class: 'link',
                  key: `disruption.${row.name}`,
                  title: 'Select this head',
                  attrs: { type: 'button' },
                  on: linked(link, { head: row.most.head, row: row.most.head[0] + 1 }),
                },
                row.most.text,
              ),
            ),
          )
        : null,
    ),
  );
  const means = tableBox({
    label: 'Attention disruption, means over heads',
    box: 'whole',
    table: 'effects',
    columns: ['mean over heads', 'here', 'control', 'difference'],
    bodies: rows,
  });
  roving(means, 'th[scope=row]');
  return figure(context, {
    id: 'disruption',
    title: 'Attention disruption',
    evidence: 'observed',
    method: { name: 'attention at the answer position', anchor: METHODS.disruption },
    table: model.table,
    body: [means, model.trapped === null ? null : h('p', { class: 'note' }, `Heads trapped near the answer position: ${model.trapped}.`)],
  });
}
