import { Chart } from 'chart.js';
import { behind } from '../views/on-canvas.js';

/** Parts of chart.js that hold on to the context they were made with; its types do not tell of all. */
interface Holder {
  ctx: CanvasRenderingContext2D;
}

/** Paints what a canvas holds on another context, its shapes as they stand; false for one of which only the pixels are known. */
export function paintChart(ctx: CanvasRenderingContext2D, canvas: HTMLCanvasElement): boolean {
  const own = behind(canvas).paint;
  if (own) own(ctx);
  return own !== undefined || paintChartJs(ctx, canvas);
}

function paintChartJs(ctx: CanvasRenderingContext2D, canvas: HTMLCanvasElement): boolean {
  const chart = behind(canvas).chart?.();
  if (!(chart instanceof Chart)) return false;
  const own = chart.ctx;
  const lines: { _path?: unknown }[] = [];
  const aim = (to: CanvasRenderingContext2D): void => {
    (chart as unknown as Holder).ctx = to;
    for (const scale of Object.values(chart.scales)) (scale as unknown as Holder).ctx = to;
    for (const meta of chart.getSortedVisibleDatasetMetas()) {
      (meta.controller as unknown as { _ctx: CanvasRenderingContext2D })._ctx = to;
      // A line keeps the path it was drawn by, which belongs to the context.
      if (meta.dataset) lines.push(meta.dataset as { _path?: unknown });
    }
    for (const line of lines) line._path = undefined;
  };
  // It would undo where this picture has been put.
  chart.clear = () => chart;
  aim(ctx);
  try {
    chart.draw();
  } finally {
    aim(own);
    delete (chart as { clear?: unknown }).clear;
  }
  return true;
}
