import type { Plugin } from 'chart.js';
import type { Doses } from '../model/doses.js';
import { place } from '../model/place.js';
import { axis, strokeZero } from './chart.js';
import { alongX, setFont, type Items, type Plot } from './plot.js';
import type { Context } from './context.js';
import { lineBoxes, sweep } from './margin.js';

// What charts over doses (values of vary) have in common.

/** The axis of doses, with a mark at each. */
export const doseAxis = (context: Context, model: Doses): Record<string, unknown> =>
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

/** The axes of margins over doses: all that is to be seen, and zero, with some room, a share of their range. */
export function marginOverDoses(context: Context, model: Doses, margins: readonly number[], room: number): Record<string, unknown> {
  const [least, most] = [Math.min(0, ...margins), Math.max(0, ...margins)];
  const pad = Math.max(0.5, (most - least) * room);
  return {
    x: doseAxis(context, model),
    y: axis(context.palette, 'margin (nats)', {
      type: 'linear',
      suggestedMin: least - pad,
      suggestedMax: most + pad,
      ticks: { maxTicksLimit: 6 },
    }),
  };
}

/** Doses as items of a chart; a dose has no place in the model, so it marks nothing. */
export function doseItems(xs: readonly number[], tip: (i: number) => string[]): Items {
  const along = alongX(
    xs.length,
    () => null,
    () => null,
    tip,
  );
  return { ...along, at: (x, y, chart) => nearestDose(xs, x, y, chart), point: (i, chart) => along.point(xs[i] ?? 0, chart) };
}

/** Draws the zero line, and its name where it covers neither line nor points. */
export function zeroLine(context: Context, text: string, xs: readonly number[], lines: readonly (readonly (number | null)[])[]): Plugin {
  return {
    id: 'zero',
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const y = strokeZero(chart, context.palette);
      ctx.save();
      setFont(chart, context.palette);
      ctx.textBaseline = 'top';
      const w = Math.ceil(ctx.measureText(text).width) + 2;
      const h = context.palette.size + 3;
      const px = (i: number, value: number): { x: number; y: number } => ({
        x: scales.x!.getPixelForValue(xs[i]!),
        y: scales.y!.getPixelForValue(value),
      });
      const at = sweep(a.left + 6, a.right - w - 6).flatMap((x) => [y - h - 2, y + 3].map((top) => ({ x, y: top })));
      const box = place(
        [{ w, h, at }],
        { x: a.left, y: a.top, w: a.right - a.left, h: a.bottom - a.top },
        lines.flatMap((line) => lineBoxes(line, px)),
      )[0];
      ctx.fillStyle = context.palette.foreground;
      if (box) ctx.fillText(text, box.x, box.y + 1);
      ctx.restore();
    },
  };
}

/** An interval at each dose, as a bar with ends, `aside` px beside it. */
export function whiskers(colour: string, xs: readonly number[], intervals: readonly ([number, number] | null)[], aside = 0): Plugin {
  return {
    id: `whiskers${aside}`,
    beforeDatasetsDraw({ ctx, scales }) {
      ctx.save();
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5;
      intervals.forEach((interval, i) => {
        if (!interval) return;
        const x = scales.x!.getPixelForValue(xs[i]!) + aside;
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

/** The dose nearest to a pixel of the plot; null beside it. */
function nearestDose(xs: readonly number[], x: number, y: number, chart: Plot): number | null {
  const { left, right, top, bottom } = chart.chartArea;
  if (x < left - 8 || x > right + 8 || y < top - 8 || y > bottom + 24) return null;
  const value = chart.scales.x!.getValueForPixel(x) ?? 0;
  return xs.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(xs[best]! - value) ? i : best), 0);
}
