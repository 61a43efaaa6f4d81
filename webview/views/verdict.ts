import { h } from '../dom.js';
import { verdictModel, type Chip } from '../model/verdict.js';
import { verifyAsk } from '../model/view.js';
import type { Context } from './context.js';

const SIGNS: Record<Chip['kind'], string> = { observed: '◇', caused: '◆', fact: '', unchecked: '?', warning: '!' };

/** Did it fail, and how sure is that? */
export function verdictView(context: Context): HTMLElement[] {
  const model = verdictModel(context.residue);
  if (!model.headline)
    return [h('div', { class: 'skeleton', style: { height: '64px' }, attrs: { role: 'img', 'aria-label': 'Verdict: being computed' } })];
  return [
    // Named for the browser's own clock of what has been painted (Element Timing).
    h('p', { class: `headline ${model.failed ? 'failed' : 'held'}`, attrs: { elementtiming: 'headline' } }, h('bdi', null, model.headline)),
    h(
      'ul',
      { class: 'chips', attrs: { 'aria-label': 'Evidence' } },
      ...model.chips.map((chip) => h('li', null, chipElement(context, chip))),
    ),
  ];
}

function chipElement(context: Context, chip: Chip): HTMLElement {
  const { action, kind, tip } = chip;
  const body = [
    SIGNS[kind] ? h('span', { class: 'chip-sign', attrs: { 'aria-hidden': 'true' } }, SIGNS[kind]) : null,
    h('bdi', null, chip.text),
  ];
  if (!action) return h('span', { class: `chip ${kind}`, title: tip, attrs: { tabindex: 0 } }, ...body);
  const verify = 'verify' in action;
  const off = verify ? context.off : null;
  const what = verify
    ? (off ?? 'Click to run the shell and test every cause.')
    : 'reveal' in action
      ? 'Click to open it in the shell.'
      : 'Click for how it is measured.';
  const click = (): void => {
    if (!verify)
      context.send(
        'reveal' in action ? { type: 'reveal', line: action.reveal, column: 1 } : { type: 'openMethods', anchor: action.methods },
      );
    else if (!off) context.send({ type: 'run', ...verifyAsk(context.residue) });
  };
  return h(
    'button',
    {
      class: `chip ${kind}`,
      title: `${tip}\n${what}`,
      key: `chip.${chip.text}`,
      attrs: { type: 'button', 'aria-disabled': off ? 'true' : null },
      on: {
        click,
      },
    },
    ...body,
  );
}
