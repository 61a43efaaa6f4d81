import { METHODS } from '../../src/method-anchors.js';
import { doubtsOf } from '../../src/residue/standing.js';
import { h } from '../dom.js';
import { sortHeads, verdictText, type HeadKey, type HeadPoint, type HeadsModel } from '../model/heads.js';
import { fixed } from '../model/format.js';
import type { Context } from './context.js';
import { methodLink } from './figure.js';

/** Rows before the others are asked for. */
const SHOWN = 12;

const COLUMNS: { key: Exclude<HeadKey, 'strength'>; text: string; title: string }[] = [
  { key: 'head', text: 'head', title: 'Layer and head, both from 0 (blocks.N)' },
  { key: 'attention', text: 'attention', title: 'Mass of attention from the answer position on the span (share)' },
  {
    key: 'contribution',
    text: 'contribution',
    title:
      'Contribution to the margin from all tokens (nats), direct logit attribution; also what is predicted to be lost without the head',
  },
  { key: 'fromSpan', text: 'from span', title: 'Contribution to the margin from the span’s tokens alone (nats)' },
  {
    key: 'effect',
    text: 'cut off',
    title: 'Change of the margin when the head alone is cut off from the span (nats): tested by intervention, INHIBIT',
  },
  {
    key: 'verdict',
    text: 'verdict',
    title: 'What became of what it carried from the span, probe against control; tested by intervention unless it says otherwise',
  },
];

/** The table of heads, sorted by any column. */
export function headsTable(context: Context, model: HeadsModel): HTMLElement {
  const { view, set, link } = context;
  const key: HeadKey = COLUMNS.find((c) => c.key === view.sort)?.key ?? 'strength';
  const descending = view.ascending !== true;
  const all = view.allHeads === true;
  const columns = COLUMNS.filter((c) =>
    c.key === 'effect'
      ? model.tested
      : c.key === 'verdict'
        ? model.judged
        : model.span !== null || c.key === 'head' || c.key === 'contribution',
  );
  const sorted = sortHeads(model.points, key, descending);
  const shown = all ? sorted : sorted.slice(0, SHOWN);
  const rows = shown.map((p) => {
    const value = (k: (typeof COLUMNS)[number]['key']): string =>
      k === 'head'
        ? p.name
        : k === 'verdict'
          ? verdictText(p)
          : k !== 'attention'
            ? fixed(p[k])
            : p.attention === null
              ? '–'
              : `${(100 * p.attention).toFixed(1)} %`;
    return h(
      'tr',
      {
        key: `head.${p.layer}.${p.head}`,
        title: p.tip.join('\n'),
        attrs: { tabindex: 0, 'data-head': `${p.layer}.${p.head}` },
        on: {
          pointerenter: () => link.hover({ head: [p.layer, p.head], row: p.layer + 1 }),
          pointerleave: () => link.hover(null),
          focus: () => link.hover({ head: [p.layer, p.head], row: p.layer + 1 }),
          blur: () => link.hover(null),
          click: () => link.toggle({ head: [p.layer, p.head] }),
          keydown: (event) => rowKeys(event as KeyboardEvent, () => link.toggle({ head: [p.layer, p.head] })),
        },
      },
      ...columns.map((c) =>
        h(
          'td',
          {
            class: cellClass(p, c.key),
          },
          value(c.key),
        ),
      ),
    );
  });
  const body = h('tbody', null, ...rows);
  const mark = (): void => {
    const { pinned, current } = link;
    for (const row of rows) {
      const [l, hd] = (row.dataset.head ?? '').split('.').map(Number);
      const isPinned = pinned.head !== null && pinned.head[0] === l && pinned.head[1] === hd;
      row.classList.toggle('pinned', isPinned);
      row.setAttribute('aria-selected', String(isPinned));
      row.classList.toggle('marked', current.head ? current.head[0] === l && current.head[1] === hd : current.row === l! + 1);
    }
  };
  mark();
  context.onDispose(link.watch(mark));
  const head = h(
    'tr',
    null,
    ...columns.map((c) =>
      h(
        'th',
        {
          class: c.key === 'fromSpan' ? 'spare' : c.key === 'verdict' ? 'head-verdict' : '',
          title: c.title,
          attrs: { scope: 'col', 'aria-sort': c.key === key ? (descending ? 'descending' : 'ascending') : null },
        },
        h(
          'button',
          {
            class: 'sort',
            key: `sort.${c.key}`,
            attrs: { type: 'button' },
            on: { click: () => set({ sort: c.key, ascending: c.key === key ? descending : false }) },
          },
          `${c.text}${c.key === key ? (descending ? ' ↓' : ' ↑') : ''}`,
        ),
      ),
    ),
  );
  return h(
    'div',
    { class: 'heads-table' },
    h(
      'div',
      { class: 'table-box tall', attrs: { role: 'region', 'aria-label': 'Heads, sortable', tabindex: 0 } },
      h('table', { class: 'table rows', attrs: { 'aria-label': 'Heads' } }, h('thead', null, head), body),
    ),
    h(
      'p',
      { class: 'note' },
      `Select a head to see what it attends to. Nats; ${model.tested ? '“cut off” is tested by intervention, the other numbers are read off' : 'all numbers are read off'}. `,
      model.judged ? methodLink(context, 'What the verdicts mean', METHODS.verdicts) : 'Verdicts of heads: not checked. ',
      ' ',
      model.points.length > SHOWN
        ? h(
            'button',
            { class: 'link', key: 'all-heads', attrs: { type: 'button' }, on: { click: () => set({ allHeads: !all }) } },
            all ? `Show the first ${SHOWN}` : `Show all ${model.points.length}`,
          )
        : null,
    ),
  );
}

/** Numbers to the right, contributions in the colour of what they are for; faint where they do not clear their null. */
function cellClass(point: HeadPoint, key: HeadKey): string {
  if (key === 'head') return '';
  if (key === 'verdict') return `head-verdict${point.verdict && doubtsOf(point.verdict).length > 0 ? ' doubtful' : ''}`;
  const side = key === 'contribution' ? (point.contribution < 0 ? ' toward-rival' : ' toward-answer') : '';
  return `num${key === 'fromSpan' ? ' spare' : ''}${side}${point.within[key as keyof HeadPoint['within']] ? ' doubtful' : ''}`;
}

function rowKeys(event: KeyboardEvent, pin: () => void): void {
  const row = event.currentTarget as HTMLElement;
  const move = (to: Element | null): void => {
    if (to instanceof HTMLElement) to.focus();
    event.preventDefault();
  };
  if (event.key === 'ArrowDown') move(row.nextElementSibling);
  else if (event.key === 'ArrowUp') move(row.previousElementSibling);
  else if (event.key === 'Enter' || event.key === ' ') {
    pin();
    event.preventDefault();
  }
}
