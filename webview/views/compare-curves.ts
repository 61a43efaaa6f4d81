import type { Comparison } from '../../src/residue/types-comparison.js';
import { h } from '../dom.js';
import { curveModel } from '../model/compare.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Palette } from '../theme.js';
import { dropdown } from '../ui.js';
import { axis, drawChart } from './chart.js';
import { type Items } from './plot.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { key } from './legend.js';

/** A curve of both sides over relative depth, so that models of different depth share an axis. */
export function compareCurves(context: Context, comparison: Comparison): HTMLElement | null {
  const { palette } = context;
  const model = curveModel(comparison, typeof context.view.curve === 'string' ? context.view.curve : 'margin');
  if (!model) return null;
  const { curve, xs, rows, tips } = model;
  const items: Items = {
    count: xs.length,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left - 6 || x > right + 6 || y < top - 6 || y > bottom + 24) return null;
      const depth = chart.scales.x!.getValueForPixel(x) ?? 0;
      return xs.reduce((best, value, i) => (Math.abs(value - depth) < Math.abs(xs[best]! - depth) ? i : best), 0);
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(xs[i]!), y: (chart.chartArea.top + chart.chartArea.bottom) / 2 }),
    tip: (i) => tips[i] ?? [],
    mark: (i) => (rows[i] == null ? null : { row: rows[i] }),
    find: ({ row }) => {
      const i = row === null ? -1 : rows.indexOf(row);
      return i < 0 ? null : i;
    },
    step: (i, key) => (key === 'ArrowLeft' ? Math.max(0, i - 1) : key === 'ArrowRight' ? Math.min(xs.length - 1, i + 1) : null),
  };
  const { box } = drawChart(context, {
    key: 'curves',
    height: 220,
    aria: model.aria,
    config: {
      type: 'line',
      data: {
        datasets: [
          line(palette, curve.a, palette.foreground, 'circle', curve.evidence, [6, 3]),
          line(palette, curve.b, palette.spans[0]!, 'rect', curve.evidence, [2, 3]),
        ] as never,
      },
      options: {
        layout: { padding: { top: 6, right: 10 } },
        scales: {
          x: axis(palette, 'relative depth (layer / layers)', {
            type: 'linear',
            min: 0,
            max: 1,
            ticks: { maxTicksLimit: 6, maxRotation: 0 },
          }),
          y: axis(palette, `${curve.label} (${curve.unit})`, { type: 'linear', grace: '8%', ticks: { maxTicksLimit: 6 } }, true),
        } as never,
      },
    },
    items,
  });
  const caused = curve.evidence === 'caused' ? ' caused' : '';
  return figure(context, {
    id: 'curves',
    title: 'Both over relative depth',
    evidence: curve.evidence,
    method: { name: 'comparison', anchor: METHODS.comparison },
    table: model.table,
    body: [
      comparison.curves.length > 1
        ? dropdown(
            'Curve',
            comparison.curves.map(({ label }) => label),
            comparison.curves.indexOf(curve),
            (i) => context.set({ curve: comparison.curves[i]!.name }),
            'curve',
          )
        : null,
      box,
      h(
        'div',
        { class: 'legend' },
        ...[comparison.a, comparison.b].map(({ label }, i) => key(`series-${i}${caused}`, h('bdi', null, `${'AB'[i]}: ${label}`))),
      ),
    ],
  });
}

/** Hollow and dashed where it was read off, solid where it was tested. */
function line(
  palette: Palette,
  { x, y }: { x: number[]; y: number[] },
  colour: string,
  pointStyle: string,
  evidence: 'observed' | 'caused',
  dash: number[],
): object {
  return {
    data: x.map((depth, i) => ({ x: depth, y: y[i] })),
    borderColor: colour,
    borderDash: evidence === 'caused' ? [] : dash,
    borderWidth: 2,
    pointStyle,
    pointRadius: x.length > 36 ? 2.5 : 4,
    pointBackgroundColor: evidence === 'caused' ? colour : palette.background,
    pointBorderColor: colour,
    pointBorderWidth: 1.5,
    clip: false,
  };
}
