import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import { linked } from '../link.js';
import { roving } from '../roving.js';
import { nats, probability, visible } from '../model/format.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';

/** Words that led at some layer and were lost, each with where and by whom. */
export function almostView(context: Context): HTMLElement {
  const words = context.selection.shown?.almostSaid;
  if (!words) return missing(context, 'Almost said', 60);
  const { link } = context;
  const rows = words.map((w) =>
    h(
      'li',
      {
        class: 'almost',
        key: `almost.${w.id}`,
        attrs: { 'data-row': w.layer },
        on: linked(link, { row: w.layer }),
      },
      h('bdi', { class: 'word' }, visible(w.text, 40)),
      h('span', null, ` led at layer ${w.layer} with ${probability(w.peakProb)}, ends with ${probability(w.finalProb)}`),
      w.endedBy ? h('span', { class: 'muted' }, `; ended most by ${w.endedBy.component} (${nats(w.endedBy.contribution)})`) : null,
    ),
  );
  const list = h('ul', { class: 'plain', attrs: { 'aria-label': 'Words almost said' } }, ...rows);
  roving(list, '.almost');
  return figure(context, {
    id: 'almost',
    title: 'Almost said',
    evidence: 'observed',
    method: { name: 'logit lens', anchor: METHODS.almost },
    table: {
      columns: ['token', 'led at layer', 'peak p', 'final p', 'ended by', 'contribution (nats)'],
      rows: words.map((w) => [w.text, w.layer, w.peakProb, w.finalProb, w.endedBy?.component ?? null, w.endedBy?.contribution ?? null]),
    },
    body: [words.length ? list : h('p', { class: 'note' }, 'No other word led with p ≥ 0.1 in the later half and was lost.')],
  });
}
