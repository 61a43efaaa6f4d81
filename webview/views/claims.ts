import { level } from '../../src/residue/standing.js';
import { h } from '../dom.js';
import { claimsModel, type ClaimRow } from '../model/claims.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Context } from './context.js';
import { linked } from '../link.js';
import { roving } from '../roving.js';
import { evidenceMark, figure, missing } from './figure.js';

/** What is claimed, each beside its null and its second opinion. */
export function claimsView(context: Context): HTMLElement {
  const model = claimsModel(context.residue);
  if (!model)
    return context.residue.status === 'complete'
      ? h('p', { class: 'note' }, 'Nulls and second opinions: not checked in this residue.')
      : missing(context, 'Nulls and second opinions', 120);
  const list = h('ul', { class: 'claims', attrs: { 'aria-label': 'Claims' } }, ...model.rows.map((claim) => row(context, claim)));
  roving(list, '.claim');
  return figure(context, {
    id: 'claims',
    title: 'What is claimed, beside its null',
    evidence: null,
    method: { name: 'null calibration', anchor: METHODS.nulls },
    table: model.table,
    body: [
      list,
      h(
        'p',
        { class: 'note' },
        'Grey band: 95 % of the null, its middle a line. Faint: within its null, or its second opinion is not of one mind.',
      ),
    ],
  });
}

function row({ link }: Context, { claim, doubtful, bar, tip, mark }: ClaimRow): HTMLElement {
  const { evidence, opinion, holds, stable } = claim;
  return h(
    'li',
    { class: `claim ${evidence}${doubtful ? ' doubtful' : ''}`, title: tip.join('\n'), on: mark ? linked(link, mark) : {} },
    h('span', { class: 'claim-text' }, h('bdi', null, claim.sentence)),
    evidenceMark(evidence),
    bar
      ? h(
          'span',
          {
            class: 'claim-bar',
            style: { '--p95': `${100 * bar.p95}%`, '--median': `${100 * bar.median}%`, '--value': `${100 * bar.value}%` },
            attrs: { 'aria-hidden': 'true' },
          },
          h('i', { class: 'claim-null' }),
          h('i', { class: 'claim-median' }),
          h('i', { class: 'claim-value' }),
        )
      : null,
    h(
      'span',
      { class: 'claim-stands' },
      [
        claim.null
          ? `${level(claim.null)}${holds === false ? ', within its null' : holds === null ? ', too few to tell' : ''}`
          : 'null: not checked',
        opinion && opinion.of > 0
          ? `${opinion.agree}/${opinion.of} agree${stable === false ? ', unstable' : ''}`
          : 'second opinion: not checked',
      ].join(' · '),
    ),
  );
}
