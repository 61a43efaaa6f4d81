import type { Chart, Plugin, ScriptableContext } from 'chart.js';
import type { Mark } from '../model/view.js';
import { axis, drawChart } from './chart.js';
import { type Items } from './plot.js';
import { Columns } from './columns.js';
import type { Context } from './context.js';

interface Cell {
  x: number;
  y: number;
}

/** A map of cells, rows upwards from 0 as in papers. */
export interface HeatOptions {
  key: string;
  /** Accessible name of the scroll box. */
  label: string;
  aria: string;
  rows: number;
  columns: number;
  /** Label of each column. */
  labels: readonly string[];
  /** Height that column labels take, px: a set one, for labels differ from window to window and the plot must not jump. */
  labelHeight: number;
  columnTitle?: string;
  rowTitle: string;
  /** Room above the plot, px. */
  top?: number;
  colour(row: number, column: number): string;
  tip(row: number, column: number): string[];
  /** What hovering or pinning a cell marks everywhere. */
  mark(row: number, column: number): Partial<Mark>;
  /** The row and the column that a mark made elsewhere points to. */
  rowOf(mark: Mark): number | null;
  columnOf(mark: Mark): number | null;
  /** Where the cursor stands when only a row is marked, and what is in sight at first. */
  home: number;
  plugins?: Plugin[];
}

/** Width and height of a cell, px. */
export function cellSize(chart: Chart, rows: number): { w: number; h: number } {
  const { right, left, bottom, top } = chart.chartArea ?? { right: 0, left: 0, bottom: 0, top: 0 };
  const { min, max } = chart.scales.x ?? { min: 0, max: 1 };
  return { w: (right - left) / Math.max(1, max - min), h: (bottom - top) / rows };
}

/**
 * Draws a map on a canvas as wide as its box; what does not fit is scrolled to, the axes staying put. Gives the scroll box and the line
 * that says which columns are in sight.
 */
export function heatMap(context: Context, options: HeatOptions): HTMLElement[] {
  const { palette, link } = context;
  const { rows, columns, labels, labelHeight, top = 4, home } = options;
  const height = Math.max(labelHeight > 40 ? 124 : 140, Math.min(376, rows * (rows > 16 ? 9 : 16))) + labelHeight + 8 + top;
  const cells = (from: number, to: number): Cell[] => {
    const out: Cell[] = [];
    for (let y = 0; y < rows; y++) for (let x = from; x < to; x++) out.push({ x, y });
    return out;
  };
  const view = new Columns(columns, 16, 58, height, options.label, (from, to) => {
    const { made } = lazy;
    if (!made) return null;
    made.data.datasets[0]!.data = cells(from, to) as never;
    Object.assign(made.options.scales!.x!, { min: from - 0.5, max: to - 0.5 });
    return made;
  });
  const gap = palette.kind === 'contrast' ? 1 : 0.5;
  const { lazy } = drawChart(context, {
    key: options.key,
    height,
    aria: options.aria,
    box: view.canvasBox,
    crosshair: false,
    sees: (mark) => [options.rowOf(mark), options.columnOf(mark)],
    sized: (width) => view.fit(width),
    config: () =>
      ({
        type: 'matrix',
        data: {
          datasets: [
            {
              data: cells(view.from, view.to) as never,
              backgroundColor: ({ raw }: ScriptableContext<'matrix'>) => {
                const cell = raw as Cell | undefined;
                return cell ? options.colour(cell.y, cell.x) : palette.background;
              },
              borderWidth: 0,
              width: ({ chart: c }: ScriptableContext<'matrix'>) => Math.max(1, cellSize(c, rows).w - gap),
              height: ({ chart: c }: ScriptableContext<'matrix'>) => Math.max(1, cellSize(c, rows).h - gap),
            } as never,
          ],
        },
        options: {
          layout: { padding: { top, right: 6 } },
          scales: {
            x: axis(palette, options.columnTitle ?? '', {
              type: 'linear',
              min: view.from - 0.5,
              max: view.to - 0.5,
              offset: false,
              grid: { display: false },
              afterFit: (scale: { height: number }) => (scale.height = labelHeight),
              afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
                scale.ticks = Array.from({ length: view.to - view.from }, (_, i) => ({ value: view.from + i }));
              },
              ticks: {
                callback: (value: number) => labels[value] ?? '',
                minRotation: 0,
                maxRotation: 90,
                autoSkipPadding: 0,
                align: 'center',
              },
            }),
            y: axis(palette, options.rowTitle, {
              type: 'linear',
              min: -0.5,
              max: rows - 0.5,
              reverse: false,
              offset: false,
              grid: { display: false },
              afterFit: (scale: { width: number }) => (scale.width = 50),
              afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
                const step = Math.max(1, Math.ceil(rows / 14));
                scale.ticks = Array.from({ length: rows }, (_, i) => ({ value: i })).filter(({ value }) => value % step === 0);
              },
              ticks: { callback: (value: number) => String(value), autoSkip: false },
            }),
          } as never,
        },
        plugins: [...(options.plugins ?? []), outlines(context, options)],
      }) as never,
    items: cellItems(options, view),
  });
  view.start(context.onDispose, options.columnOf(link.pinned) ?? home);
  return [view.box, view.note];
}

function cellItems({ rows, columns: n, tip, mark, rowOf, columnOf, home }: HeatOptions, view: Columns): Items {
  const row = (i: number): number => Math.floor(i / n);
  return {
    count: n * rows,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left || x > right || y < top || y > bottom) return null;
      const c = Math.round(chart.scales.x!.getValueForPixel(x) ?? -1);
      const r = Math.round(chart.scales.y!.getValueForPixel(y) ?? -1);
      return c < 0 || c >= n || r < 0 || r >= rows ? null : r * n + c;
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(i % n), y: chart.scales.y!.getPixelForValue(row(i)) }),
    tip: (i) => tip(row(i), i % n),
    mark: (i) => mark(row(i), i % n),
    find: (marked) => {
      const r = rowOf(marked);
      const c = columnOf(marked);
      return r === null && c === null ? null : (r ?? rows - 1) * n + (c ?? home);
    },
    step: (i, key) => {
      const r = row(i);
      const c = i % n;
      if (key === 'ArrowLeft') return r * n + Math.max(0, c - 1);
      if (key === 'ArrowRight') return r * n + Math.min(n - 1, c + 1);
      return Math.min(rows - 1, Math.max(0, r + (key === 'ArrowUp' ? 1 : -1))) * n + c;
    },
    reveal: (i) => view.reveal(i % n),
  };
}

/** Frames the map, and outlines the marked row and column. */
function outlines(context: Context, { rows, rowOf, columnOf }: HeatOptions): Plugin {
  return {
    id: 'heat-outlines',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const { w, h } = cellSize(chart, rows);
      const { palette, link } = context;
      ctx.save();
      ctx.strokeStyle = palette.border;
      ctx.strokeRect(a.left, a.top, a.right - a.left, a.bottom - a.top);
      ctx.beginPath();
      ctx.rect(a.left - 2, a.top - 2, a.right - a.left + 4, a.bottom - a.top + 4);
      ctx.clip();
      ctx.strokeStyle = palette.focus;
      for (const [mark, line] of [
        [link.pinned, 2],
        [link.current, 1],
      ] as const) {
        ctx.lineWidth = line;
        const row = rowOf(mark);
        if (row !== null) ctx.strokeRect(a.left, scales.y!.getPixelForValue(row) - h / 2, a.right - a.left, h);
        const column = columnOf(mark);
        if (column !== null) ctx.strokeRect(scales.x!.getPixelForValue(column) - w / 2, a.top, w, a.bottom - a.top);
      }
      ctx.restore();
    },
  };
}
