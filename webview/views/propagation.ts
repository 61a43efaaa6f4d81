import { h } from '../dom.js';
import { METHODS } from '../../src/method-anchors.js';
import { propagationModel, type GrowthCurve } from '../model/propagation.js';
import type { Palette } from '../theme.js';
import { axis, drawChart } from './chart.js';
import { alongX } from './plot.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { key } from './legend.js';

/** How an error grows from layer to layer, one curve for each layer at which it was made. */
export function propagationView(context: Context): HTMLElement | null {
  const run = context.selection.shown;
  const model = run ? propagationModel(run) : null;
  if (!model) return context.residue.status === 'running' ? missing(context, 'Growth of an error', 180) : null;
  const { box } = drawChart(context, {
    key: 'propagation',
    height: 180,
    aria: model.aria,
    config: {
      type: 'line',
      data: { datasets: model.curves.map((c) => line(context.palette, c)) as never },
      options: {
        layout: { padding: { top: 6, right: 10 } },
        scales: {
          x: axis(context.palette, 'layer', {
            type: 'linear',
            min: 0,
            max: Math.max(1, model.rows - 1),
            ticks: { precision: 0, maxRotation: 0, maxTicksLimit: 10 },
          }),
          y: axis(context.palette, '‖Δr‖ / ‖r‖', { type: 'linear', min: 0, ticks: { maxTicksLimit: 5 } }, true),
        } as never,
      },
    },
    items: alongX(
      model.rows,
      (row) => ({ row }),
      (mark) => mark.row,
      (i) => model.tips[i] ?? [],
    ),
  });
  return figure(context, {
    id: 'propagation',
    title: 'Growth of an error',
    evidence: 'caused',
    method: { name: 'error propagation', anchor: METHODS.propagation },
    table: model.table,
    body: [
      box,
      h(
        'div',
        { class: 'legend' },
        key('series-0 caused', `noise, mean of ${model.seeds}`),
        model.curves.some(({ kind }) => kind === 'difference') ? key('series-1 caused', 'toward the control') : null,
        h('span', { class: 'key' }, `each curve begins where it was made, at ${model.epsilon} of the residual’s length`),
      ),
    ],
  });
}

/** Solid with filled marks: caused. */
function line(palette: Palette, { from, kind, y }: GrowthCurve): object {
  const colour = kind === 'noise' ? palette.foreground : palette.spans[0]!;
  return {
    data: y.map((value, i) => ({ x: from + i, y: value })),
    borderColor: colour,
    borderWidth: 1.5,
    pointStyle: kind === 'noise' ? 'circle' : 'rect',
    pointRadius: y.map((_, i) => (i === 0 ? 4 : 2)),
    pointBackgroundColor: colour,
    pointBorderColor: colour,
    clip: false,
  };
}
