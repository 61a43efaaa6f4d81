import type { Chart, ChartConfiguration } from 'chart.js';
import { number } from '../model/format.js';
import { alpha, type Palette } from '../theme.js';
import { chartJs } from './chart-js.js';
import type { Context } from './context.js';
import { plot, strokeMarks, type Drawing, type PlotOptions } from './plot.js';

/** Axis title and ticks in the theme's colours. */
export function axis(palette: Palette, title: string, more: Record<string, unknown> = {}, vertical = false): Record<string, unknown> {
  const font = { family: palette.font, size: palette.size };
  const numbers = more.type === 'linear' ? { callback: (value: number) => number(value, 4) } : {};
  const { ticks, ...rest } = more;
  return {
    title: { display: title !== '', text: vertical ? lines(title) : title, color: palette.muted, font, padding: 2 },
    grid: { color: palette.kind === 'contrast' ? alpha(palette.foreground, 0.4) : palette.grid, drawTicks: false },
    border: { color: palette.border },
    ...rest,
    // Farther than a point on the axis reaches.
    ticks: { color: palette.muted, font, padding: 7, autoSkip: true, ...numbers, ...(ticks as object | undefined) },
  };
}

/** A long axis title in lines, since a chart cuts what does not fit. */
function lines(title: string, limit = 24): string[] {
  const out: string[] = [];
  for (const word of title.split(' ')) {
    const last = out[out.length - 1];
    if (last !== undefined && last.length + word.length < limit) out[out.length - 1] = `${last} ${word}`;
    else out.push(word);
  }
  return out;
}

/** Draws the line at zero across a chart; gives where it lies, px. */
export function strokeZero({ ctx, chartArea, scales }: Chart, palette: Palette): number {
  const y = Math.round(scales.y!.getPixelForValue(0)) + 0.5;
  ctx.save();
  ctx.strokeStyle = palette.foreground;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(chartArea.left, y);
  ctx.lineTo(chartArea.right, y);
  ctx.stroke();
  ctx.restore();
  return y;
}

/** A chart of chart.js in the page: themed, without animation. `crosshair` false leaves the marking to the chart's own plugins. */
export function drawChart(
  context: Context,
  options: PlotOptions<Chart> & { config: ChartConfiguration | (() => ChartConfiguration); crosshair?: boolean },
): Drawing<Chart> {
  const { items } = options;
  return plot(context, options, (canvas) => {
    const own = typeof options.config === 'function' ? options.config() : options.config;
    const marks = { id: 'mark', afterDraw: (chart: Chart) => strokeMarks(context, items, chart) };
    return chartJs(canvas, {
      ...own,
      plugins: [...(own.plugins ?? []), ...(options.crosshair === false ? [] : [marks])],
      options: {
        ...own.options,
        maintainAspectRatio: false,
        plugins: { ...own.options?.plugins, legend: { display: false }, tooltip: { enabled: false } },
      },
    });
  });
}
