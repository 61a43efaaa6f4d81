import type { Comparison } from '../../src/residue/types-comparison.js';
import { h } from '../dom.js';
import { change, differencesModel, inUnit, type DifferenceRow } from '../model/compare.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Context } from './context.js';
import { evidenceMark, figure } from './figure.js';
import { tableBox } from './table-box.js';

/** Every difference with its test and with what rewording alone does; what does not clear its null is greyed. */
export function compareDifferences(context: Context, comparison: Comparison): HTMLElement {
  const { rows, table } = differencesModel(comparison);
  return figure(context, {
    id: 'differences',
    title: 'Differences',
    evidence: null,
    method: { name: 'permutation test', anchor: METHODS.comparison },
    table,
    body: [
      tableBox({
        label: 'Differences: table',
        box: 'tall',
        table: 'effects differences',
        columns: ['what', 'A', 'B', 'B − A'],
        bodies: rows.map(rowElement),
      }),
      h(
        'p',
        { class: 'note' },
        `Grey: not beyond chance at a false discovery rate of 5 % over ${comparison.tests} tests, or not tested. ${
          comparison.design === 'pairs' ? 'Wordings and values of vary are paired.' : 'The shells differ: two groups, not pairs.'
        }`,
      ),
    ],
  });
}

function rowElement({ difference: d, standing, stands }: DifferenceRow): HTMLElement {
  const value = (v: number | null): HTMLElement => h('td', { class: 'num' }, inUnit(v, d.unit));
  return h(
    'tbody',
    { class: standing === 'clear' ? '' : 'doubtful', attrs: { 'data-difference': d.name } },
    h(
      'tr',
      null,
      h('th', { attrs: { scope: 'row' } }, h('bdi', null, d.unit ? `${d.label} (${d.unit})` : d.label)),
      value(d.a),
      value(d.b),
      h('td', { class: 'num' }, `${change(d.difference, d.unit)}${standing === 'clear' ? ' *' : ''}`),
    ),
    h('tr', { class: 'repair' }, h('td', { attrs: { colspan: 4 } }, evidenceMark(d.evidence), ` ${stands}`)),
  );
}
