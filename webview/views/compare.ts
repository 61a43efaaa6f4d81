import type { ComparedSide, Comparison } from '../../src/residue/types-comparison.js';
import { h } from '../dom.js';
import { headsTable, standingOf } from '../model/compare.js';
import { nats, number, probability, visible } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import { button } from '../ui.js';
import { compareCurves } from './compare-curves.js';
import { compareDifferences } from './compare-differences.js';
import { compareDoses } from './compare-doses.js';
import { compareTokens } from './compare-tokens.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { tableBox } from './table-box.js';

/** The residue beside another: what it comes to, curves over relative depth, differences with their nulls, tokens, heads, doses. */
export function compareView(context: Context): (HTMLElement | null)[] {
  const { comparison } = context;
  if (!comparison) return [];
  return [
    head(context, comparison),
    h('div', { class: 'pair' }, compareCurves(context, comparison), compareDifferences(context, comparison)),
    compareTokens(context, comparison),
    h('div', { class: 'pair' }, headsFigure(context, comparison), compareDoses(context, comparison)),
    patterns(comparison),
    comparison.notes.length ? h('ul', { class: 'notes' }, ...comparison.notes.map((n) => h('li', null, h('bdi', null, n)))) : null,
  ];
}

function head(context: Context, comparison: Comparison): HTMLElement {
  const { a, b, findings } = comparison;
  return h(
    'div',
    { class: 'compared' },
    h('ul', { class: 'sides', attrs: { 'aria-label': 'What is compared' } }, sideElement('A', a, 0), sideElement('B', b, 1)),
    ...findings.map((text, i) => h('p', { class: i === 0 ? 'finding strong' : 'finding' }, h('bdi', null, text))),
    h(
      'p',
      { class: 'actions' },
      button('Compare with another…', () => context.send({ type: 'compare', with: 'choose' }), { secondary: true, key: 'compare-other' }),
      button('Close comparison', () => context.closeComparison(), { secondary: true, key: 'compare-close' }),
    ),
  );
}

function sideElement(letter: string, side: ComparedSide, series: number): HTMLElement {
  const { label, model, shell, file, run, density, failed, says, margin } = side;
  const facts = [
    `${visible(model.id, 60)}, ${model.layers} layers`,
    visible(shell.id, 60),
    run,
    ...(file ? [visible(file, 60)] : []),
    `${failed ? 'fails' : 'does not fail'}${says === null ? '' : `, says “${visible(says, 24)}”`}, margin ${nats(margin)}`,
    ...(density && density.total > 1
      ? [
          `${density.failing} of ${density.total} runs and wordings fail (95 %: ${probability(density.interval[0])} to ${probability(density.interval[1])})`,
        ]
      : []),
  ];
  return h(
    'li',
    { class: 'side' },
    h('b', null, h('i', { class: `swatch series-${series}`, attrs: { 'aria-hidden': 'true' } }), ` ${letter}: `, h('bdi', null, label)),
    h('span', { class: 'muted' }, h('bdi', null, facts.join(' · '))),
  );
}

function headsFigure(context: Context, comparison: Comparison): HTMLElement | null {
  const { heads } = comparison;
  if (!heads || heads.pairs.length + heads.unmatched.a.length + heads.unmatched.b.length === 0) return null;
  const table = headsTable(comparison);
  const { link } = context;
  const name = ({ layer, head: n }: { layer: number; head: number }): string => `${layer}.${n}`;
  const row = (p: string, q: string, contribution: string, stands: string, more: { grey: boolean; mark?: [number, number] }): HTMLElement =>
    h(
      'tr',
      {
        class: more.grey ? 'doubtful' : '',
        on: more.mark
          ? { pointerenter: () => link.hover({ head: more.mark!, row: more.mark![0] + 1 }), pointerleave: () => link.hover(null) }
          : {},
      },
      ...[p, q].map((text) => h('td', null, text)),
      h('td', { class: 'num' }, contribution),
      h('td', { class: 'num' }, stands),
    );
  const plain = (value: number): string => nats(value).replace(' nats', '');
  const byIndex = heads.by === 'index';
  const rows = [
    ...heads.pairs.map((pair) =>
      row(
        name(pair.a),
        name(pair.b),
        `${plain(pair.a.contribution)} → ${plain(pair.b.contribution)}`,
        byIndex ? (pair.test ? number(pair.test.q, 2) : '–') : pair.chance === null ? '–' : probability(pair.chance),
        { grey: byIndex ? standingOf(pair.test) !== 'clear' : (pair.chance ?? 1) > 0.05, mark: [pair.a.layer, pair.a.head] },
      ),
    ),
    ...heads.unmatched.a.map((p) => row(name(p), 'none', plain(p.contribution), '', { grey: false, mark: [p.layer, p.head] })),
    ...heads.unmatched.b.map((q) => row('none', name(q), plain(q.contribution), '', { grey: false })),
  ];
  const columns = ['A', 'B', 'contribution (nats)', byIndex ? 'q' : 'chance'];
  return figure(context, {
    id: 'compared-heads',
    title: byIndex ? 'The same heads' : 'Heads with the same role',
    evidence: 'observed',
    method: { name: 'comparison', anchor: METHODS.comparison },
    table,
    body: [
      tableBox({
        label: 'Heads compared: table',
        box: 'whole',
        table: 'effects',
        columns,
        numericFrom: 2,
        bodies: [h('tbody', null, ...rows)],
      }),
      h(
        'p',
        { class: 'note' },
        byIndex
          ? 'q: permutation test of the contribution over values of vary. Grey: not beyond chance, or not tested.'
          : 'Matched by attention to the span, contribution and depth. Chance: share of all pairs of heads that are at least this alike; grey above 5 %.',
      ),
    ],
  });
}

function patterns({ patterns: list }: Comparison): HTMLElement | null {
  const shown = list.filter(({ a, b }) => a?.present || b?.present);
  if (shown.length === 0) return null;
  const of = (score: { present: boolean; score: number } | null): string =>
    score ? `${score.present ? 'present' : 'absent'} (${number(score.score, 2)})` : 'not measured';
  return h(
    'p',
    { class: 'note' },
    `Failure patterns: ${shown.map(({ name, a, b }) => `${name} ${of(a)} in A, ${of(b)} in B`).join('; ')}.`,
  );
}
