import { h } from '../dom.js';
import type { Mark } from '../model/view.js';
import type { Palette } from '../theme.js';
import type { Context } from './context.js';
import { LazyChart } from './lazy-chart.js';

interface Scale {
  getPixelForValue(value: number): number;
  getValueForPixel(pixel: number): number | undefined;
}

/** What the page asks of a chart on a canvas, chart.js's or one of its own. */
export interface Plot {
  ctx: CanvasRenderingContext2D;
  chartArea: { left: number; top: number; right: number; bottom: number };
  scales: Record<string, Scale>;
  draw(): void;
  resize(width: number, height: number): void;
  destroy(): void;
}

/** A point of the pixel plane of a chart. */
export interface Point {
  x: number;
  y: number;
}

/** How a chart answers to pointer and keys. Items are numbered 0 … count − 1. */
export interface Items<P extends Plot = Plot> {
  count: number;
  /** Item under a pixel, or null. */
  at(x: number, y: number, chart: P): number | null;
  /** Where the item is drawn; null when it is out of sight. */
  point(item: number, chart: P): Point | null;
  tip(item: number): string[];
  /** What hovering or pinning it marks everywhere. */
  mark(item: number): Partial<Mark> | null;
  /** The item that a mark made elsewhere points to. */
  find(mark: Mark): number | null;
  /** The next item for an arrow key; null leaves it. */
  step(item: number, key: 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown'): number | null;
  /** What a click or Enter does where an item marks nothing, and the words for it. */
  act?: { words: string; run(item: number): void };
  /** False where an item marks nothing, so that there is nothing to pin. */
  pins?: false;
  /** Called before an item is pointed at by key, to bring it into sight. */
  reveal?(item: number): void;
}

/** Items along one axis of numbers: for lines and bars. */
export function alongX(
  count: number,
  mark: (i: number) => Partial<Mark> | null,
  find: (mark: Mark) => number | null,
  tip: (i: number) => string[],
): Items {
  return {
    count,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left - 6 || x > right + 6 || y < top - 6 || y > bottom + 24) return null;
      const i = Math.round(chart.scales.x!.getValueForPixel(x) ?? 0);
      return i < 0 || i >= count ? null : i;
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(i), y: (chart.chartArea.top + chart.chartArea.bottom) / 2 }),
    tip,
    mark,
    find,
    step: (i, key) => (key === 'ArrowLeft' ? Math.max(0, i - 1) : key === 'ArrowRight' ? Math.min(count - 1, i + 1) : null),
  };
}

/** What the keyboard does in a chart. */
const keysOf = ({ act, pins }: Pick<Items, 'act' | 'pins'>): string =>
  `Arrow keys move${act ? `, Enter ${act.words}` : pins === false ? '' : ', Enter pins, Escape unpins'}.`;

/** Draws the line of the marked item across a chart; pinned ones are solid. */
export function strokeMarks(context: Context, items: Items, chart: Plot): void {
  const draw = (mark: Mark, pinned: boolean): void => {
    const item = items.find(mark);
    const at = item === null ? null : items.point(item, chart);
    if (!at) return;
    const { top, bottom, left, right } = chart.chartArea;
    if (at.x < left - 1 || at.x > right + 1) return;
    const c = chart.ctx;
    c.save();
    c.strokeStyle = context.palette.focus;
    c.lineWidth = pinned ? 2 : 1;
    if (!pinned) c.setLineDash([2, 2]);
    c.beginPath();
    // On the pixel grid, so that one pixel is not two faint ones.
    const x = Math.round(at.x) + (pinned ? 0 : 0.5);
    c.moveTo(x, top);
    c.lineTo(x, bottom);
    c.stroke();
    c.restore();
  };
  draw(context.link.pinned, true);
  draw(context.link.current, false);
}

export interface Drawing<P extends Plot = Plot> {
  box: HTMLElement;
  canvas: HTMLCanvasElement;
  lazy: LazyChart<P>;
}

export interface PlotOptions<P extends Plot> {
  key: string;
  height: number;
  aria: string;
  items: Items<P>;
  /** What of a mark the chart shows; default: the item that it points to. */
  sees?: (mark: Mark) => unknown;
  box?: HTMLElement;
  /** Is told of the box's width before the chart takes it. */
  sized?: (width: number) => void;
}

/**
 * A chart on a canvas that takes part in the page: with a tooltip, arrow keys, Enter to pin and an aria-label, drawn again when what is
 * marked in it changes; made when it comes near the window.
 */
export function plot<P extends Plot>(
  context: Context,
  options: PlotOptions<P>,
  make: (canvas: HTMLCanvasElement, width: number, height: number) => P,
): Drawing<P> {
  const { key, height, aria, items } = options;
  const canvas = h('canvas', {
    key: `chart.${key}`,
    attrs: { tabindex: 0, role: 'img', 'aria-label': `${aria} ${keysOf(items)}` },
  });
  const box = options.box ?? h('div', { class: 'canvas-box', style: { height: `${height}px` } });
  box.append(canvas);
  const lazy = new LazyChart(canvas, box, make, options.sized);
  const stop = redrawn(context, lazy, options.sees ?? ((mark) => items.find(mark)));
  wire(context, canvas, lazy, items);
  context.onDispose(() => {
    stop();
    lazy.destroy();
  });
  return { box, canvas, lazy };
}

/** Draws a chart again when what is marked in it changes, so that a move of the pointer costs what it changes, not the page. */
function redrawn({ link }: Context, lazy: LazyChart<Plot>, sees: (mark: Mark) => unknown): () => void {
  const now = (): string => JSON.stringify([sees(link.current), sees(link.pinned)]);
  let drawn = now();
  return link.watch(() => {
    const next = now();
    if (next === drawn) return;
    drawn = next;
    lazy.redraw();
  });
}

function wire<P extends Plot>(context: Context, canvas: HTMLCanvasElement, lazy: LazyChart<P>, items: Items<P>): void {
  let cursor: number | null = null;
  const show = (item: number, x: number, y: number, byKey: boolean): void => {
    cursor = item;
    context.tip.show(x, y, items.tip(item), byKey);
    context.link.hover(items.mark(item));
  };
  const choose = (item: number): void => {
    const mark = items.mark(item);
    if (mark) context.link.toggle(mark);
    else items.act?.run(item);
  };
  const leave = (): void => {
    context.tip.hide();
    context.link.hover(null);
  };
  canvas.addEventListener('pointermove', (event) => {
    const rect = canvas.getBoundingClientRect();
    const item = items.at(event.clientX - rect.left, event.clientY - rect.top, lazy.now());
    if (item === null) leave();
    else show(item, event.clientX, event.clientY, false);
  });
  canvas.addEventListener('pointerleave', leave);
  canvas.addEventListener('blur', leave);
  canvas.addEventListener('click', (event) => {
    const rect = canvas.getBoundingClientRect();
    const item = items.at(event.clientX - rect.left, event.clientY - rect.top, lazy.now());
    if (item !== null) choose(item);
  });
  canvas.addEventListener('keydown', (event) => {
    if (items.count === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const start = (): number => Math.min(items.count - 1, cursor ?? items.find(context.link.current) ?? 0);
    let next: number | null = null;
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight' || event.key === 'ArrowUp' || event.key === 'ArrowDown')
      next = cursor === null && items.find(context.link.current) === null ? 0 : items.step(start(), event.key);
    else if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = items.count - 1;
    else if (event.key === 'Enter' || event.key === ' ') {
      choose(start());
      event.preventDefault();
      return;
    }
    if (next === null) return;
    event.preventDefault();
    items.reveal?.(next);
    const rect = canvas.getBoundingClientRect();
    const at = items.point(next, lazy.now()) ?? { x: rect.width / 2, y: rect.height / 2 };
    show(next, rect.left + at.x, rect.top + at.y, true);
  });
}

/** Sets the canvas font to the theme's. */
export function setFont(chart: Pick<Plot, 'ctx'>, palette: Palette, bold = false): void {
  chart.ctx.font = `${bold ? '600 ' : ''}${palette.size}px ${palette.font}`;
}
