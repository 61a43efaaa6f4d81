import { h } from '../dom.js';
import { salienceModel, type Multiple } from '../model/salience.js';
import type { Palette } from '../theme.js';
import { alongX, axis, drawChart } from './chart.js';
import type { Context } from './context.js';
import { evidenceMark, figure, methodLink, missing } from './figure.js';

/** Layer salience: three small charts over one axis of blocks. */
export function salienceView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? salienceModel(run) : null;
  if (!model) return missing(context, 'Layer salience', 160);
  const canvases: HTMLCanvasElement[] = [];
  const cells = model.multiples.map((m) => {
    const { box, canvas } = drawChart(context, {
      key: `salience.${m.id}`,
      height: 150,
      aria: m.aria,
      config: {
        type: 'bar',
        data: { labels: model.blocks, datasets: m.series.map((s, i) => bars(context.palette, m, s, i)) as never },
        options: {
          layout: { padding: { top: 4, right: 4 } },
          scales: {
            x: axis(context.palette, 'block', { ticks: { maxRotation: 0 }, grid: { display: false } }),
            y: axis(context.palette, m.unit, { beginAtZero: true, ticks: { maxTicksLimit: 5 }, ...(m.id === 'flow' ? { min: 0 } : {}) }),
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
    canvases.push(canvas);
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
    canvas: () => beside(canvases),
    body: [
      h('div', { class: 'multiples' }, ...cells),
      h(
        'div',
        { class: 'legend' },
        h('span', { class: 'key' }, h('i', { class: 'swatch bar-attention' }), 'attention'),
        h('span', { class: 'key' }, h('i', { class: 'swatch bar-mlp' }), 'MLP'),
        h('span', { class: 'key' }, 'outlined: read off; filled: tested by intervention'),
      ),
    ],
  });
}

/** Bars: hollow and dashed-looking for what is observed, filled for what is caused. */
function bars(palette: Palette, m: Multiple, series: Multiple['series'][number], i: number): object {
  const colour = i === 0 ? palette.foreground : palette.spans[0]!;
  return {
    label: series.label,
    data: series.y,
    backgroundColor: m.evidence === 'caused' ? colour : 'rgba(0, 0, 0, 0)',
    borderColor: colour,
    borderWidth: 1.5,
    borderSkipped: false,
    categoryPercentage: 0.85,
    barPercentage: 0.9,
  };
}

/** The three canvases as one picture. */
function beside(canvases: readonly HTMLCanvasElement[]): HTMLCanvasElement {
  const out = document.createElement('canvas');
  out.width = canvases.reduce((w, c) => w + c.width, 0);
  out.height = Math.max(0, ...canvases.map((c) => c.height));
  const ctx = out.getContext('2d');
  let x = 0;
  for (const c of canvases) {
    ctx?.drawImage(c, x, 0);
    x += c.width;
  }
  return out;
}
