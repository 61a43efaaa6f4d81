import type { Comparison } from '../../src/residue/types-comparison.js';
import { h } from '../dom.js';
import { alignedItems, tokensTable } from '../model/compare.js';
import { count, visible } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Context } from './context.js';
import { figure } from './figure.js';

/** Both prompts, token under token: A above, B below; what stands alone has a gap on the other side. */
export function compareTokens(context: Context, comparison: Comparison): HTMLElement {
  const { a, b, tokens } = comparison;
  const { link, selection } = context;
  // Another run's tokens stand elsewhere.
  const linked = selection.shown?.name === a.run;
  const cells = alignedItems(comparison).map((item) => {
    if (item.kind === 'fold')
      return h(
        'li',
        { class: 'aligned-fold' },
        `… ${count(item.count, item.of === 'equal' ? 'equal token' : 'token')}${item.of === 'equal' ? '' : ` only in ${item.of}`} …`,
      );
    const text = (side: typeof a, i: number | null): HTMLElement =>
      i === null
        ? h('span', { class: 'gap', attrs: { 'aria-label': 'nothing' } }, '–')
        : h('span', { title: `position ${i}` }, h('bdi', null, visible(side.tokens[i]?.text ?? '', 24)));
    return h(
      'li',
      {
        class: `aligned${item.same ? ' same' : ''}`,
        on: item.a === null || !linked ? {} : { pointerenter: () => link.hover({ token: item.a }), pointerleave: () => link.hover(null) },
      },
      text(a, item.a),
      text(b, item.b),
    );
  });
  return figure(context, {
    id: 'aligned',
    title: 'Aligned tokens',
    evidence: 'observed',
    method: { name: 'comparison', anchor: METHODS.comparison },
    table: tokensTable(comparison),
    body: [
      h('ol', { class: 'aligned-strip', key: 'aligned', attrs: { tabindex: 0, 'aria-label': 'Tokens of A above those of B' } }, ...cells),
      h(
        'p',
        { class: 'note' },
        `${tokens.pairs.length} aligned, ${tokens.onlyA} only in A (above), ${tokens.onlyB} only in B (below). The table has those whose share of the heads’ contribution differs most.`,
      ),
    ],
  });
}
