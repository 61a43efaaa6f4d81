import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import { count, pieces } from '../model/format.js';
import { stripModel, type StripFold, type StripModel, type StripToken } from '../model/tokens.js';
import { SHADINGS, type Shading } from '../model/view.js';
import { choice } from '../ui.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';

const SHADING_TEXT: Record<Shading, string> = { attention: 'attention', 'value-weighted': 'value-weighted', contribution: 'contribution' };

/** How many continuations are shown before the others are asked for. */
const CANDIDATES = 4;

/** The prompt as a strip of tokens, with what may follow it. */
export function tokensView(context: Context): HTMLElement {
  const { selection, view, set } = context;
  const run = selection.shown;
  if (!run || run.tokens.length === 0) return missing(context, 'Tokens', 90);
  const unfolded = new Set(typeof view.unfolded === 'string' ? view.unfolded.split(',').map(Number) : []);
  const model = stripModel(run, selection.shading, unfolded, context.link.pinned.token);
  const strip = h('div', {
    class: 'strip',
    key: 'strip',
    attrs: {
      tabindex: 0,
      role: 'group',
      'aria-label': `The prompt as ${count(run.tokens.length, 'token')}. Arrow keys move over tokens, Enter pins, Escape unpins.`,
    },
  });
  const elements = new Map<number, HTMLElement>();
  fill(context, model, strip, elements, unfolded);
  strip.append(...candidateElements(context, model));
  behave(context, strip, elements, model);
  return figure(context, {
    id: 'tokens',
    title: selection.prompt === 'control' ? 'The control' : 'The prompt',
    evidence: 'observed',
    method: { name: 'attention', anchor: selection.shading === 'contribution' ? METHODS.attribution : METHODS.attention },
    table: model.table,
    body: [
      strip,
      h(
        'div',
        { class: 'strip-foot' },
        choice(
          'Shading of the tokens',
          SHADINGS.map((value) => ({ value, text: SHADING_TEXT[value] })),
          selection.shading,
          (shading) => set({ shading }),
          'shading',
        ),
        h(
          'span',
          { class: 'note', title: 'From the answer position, relative to the largest of the prompt. Hover a token for its value.' },
          model.legend
            ? model.legend
            : context.residue.status === 'running'
              ? 'shading: being computed'
              : 'shading: not computed for this run',
        ),
      ),
    ],
  });
}

/** Puts tokens in the strip, consecutive ones of a span within one underlined group that carries its name. */
function fill(
  context: Context,
  model: StripModel,
  strip: HTMLElement,
  elements: Map<number, HTMLElement>,
  unfolded: ReadonlySet<number>,
): void {
  let group: HTMLElement = strip;
  let open: string | null = null;
  for (const item of model.items) {
    const span = item.kind === 'token' ? (item.spans[0] ?? null) : null;
    if (span !== open) {
      open = span;
      if (span === null) group = strip;
      else {
        const index = model.spans.indexOf(span);
        group = h('span', {
          class: 'span',
          style: { '--span': context.palette.spans[index % context.palette.spans.length]! },
          attrs: { 'data-span': span },
        });
        strip.append(group);
        group.append(h('span', { class: 'span-name', attrs: { 'aria-hidden': 'true' } }, h('bdi', null, span)));
      }
    }
    if (item.kind === 'fold') strip.append(foldElement(context, item, unfolded));
    else {
      const element = tokenElement(context, item);
      elements.set(item.index, element);
      group.append(element);
    }
  }
}

function tokenElement(context: Context, token: StripToken): HTMLElement {
  const element = h(
    'span',
    { class: `token${token.answer ? ' answer-position' : ''}${token.added ? ' added' : ''}`, attrs: { 'data-token': token.index } },
    h('bdi', null, ...pieces(token.text).map((p) => (p.sign ? h('span', { class: 'sign' }, p.text) : p.text))),
  );
  if (token.shade !== null) {
    // In high contrast no faint fills: a bar under the token instead, its length the share of the largest.
    const size = Math.abs(token.shade);
    element.style.setProperty('--shade', `${(size * (context.palette.kind === 'contrast' ? 100 : 60)).toFixed(1)}%`);
    element.style.setProperty('--hue', token.shade < 0 ? context.palette.negative : context.palette.positive);
    element.classList.add('shaded', token.shade < 0 ? 'toward-rival' : 'toward-answer');
  }
  return element;
}

function foldElement(context: Context, fold: StripFold, unfolded: ReadonlySet<number>): HTMLElement {
  return h(
    'button',
    {
      class: 'fold',
      title: `Show tokens ${fold.from} to ${fold.to - 1}`,
      key: `fold.${fold.from}`,
      attrs: { type: 'button', 'aria-expanded': 'false' },
      on: { click: () => context.set({ unfolded: [...unfolded, fold.from].join(',') }) },
    },
    `… ${count(fold.to - fold.from, 'token')} …`,
  );
}

/** What may follow: the first few, the other rivals behind a button. */
function candidateElements(context: Context, model: StripModel): HTMLElement[] {
  if (!model.candidates.length) return [];
  const all = context.view.allRivals === true;
  const shown = all ? model.candidates : model.candidates.slice(0, CANDIDATES);
  const hidden = model.candidates.length - shown.length;
  return [
    h('span', { class: 'arrow', attrs: { 'aria-label': 'then' } }, '→'),
    ...shown.map((c) =>
      h(
        'span',
        {
          class: `candidate ${c.role}${c.strongest ? ' strongest' : ''}`,
          attrs: { tabindex: 0 },
          title: `${c.role}${c.strongest ? ' (strongest)' : ''}\n${c.tip}`,
        },
        c.role === 'said' ? h('span', { class: 'candidate-p' }, 'says') : null,
        h('bdi', null, ...pieces(c.text, 30).map((p) => (p.sign ? h('span', { class: 'sign' }, p.text) : p.text))),
        h('span', { class: 'candidate-p' }, c.prob),
      ),
    ),
    ...(hidden > 0 || (all && model.candidates.length > CANDIDATES)
      ? [
          h(
            'button',
            {
              class: 'fold',
              key: 'all-rivals',
              attrs: { type: 'button', 'aria-expanded': String(all) },
              on: { click: () => context.set({ allRivals: !all }) },
            },
            all ? 'fewer' : `+ ${hidden} rival${hidden === 1 ? '' : 's'}`,
          ),
        ]
      : []),
  ];
}

/** Hover, pin and arrow keys over the tokens. */
function behave(context: Context, strip: HTMLElement, elements: Map<number, HTMLElement>, model: StripModel): void {
  const { link, tip } = context;
  const tips = new Map(model.items.filter((i): i is StripToken => i.kind === 'token').map((t) => [t.index, t.tip.split('\n')]));
  const order = [...elements.keys()];
  const tokenOf = (event: Event): number | null => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-token]') : null;
    return element ? Number(element.dataset.token) : null;
  };
  /** Where the arrow keys stand; what the pointer passes over elsewhere does not move them. */
  let cursor: number | null = null;
  const show = (index: number, byKey: boolean): void => {
    cursor = index;
    const rect = elements.get(index)!.getBoundingClientRect();
    tip.show(rect.left, rect.top, tips.get(index) ?? [], byKey);
    link.hover({ token: index });
  };
  const leave = (): void => {
    tip.hide();
    link.hover(null);
  };
  strip.addEventListener('pointerover', (event) => {
    const index = tokenOf(event);
    if (index === null) leave();
    else show(index, false);
  });
  strip.addEventListener('pointerleave', leave);
  strip.addEventListener('blur', () => {
    cursor = null;
    leave();
  });
  strip.addEventListener('click', (event) => {
    const index = tokenOf(event);
    if (index !== null) link.toggle({ token: index });
  });
  strip.addEventListener('keydown', (event) => {
    if (event.target !== strip) return;
    const here = cursor ?? link.current.token;
    const at = order.indexOf(here ?? -1);
    let next: number | undefined;
    if (event.key === 'ArrowRight' || event.key === 'ArrowDown') next = order[Math.min(order.length - 1, at + 1)];
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowUp') next = order[Math.max(0, at - 1)];
    else if (event.key === 'Home') next = order[0];
    else if (event.key === 'End') next = order[order.length - 1];
    else if (event.key === 'Enter' && here !== null) link.toggle({ token: here });
    if (next === undefined) return;
    event.preventDefault();
    elements.get(next)!.scrollIntoView({ block: 'nearest' });
    show(next, true);
  });
  const mark = (): void => {
    for (const element of strip.querySelectorAll('.marked, .pinned')) element.classList.remove('marked', 'pinned');
    if (link.current.token !== null) elements.get(link.current.token)?.classList.add('marked');
    if (link.pinned.token !== null) elements.get(link.pinned.token)?.classList.add('pinned');
  };
  mark();
  context.onDispose(link.watch(mark));
}
