import { METHODS } from '../model/methods.js';
import type { Chart, Plugin, ScriptableContext } from 'chart.js';
import { h } from '../dom.js';
import { cellTip, mapModel, ramp, FLOOR, type MapModel } from '../model/map.js';
import { probability } from '../model/format.js';
import { rampColours } from '../theme.js';
import { axis, drawChart, type Items } from './chart.js';
import { Columns } from './columns.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';

const STEPS = 64;
interface Cell {
  x: number;
  y: number;
  v: number;
}

/** The layer × position map of the answer's lens probability. */
export function mapView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? mapModel(run) : null;
  if (!run || !model || model.positions.length === 0 || model.rows === 0) return missing(context, 'Layer × position map', 260);
  const { palette, link } = context;
  const colours = rampColours(palette.background, palette.positive, STEPS);
  const columns = model.positions.length;
  const height = Math.max(200, Math.min(460, model.rows * (model.rows > 16 ? 9 : 16))) + 84;
  let drawn: Chart | null = null;
  const cells = (from: number, to: number): Cell[] => {
    const out: Cell[] = [];
    for (let y = 0; y < model.rows; y++) for (let x = from; x < to; x++) out.push({ x, y, v: model.values[y]?.[x] ?? NaN });
    return out;
  };
  const view = new Columns(columns, 16, 58, height, 'Layer by position map', (from, to) => {
    if (!drawn) return null;
    drawn.data.datasets[0]!.data = cells(from, to) as never;
    Object.assign(drawn.options.scales!.x!, { min: from - 0.5, max: to - 0.5 });
    return drawn;
  });
  const cellSize = (chart: Chart): { w: number; h: number } => {
    const a = chart.chartArea ?? { right: 0, left: 0, bottom: 0, top: 0 };
    return { w: (a.right - a.left) / Math.max(1, view.to - view.from), h: (a.bottom - a.top) / model.rows };
  };
  const gap = palette.kind === 'contrast' ? 1 : 0.5;
  const { canvas, chart } = drawChart(context, {
    key: 'map',
    height,
    aria: model.aria,
    box: view.canvasBox,
    crosshair: false,
    config: {
      type: 'matrix',
      data: {
        datasets: [
          {
            data: cells(0, 1) as never,
            backgroundColor: (c: ScriptableContext<'matrix'>) =>
              colours[Math.round(ramp((c.raw as Cell | undefined)?.v) * (STEPS - 1))] ?? palette.background,
            borderWidth: 0,
            width: ({ chart: c }: ScriptableContext<'matrix'>) => Math.max(1, cellSize(c).w - gap),
            height: ({ chart: c }: ScriptableContext<'matrix'>) => Math.max(1, cellSize(c).h - gap),
          } as never,
        ],
      },
      options: {
        layout: { padding: { top: 4, right: 6 } },
        scales: {
          x: axis(palette, '', {
            type: 'linear',
            min: -0.5,
            max: 0.5,
            offset: false,
            grid: { display: false },
            // A set height: labels differ from window to window, the plot must not jump.
            afterFit: (scale: { height: number }) => (scale.height = 76),
            afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
              scale.ticks = Array.from({ length: view.to - view.from }, (_, i) => ({ value: view.from + i }));
            },
            ticks: {
              callback: (value: number) => model.labels[value] ?? '',
              minRotation: 0,
              maxRotation: 90,
              autoSkipPadding: 0,
              align: 'center',
            },
          }),
          y: axis(palette, 'layer', {
            type: 'linear',
            min: -0.5,
            max: model.rows - 0.5,
            reverse: false,
            offset: false,
            grid: { display: false },
            afterFit: (scale: { width: number }) => (scale.width = 50),
            afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
              const step = Math.max(1, Math.ceil(model.rows / 14));
              scale.ticks = Array.from({ length: model.rows }, (_, i) => ({ value: i })).filter(({ value }) => value % step === 0);
            },
            ticks: { callback: (value: number) => String(value), autoSkip: false },
          }),
        } as never,
      },
      plugins: [marks(context, model, cellSize)],
    } as never,
    items: cellItems(context, model, view),
  });
  drawn = chart;
  view.start(
    context.onDispose,
    link.pinned.token === null ? (model.answerColumn ?? columns - 1) : Math.max(0, model.positions.indexOf(link.pinned.token)),
  );
  return figure(context, {
    id: 'map',
    title: 'Probability of the answer by layer and position',
    evidence: 'observed',
    method: { name: 'lens map', anchor: METHODS.map },
    table: model.table,
    canvas: () => canvas,
    body: [
      view.box,
      view.note,
      h(
        'div',
        { class: 'legend ramp-legend' },
        h('span', null, `≤ ${probability(Math.exp(FLOOR))}`),
        rampBar(colours),
        h('span', null, 'p = 1 (log scale)'),
        model.complete ? null : h('span', { class: 'key' }, `${columns} of the prompt’s positions were measured`),
      ),
    ],
  });
}

function rampBar(colours: readonly string[]): HTMLCanvasElement {
  const bar = h('canvas', {
    class: 'ramp',
    attrs: { width: colours.length, height: 1, role: 'img', 'aria-label': 'Colour ramp from low to high probability' },
  });
  const ctx = bar.getContext('2d');
  colours.forEach((c, i) => {
    if (!ctx) return;
    ctx.fillStyle = c;
    ctx.fillRect(i, 0, 1, 1);
  });
  return bar;
}

function cellItems(context: Context, model: MapModel, view: Columns): Items {
  const n = model.positions.length;
  const run = context.selection.shown!;
  const rowOf = (i: number): number => Math.floor(i / n);
  return {
    count: n * model.rows,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left || x > right || y < top || y > bottom) return null;
      const column = Math.round(chart.scales.x!.getValueForPixel(x) ?? -1);
      const row = Math.round(chart.scales.y!.getValueForPixel(y) ?? -1);
      return column < 0 || column >= n || row < 0 || row >= model.rows ? null : row * n + column;
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(i % n), y: chart.scales.y!.getPixelForValue(rowOf(i)) }),
    tip: (i) => cellTip(model, run, rowOf(i), i % n),
    mark: (i) => ({ row: rowOf(i), token: model.positions[i % n] ?? null }),
    find: ({ row, token }) => {
      if (row === null && token === null) return null;
      const column = token === null ? (model.answerColumn ?? n - 1) : model.positions.indexOf(token);
      return column < 0 ? null : (row ?? model.rows - 1) * n + column;
    },
    step: (i, key) => {
      const row = rowOf(i);
      const column = i % n;
      if (key === 'ArrowLeft') return row * n + Math.max(0, column - 1);
      if (key === 'ArrowRight') return row * n + Math.min(n - 1, column + 1);
      return Math.min(model.rows - 1, Math.max(0, row + (key === 'ArrowUp' ? 1 : -1))) * n + column;
    },
    reveal: (i) => view.reveal(i % n),
  };
}

/** Outlines the marked layer as a row and the marked token as a column. */
function marks(context: Context, model: MapModel, size: (chart: Chart) => { w: number; h: number }): Plugin {
  return {
    id: 'map-marks',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const { w, h } = size(chart);
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
        if (mark.row !== null) ctx.strokeRect(a.left, scales.y!.getPixelForValue(mark.row) - h / 2, a.right - a.left, h);
        const column = mark.token === null ? -1 : model.positions.indexOf(mark.token);
        if (column >= 0) ctx.strokeRect(scales.x!.getPixelForValue(column) - w / 2, a.top, w, a.bottom - a.top);
      }
      ctx.restore();
    },
  };
}
