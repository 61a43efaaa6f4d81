import { METHODS } from '../../src/method-anchors.js';
import type { Plugin } from 'chart.js';
import { h } from '../dom.js';
import { densityText, doseModel, dotModel, type DoseModel, type DotModel } from '../model/hold.js';
import { nats, probability } from '../model/format.js';
import { axis, drawChart } from './chart.js';
import { type Items } from './plot.js';
import type { Context } from './context.js';
import { doseAxis, doseItems, marginOverDoses, whiskers, zeroLine } from './dose-marks.js';
import { figure, missing } from './figure.js';
import { key } from './legend.js';

/** Dose-response, paraphrases, densities: does it hold? */
export function holdView(context: Context): HTMLElement[] {
  const { residue } = context;
  const dose = doseModel(residue);
  const dots = dotModel(residue, context.selection.run);
  const density = densityText(residue);
  const waiting = residue.status !== 'complete';
  return [
    dose ? doseFigure(context, dose) : h('p', { class: 'note' }, 'Dose-response: not checked. Add `vary` to the shell to measure one.'),
    ...(dose?.density ? [densityFigure(context, dose)] : []),
    dots
      ? dotFigure(context, dots)
      : residue.paraphrases.length || waiting
        ? missing(context, 'Paraphrases', 80)
        : h('p', { class: 'note' }, 'Paraphrases: not checked. Add `paraphrases` to the shell to measure them.'),
    density ? h('p', { class: 'finding' }, density) : null,
  ].filter((e): e is HTMLElement => e !== null);
}

/** Doses of which choosing one shows its run. */
function runItems({ set }: Context, { x }: DoseModel, lines: (i: number) => string[]): Items {
  return { ...doseItems(x, lines), act: { words: 'shows the run', run: (run) => set({ run }) } };
}

function doseFigure(context: Context, model: DoseModel): HTMLElement {
  const { palette } = context;
  const chosen = context.selection.index;
  const spread = model.wordings.map((w) => w && ([w.low, w.high] as [number, number]));
  const all = [...model.margin, ...spread.flat()].filter((m): m is number => m !== null);
  const { box } = drawChart(context, {
    key: 'dose',
    height: 190,
    aria: model.aria,
    config: {
      type: 'line',
      data: {
        datasets: [
          {
            data: model.margin.map((y, i) => ({ x: model.x[i]!, y })) as never,
            borderColor: palette.foreground,
            borderDash: [6, 3],
            borderWidth: 2,
            pointStyle: model.failed.map((f) => (f ? 'rectRot' : 'circle')),
            pointRadius: model.x.map((_, i) => (i === chosen ? 7 : 4.5)),
            pointBorderWidth: model.x.map((_, i) => (i === chosen ? 3 : 1.5)),
            pointBackgroundColor: palette.background,
            pointBorderColor: model.failed.map((f) => (f ? palette.negative : palette.positive)),
            clip: false,
          } as never,
        ],
      },
      options: {
        layout: { padding: { top: 8, right: 12 } },
        scales: marginOverDoses(context, model, all, 0.12) as never,
      },
      plugins: [whiskers(palette.muted, model.x, spread), zeroLine(context, 'answer and rival equal', model.x, [model.margin])],
    },
    items: runItems(context, model, (i) => [
      model.labels[i] ?? '',
      `margin: ${nats(model.margin[i])}`,
      model.failed[i] ? 'fails' : 'does not fail',
      ...(model.wordings[i] ? [`${model.wordings[i].n} wordings: ${nats(model.wordings[i].low)} to ${nats(model.wordings[i].high)}`] : []),
    ]),
  });
  return figure(context, {
    id: 'dose',
    title: `Margin over ${model.xLabel}`,
    evidence: 'observed',
    method: { name: 'margin', anchor: METHODS.margin },
    table: model.table,
    body: [
      box,
      h(
        'div',
        { class: 'legend' },
        key('dot-positive', 'does not fail'),
        key('dot-negative', 'fails'),
        model.wordings.some((w) => w)
          ? key('whisker', 'bar: least to largest margin over the wordings')
          : h('span', { class: 'key unchecked' }, 'interval over wordings: not checked'),
        h('span', { class: 'key' }, 'larger: the run shown above; a click or Enter shows another'),
      ),
    ],
  });
}

function densityFigure(context: Context, model: DoseModel): HTMLElement {
  const { palette } = context;
  const density = model.density!;
  const { box } = drawChart(context, {
    key: 'density',
    height: 170,
    aria: `Failing share at ${model.x.length} values of ${model.xLabel}, from ${probability(density[0]?.share)} to ${probability(density[density.length - 1]?.share)}, with Wilson 95 % intervals. Read off.`,
    config: {
      type: 'line',
      data: {
        datasets: [
          {
            data: density.map((d, i) => ({ x: model.x[i]!, y: d.share })),
            borderColor: palette.foreground,
            borderDash: [6, 3],
            borderWidth: 1.5,
            pointRadius: 4.5,
            pointBackgroundColor: palette.background,
            pointBorderColor: palette.foreground,
            pointBorderWidth: 1.5,
            clip: false,
          },
        ],
      },
      options: {
        layout: { padding: { top: 8, right: 12 } },
        scales: {
          x: doseAxis(context, model),
          y: axis(palette, 'failing (share)', { type: 'linear', min: 0, max: 1, ticks: { stepSize: 0.25 } }),
        } as never,
      },
      plugins: [
        whiskers(
          palette.muted,
          model.x,
          density.map(({ interval }) => interval),
        ),
      ],
    },
    items: runItems(context, model, (i) => [
      model.labels[i] ?? '',
      `${density[i]!.failing} of ${density[i]!.total} fail (${probability(density[i]!.share)})`,
      `Wilson 95 %: ${probability(density[i]!.interval[0])} to ${probability(density[i]!.interval[1])}`,
    ]),
  });
  return figure(context, {
    id: 'density',
    title: `Failing share over ${model.xLabel}`,
    evidence: 'observed',
    method: { name: 'failure density', anchor: METHODS.density },
    table: {
      columns: ['run', 'failing', 'of', 'share', 'from', 'to'],
      rows: density.map((d, i) => [model.labels[i] ?? '', d.failing, d.total, d.share, d.interval[0], d.interval[1]]),
    },
    body: [box],
  });
}

function dotFigure(context: Context, model: DotModel): HTMLElement {
  const { palette } = context;
  const all = model.dots.map((d) => d.margin).concat(0);
  const pad = Math.max(0.3, (Math.max(...all) - Math.min(...all)) * 0.08);
  // Dots that would cover each other are set in rows above one another.
  const width = (Math.max(...all) - Math.min(...all) + 2 * pad) / 40;
  const levels: number[] = [];
  const placed: { x: number; level: number }[] = [];
  for (const d of model.dots) {
    let level = 0;
    while (placed.some((p) => p.level === level && Math.abs(p.x - d.margin) < width)) level++;
    placed.push({ x: d.margin, level });
    levels.push(level);
  }
  const top = Math.max(...levels);
  const zero: Plugin = {
    id: 'zero',
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const x = Math.round(scales.x!.getPixelForValue(0)) + 0.5;
      ctx.save();
      ctx.strokeStyle = palette.foreground;
      ctx.beginPath();
      ctx.moveTo(x, a.top);
      ctx.lineTo(x, a.bottom);
      ctx.stroke();
      ctx.restore();
    },
  };
  const { box } = drawChart(context, {
    key: 'paraphrases',
    height: 84 + top * 14,
    aria: model.aria,
    crosshair: false,
    config: {
      type: 'scatter',
      data: {
        datasets: [
          {
            data: model.dots.map((d, i) => ({ x: d.margin, y: levels[i]! })),
            pointStyle: model.dots.map((d) => (d.failed ? 'rectRot' : 'circle')),
            pointRadius: model.dots.map((d) => (d.headline ? 8 : 5)),
            pointBorderWidth: model.dots.map((d) => (d.headline ? 3 : 1.5)),
            pointBorderColor: model.dots.map((d) => (d.failed ? palette.negative : palette.positive)),
            pointBackgroundColor: palette.background,
            clip: false,
          } as never,
        ],
      },
      options: {
        layout: { padding: { top: 10, right: 12, left: 12 } },
        scales: {
          x: axis(palette, 'margin (nats); 0: answer and rival equal', {
            type: 'linear',
            suggestedMin: Math.min(...all) - pad,
            suggestedMax: Math.max(...all) + pad,
            ticks: { maxTicksLimit: 7, maxRotation: 0 },
          }),
          y: { display: false, min: -0.7, max: top + 0.7 },
        } as never,
      },
      plugins: [zero],
    },
    items: {
      count: model.dots.length,
      at: (x, y, chart) => {
        const hit = chart.getDatasetMeta(0).data.findIndex((e) => Math.hypot(e.x - x, e.y - y) < 10);
        return hit < 0 ? null : hit;
      },
      point: (i, chart) => chart.getDatasetMeta(0).data[i] ?? null,
      tip: (i) => model.dots[i]?.tip ?? [],
      pins: false,
      mark: () => null,
      find: () => null,
      step: (i, key) => (key === 'ArrowLeft' || key === 'ArrowDown' ? Math.max(0, i - 1) : Math.min(model.dots.length - 1, i + 1)),
    },
  });
  return figure(context, {
    id: 'paraphrases',
    title: `Paraphrases: ${model.agree}`,
    evidence: 'observed',
    method: { name: 'second opinion', anchor: METHODS.density },
    table: model.table,
    body: [box],
  });
}
