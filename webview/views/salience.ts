import { h } from '../dom.js';
import { salienceModel, type Multiple } from '../model/salience.js';
import type { Palette } from '../theme.js';
import { axis, drawChart } from './chart.js';
import { alongX } from './plot.js';
import type { Context } from './context.js';
import { evidenceMark, figure, methodLink, missing } from './figure.js';
import { key } from './legend.js';

/** Layer salience: three small charts over one axis of blocks. */
export function salienceView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? salienceModel(run) : null;
  if (!model) return missing(context, 'Layer salience', 160);
  const cells = model.multiples.map((m) => {
    const { box } = drawChart(context, {
      key: `salience.${m.id}`,
      height: 150,
      aria: m.aria,
      config: {
        type: 'line',
        data: { datasets: m.series.map((s, i) => curve(context.palette, m, s, i)) as never },
        options: {
          layout: { padding: { top: 4, right: 8 } },
          scales: {
            x: axis(context.palette, 'block', {
              type: 'linear',
              min: 0,
              max: Math.max(1, model.blocks.length - 1),
              ticks: { precision: 0, maxRotation: 0, maxTicksLimit: 8 },
            }),
            y: axis(context.palette, m.unit, {
              type: 'linear',
              beginAtZero: true,
              ticks: { maxTicksLimit: 5 },
              ...(m.id === 'flow' ? { min: 0 } : {}),
            }),
          } as never,
        },
      },
      // Block b writes row b + 1: hovering a layer anywhere marks both.
      items: alongX(
        model.blocks.length,
        (b) => ({ row: b + 1 }),
        (mark) => (mark.row !== null && mark.row > 0 ? mark.row - 1 : null),
        (i) => m.tips[i] ?? [],
      ),
    });
    return h(
      'div',
      { class: 'multiple' },
      h(
        'div',
        { class: 'multiple-title' },
        h('b', null, h('bdi', null, m.title)),
        evidenceMark(m.evidence),
        methodLink(context, m.id === 'causal' ? 'mean ablation' : m.id === 'flow' ? 'value-weighted' : 'attribution', m.method),
      ),
      box,
    );
  });
  return figure(context, {
    id: 'salience',
    title: 'Layer salience',
    evidence: null,
    table: model.table,
    body: [
      h('div', { class: 'multiples' }, ...cells),
      h(
        'div',
        { class: 'legend' },
        key('series-0', 'attention'),
        key('series-1', 'MLP'),
        h('span', { class: 'key' }, 'hollow, dashed: read off; filled, solid: tested by intervention'),
        model.multiples.some((m) => m.evidence === 'caused') ? null : h('span', { class: 'key unchecked' }, 'causal: not checked'),
      ),
    ],
  });
}

/** A curve: dashed with hollow marks for what is observed, solid with filled marks for what is caused. */
function curve(palette: Palette, m: Multiple, series: Multiple['series'][number], i: number): object {
  const colour = i === 0 ? palette.foreground : palette.spans[0]!;
  const caused = m.evidence === 'caused';
  return {
    label: series.label,
    data: series.y.map((y, x) => ({ x, y })),
    borderColor: colour,
    borderDash: caused ? [] : [4, 3],
    borderWidth: 1.5,
    pointStyle: i === 0 ? 'circle' : 'rect',
    pointRadius: series.y.length > 16 ? 2 : 3.5,
    pointBackgroundColor: caused ? colour : palette.background,
    pointBorderColor: colour,
    pointBorderWidth: 1.5,
    clip: false,
  };
}
