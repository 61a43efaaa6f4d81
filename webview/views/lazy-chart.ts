import { behind } from './on-canvas.js';
import type { Plot } from './plot.js';

/** How far from the window a chart is made and kept up to date, px. */
const NEAR = 600;

/**
 * A chart that is made when it comes near the window, and at its box's size. Until then its box keeps its place. A picture of it, a
 * key pressed in it or the page's printing make it at once.
 */
export class LazyChart<P extends Plot = Plot> {
  private chart: P | null = null;
  private width = 0;
  private height = 0;
  private near = false;
  /** Whether something has changed while it was out of sight. */
  private stale = false;

  /**
   * @param box the element whose size it takes
   * @param make is asked for the chart when it comes near, so that it tells of the page as it is then; the canvas has its size by then
   * @param sized is told of the box's width before the chart takes it
   */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly box: HTMLElement,
    private readonly make: (canvas: HTMLCanvasElement, width: number, height: number) => P,
    private readonly sized?: (width: number) => void,
  ) {
    charts.set(box, this);
    behind(canvas).chart = () => this.now();
    sizes.observe(box);
    sight.observe(box);
  }

  /** The chart, if it has been made. */
  get made(): P | null {
    return this.chart;
  }

  /** The chart; made now if it was not. */
  now(): P {
    if (this.chart) return this.chart;
    if (this.width === 0) {
      const { width, height } = this.box.getBoundingClientRect();
      this.take(width, height);
    }
    this.canvas.width = Math.max(1, Math.floor(this.width));
    this.canvas.height = Math.max(1, Math.floor(this.height));
    this.chart = this.make(this.canvas, this.width, this.height);
    return this.chart;
  }

  /** Paints it again, or leaves that to when it is near. */
  redraw(): void {
    if (this.near) this.chart?.draw();
    else this.stale = true;
  }

  /** The box has this size now. */
  take(width: number, height: number): void {
    if (width === 0 || (width === this.width && height === this.height)) return;
    this.width = width;
    this.height = height;
    this.sized?.(width);
    this.chart?.resize(width, height);
  }

  /** The chart is near the window now, or is no longer. */
  come(near: boolean): void {
    this.near = near;
    if (!near || this.width === 0) return;
    if (!this.chart) this.now();
    else if (this.stale) this.chart.draw();
    this.stale = false;
  }

  /** Another screen has other pixels. */
  sharpen(): void {
    this.chart?.resize(this.width, this.height);
  }

  destroy(): void {
    sizes.unobserve(this.box);
    sight.unobserve(this.box);
    charts.delete(this.box);
    delete behind(this.canvas).chart;
    this.chart?.destroy();
    this.chart = null;
  }
}

const charts = new Map<Element, LazyChart>();

const isNear = (element: Element): boolean => {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > -NEAR && top < innerHeight + NEAR;
};

// Told after the page is laid out and before it is painted: what is in sight at first is painted with it.
const sizes = new ResizeObserver((entries) => {
  // All is read before anything is drawn, or the page would be laid out for each.
  const told = entries.flatMap(({ target, contentRect }) => {
    const chart = charts.get(target);
    return chart ? [{ chart, contentRect, near: isNear(target) }] : [];
  });
  for (const { chart, contentRect, near } of told) {
    chart.take(contentRect.width, contentRect.height);
    if (near) chart.come(true);
  }
});

// Of this document's own window: around a frame within another page there would be no margin.
const sight = new IntersectionObserver(
  (entries) => entries.forEach(({ target, isIntersecting }) => charts.get(target)?.come(isIntersecting)),
  {
    root: document,
    rootMargin: `${NEAR}px 0px`,
  },
);

addEventListener('beforeprint', () => charts.forEach((chart) => chart.now()));

let ratio = devicePixelRatio;
addEventListener('resize', () => {
  if (devicePixelRatio === ratio) return;
  ratio = devicePixelRatio;
  charts.forEach((chart) => chart.sharpen());
});
