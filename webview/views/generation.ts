import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import { number, pieces, probability } from '../model/format.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';

const STOPPED = { 'end-of-text': 'end of text', length: 'asked length', context: 'full context' } as const;

/** What the model goes on to say, and whether it loops. */
export function generationView(context: Context): HTMLElement | null {
  const run = context.selection.shown;
  const g = run?.generation;
  if (!run || !g) return context.residue.status === 'running' ? missing(context, 'Generation', 60) : null;
  const loop = run.looping;
  const tokens = g.tokens.map((text, i) =>
    h(
      'span',
      {
        class: `token${i === g.answerAt ? ' says-answer' : ''}`,
        title: `generated token ${i}${g.ids?.[i] === undefined ? '' : `, id ${g.ids[i]}`}`,
      },
      h('bdi', null, ...pieces(text).map((p) => (p.sign ? h('span', { class: 'sign' }, p.text) : p.text))),
    ),
  );
  const says = g.answerAt === null ? 'The answer never comes' : `The answer comes at generated token ${g.answerAt}`;
  const loops = !loop
    ? 'looping: not checked'
    : loop.loops
      ? `it loops (period ${number(loop.period)}, ${loop.repeats} times, rep-4 ${probability(loop.rep4)})${loop.carrier ? `, carried by head ${loop.carrier.layer}.${loop.carrier.head} (induction score ${number(loop.carrier.inductionScore)})` : ''}`
      : `it does not loop (rep-4 ${probability(loop.rep4)})`;
  return figure(context, {
    id: 'generation',
    title: 'What it goes on to say',
    evidence: 'observed',
    method: { name: 'looping', anchor: METHODS.looping },
    table: { columns: ['index', 'id', 'token'], rows: g.tokens.map((t, i) => [i, g.ids?.[i] ?? null, t]) },
    body: [
      h('div', { class: 'strip generated' }, ...tokens),
      h('p', { class: 'note' }, `${says}; ${loops}. Stopped at ${STOPPED[g.stopped] ?? g.stopped}; temperature ${number(g.temperature)}.`),
    ],
  });
}
