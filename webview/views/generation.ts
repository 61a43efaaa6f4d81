import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import { count, number, pieces, probability, visible } from '../model/format.js';
import { roving } from '../roving.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';

const STOPPED = { 'end-of-text': 'end of text', length: 'asked length', context: 'full context' } as const;

/** What the model goes on to say, and whether it loops. */
export function generationView(context: Context): HTMLElement | null {
  const run = context.selection.shown;
  const g = run?.generation;
  if (!run || !g) return context.residue.status === 'running' ? missing(context, 'Generation', 60) : null;
  const loop = run.looping;
  const tokens = g.tokens.map((text, i) => {
    const told = `generated token ${i}${g.ids?.[i] === undefined ? '' : `, id ${g.ids[i]}`}${i === g.answerAt ? ': the answer' : ''}`;
    return h(
      'span',
      {
        class: `token${i === g.answerAt ? ' says-answer' : ''}`,
        key: `generated.${i}`,
        title: told,
        attrs: { role: 'listitem', 'aria-label': `“${visible(text, 40)}”, ${told}` },
      },
      h('bdi', null, ...pieces(text).map((p) => (p.sign ? h('span', { class: 'sign' }, p.text) : p.text))),
    );
  });
  const strip = h(
    'div',
    {
      class: 'strip generated',
      attrs: { role: 'list', 'aria-label': `${count(tokens.length, 'generated token')}: arrow keys move over them` },
    },
    ...tokens,
  );
  roving(strip, '.token');
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
      strip,
      h('p', { class: 'note' }, `${says}; ${loops}. Stopped at ${STOPPED[g.stopped] ?? g.stopped}; temperature ${number(g.temperature)}.`),
    ],
  });
}
