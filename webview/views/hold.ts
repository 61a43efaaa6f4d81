import { METHODS } from '../../src/method-anchors.js';
import type { Plugin } from 'chart.js';
import { h } from '../dom.js';
import { densityText, doseModel, dotModel, type DoseModel, type DotModel } from '../model/hold.js';
import { nats, probability } from '../model/format.js';
import type { Palette } from '../theme.js';
import { place } from '../model/place.js';
import { alongX, axis, drawChart, setFont, type Items } from './chart.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { key } from './legend.js';
import { lineBoxes, sweep } from './margin.js';

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

/** A dose has no place in the model: choosing one shows its run. */
function doseItems({ set }: Context, model: DoseModel, lines: (i: number) => string[]): Items {
  const base = alongX(
    model.x.length,
    () => null,
    () => null,
    lines,
  );
  return {
    ...base,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left - 8 || x > right + 8 || y < top - 8 || y > bottom + 24) return null;
      const value = chart.scales.x!.getValueForPixel(x) ?? 0;
      return model.x.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(model.x[best]! - value) ? i : best), 0);
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(model.x[i] ?? 0), y: (chart.chartArea.top + chart.chartArea.bottom) / 2 }),
    mark: () => null,
    find: () => null,
    act: { words: 'shows the run', run: (run) => set({ run }) },
    step: (i, key) => (key === 'ArrowLeft' ? Math.max(0, i - 1) : key === 'ArrowRight' ? Math.min(model.x.length - 1, i + 1) : null),
  };
}

const doseAxis = (context: Context, model: DoseModel): Record<string, unknown> =>
  axis(context.palette, model.xLabel, {
    type: 'linear',
    min: Math.min(...model.x),
    max: Math.max(...model.x),
    afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
      scale.ticks = model.x.map((value) => ({ value }));
    },
    ticks: {
      callback: (value: number) => (model.numeric ? String(Number(value.toPrecision(4))) : (model.labels[value] ?? '')),
      maxRotation: 45,
    },
  });

/** Draws the zero line, and its name where it covers neither line nor points. */
function zeroLine(context: Context, text: string, model: DoseModel): Plugin {
  return {
    id: 'zero',
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const y = Math.round(scales.y!.getPixelForValue(0)) + 0.5;
      ctx.save();
      ctx.strokeStyle = context.palette.foreground;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(a.left, y);
      ctx.lineTo(a.right, y);
      ctx.stroke();
      setFont(chart, context.palette);
      ctx.textBaseline = 'top';
      const w = Math.ceil(ctx.measureText(text).width) + 2;
      const h = context.palette.size + 3;
      const px = (i: number, value: number): { x: number; y: number } => ({
        x: scales.x!.getPixelForValue(model.x[i]!),
        y: scales.y!.getPixelForValue(value),
      });
      const at = sweep(a.left + 6, a.right - w - 6).flatMap((x) => [y - h - 2, y + 3].map((top) => ({ x, y: top })));
      const box = place([{ w, h, at }], { x: a.left, y: a.top, w: a.right - a.left, h: a.bottom - a.top }, lineBoxes(model.margin, px))[0];
      ctx.fillStyle = context.palette.foreground;
      if (box) ctx.fillText(text, box.x, box.y + 1);
      ctx.restore();
    },
  };
}

/** An interval at each dose, as a bar with ends. */
function whiskers(palette: Palette, xs: readonly number[], intervals: readonly ([number, number] | null)[]): Plugin {
  return {
    id: 'whiskers',
    beforeDatasetsDraw({ ctx, scales }) {
      ctx.save();
      ctx.strokeStyle = palette.muted;
      ctx.lineWidth = 1.5;
      intervals.forEach((interval, i) => {
        if (!interval) return;
        const x = scales.x!.getPixelForValue(xs[i]!);
        const [low, high] = interval.map((v) => scales.y!.getPixelForValue(v)) as [number, number];
        ctx.beginPath();
        ctx.moveTo(x, low);
        ctx.lineTo(x, high);
        for (const y of [low, high]) {
          ctx.moveTo(x - 4, y);
          ctx.lineTo(x + 4, y);
        }
        ctx.stroke();
      });
      ctx.restore();
    },
  };
}

function doseFigure(context: Context, model: DoseModel): HTMLElement {
  const { palette } = context;
  const chosen = context.selection.index;
  const spread = model.wordings.map((w) => w && ([w.low, w.high] as [number, number]));
  const all = [...model.margin, ...spread.flat(), 0].filter((m): m is number => m !== null);
  const pad = Math.max(0.5, (Math.max(...all) - Math.min(...all)) * 0.12);
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
        scales: {
          x: doseAxis(context, model),
          y: axis(palette, 'margin (nats)', {
            type: 'linear',
            suggestedMin: Math.min(...all) - pad,
            suggestedMax: Math.max(...all) + pad,
            ticks: { maxTicksLimit: 6 },
          }),
        } as never,
      },
      plugins: [whiskers(palette, model.x, spread), zeroLine(context, 'answer and rival equal', model)],
    },
    items: doseItems(context, model, (i) => [
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
          palette,
          model.x,
          density.map(({ interval }) => interval),
        ),
      ],
    },
    items: doseItems(context, model, (i) => [
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
