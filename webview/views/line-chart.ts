import { number } from '../model/format.js';
import { tickStep, ticksWithin } from '../model/ticks.js';
import { alpha, type Palette } from '../theme.js';
import type { Plot } from './plot.js';

export type PointStyle = 'circle' | 'triangle' | 'rect' | 'rectRot' | 'rectRounded' | 'crossRot';

/** A line with hollow points; null leaves a gap. */
export interface PlottedLine {
  y: (number | null)[];
  colour: string;
  point: PointStyle;
  dash: readonly number[];
  width: number;
}

export interface LineChartOptions {
  palette: Palette;
  /** The first is on top. */
  lines: readonly PlottedLine[];
  /** Whole numbers 0 … `last` on the x axis. */
  last: number;
  /** What the y axis holds at least. */
  low: number;
  high: number;
  titles: { x: string; y: string };
  /** Is drawn over the grid, under the lines. */
  under(chart: Plot): void;
  /** Is drawn over the lines, within their plane. */
  over(chart: Plot): void;
}

/** Room between a tick's label and the axis, farther than a point on the axis reaches, and around an axis title, px. */
const TICK = 6;
const TITLE = 2;
/** Least room between two labels of the x axis, px. */
const GAP = 8;
const ROOM = { top: 6, right: 8 };
/** Most ticks of the y axis. */
const MOST = 7;

/**
 * Lines over whole numbers, drawn by itself: the first chart that a reader sees. chart.js takes longer to come in and to draw it for the
 * first time than all else on the first screen; the charts below are its.
 */
export class LineChart implements Plot {
  ctx: CanvasRenderingContext2D;
  chartArea = { left: 0, top: 0, right: 0, bottom: 0 };
  readonly scales = {
    x: {
      getPixelForValue: (value: number): number => this.chartArea.left + (value / Math.max(1, this.options.last)) * this.across,
      getValueForPixel: (x: number): number => ((x - this.chartArea.left) / this.across) * Math.max(1, this.options.last),
    },
    y: {
      getPixelForValue: (value: number): number => this.chartArea.bottom - ((value - this.from) / (this.to - this.from)) * this.up,
      getValueForPixel: (y: number): number => this.from + ((this.chartArea.bottom - y) / this.up) * (this.to - this.from),
    },
  };
  private width = 0;
  private height = 0;
  private readonly ys: number[];

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly options: LineChartOptions,
    private readonly after: (chart: Plot) => void,
  ) {
    this.ctx = canvas.getContext('2d')!;
    this.ys = ticksWithin(options.low, options.high, MOST);
  }

  resize(width: number, height: number): void {
    this.width = Math.floor(width);
    this.height = Math.floor(height);
    this.canvas.width = Math.floor(this.width * devicePixelRatio);
    this.canvas.height = Math.floor(this.height * devicePixelRatio);
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.draw();
  }

  draw(): void {
    this.ctx.clearRect(0, 0, this.width, this.height);
    this.paint();
  }

  /** Draws on another context, for a picture. */
  paintOn(ctx: CanvasRenderingContext2D): void {
    const own = this.ctx;
    this.ctx = ctx;
    try {
      this.paint();
    } finally {
      this.ctx = own;
    }
  }

  destroy(): void {
    this.canvas.width = this.canvas.height = 0;
  }

  private get from(): number {
    return this.ys[0]!;
  }

  private get to(): number {
    return this.ys.at(-1)!;
  }

  private get across(): number {
    return this.chartArea.right - this.chartArea.left;
  }

  private get up(): number {
    return this.chartArea.bottom - this.chartArea.top;
  }

  private paint(): void {
    const { ctx, options } = this;
    ctx.save();
    this.axes();
    options.under(this);
    for (const line of [...options.lines].reverse()) this.line(line);
    options.over(this);
    ctx.restore();
    this.after(this);
  }

  /** Lays the plane out around the axes' labels and draws both. */
  private axes(): void {
    const { ctx, ys } = this;
    const { palette, titles, last } = this.options;
    ctx.font = `${palette.size}px ${palette.font}`;
    const line = palette.size * 1.2;
    const texts = ys.map((y) => number(y, 4));
    const wide = Math.max(...texts.map((text) => ctx.measureText(text).width));
    const left = line + 2 * TITLE + wide + TICK + 1;
    // The last label of the x axis stands half beyond the plane.
    const right = this.width - Math.max(ROOM.right, Math.ceil(ctx.measureText(number(last, 4)).width / 2));
    const bottom = this.height - (line + 2 * TITLE) - (line + TICK + 1);
    const top = Math.max(ROOM.top, Math.ceil(line / 2));
    this.chartArea = { left, right, top, bottom };
    const xs = this.columns(ctx.measureText(number(last, 4)).width);
    const at = (value: number, scale: 'x' | 'y'): number => Math.round(this.scales[scale].getPixelForValue(value)) + 0.5;
    ctx.lineWidth = 1;
    ctx.strokeStyle = palette.kind === 'contrast' ? alpha(palette.foreground, 0.4) : palette.grid;
    ctx.beginPath();
    for (const x of xs) this.stroke(at(x, 'x'), top, at(x, 'x'), bottom);
    for (const y of ys) this.stroke(left, at(y, 'y'), right, at(y, 'y'));
    ctx.stroke();
    ctx.strokeStyle = palette.border;
    ctx.beginPath();
    this.stroke(at(0, 'x'), top, at(0, 'x'), bottom);
    this.stroke(left, at(this.from, 'y'), right, at(this.from, 'y'));
    ctx.stroke();
    ctx.fillStyle = palette.muted;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'right';
    ys.forEach((y, i) => ctx.fillText(texts[i]!, left - TICK - 1, this.scales.y.getPixelForValue(y)));
    ctx.textAlign = 'center';
    for (const x of xs) ctx.fillText(number(x, 4), this.scales.x.getPixelForValue(x), bottom + TICK + 1 + line / 2);
    ctx.fillText(titles.x, (left + right) / 2, this.height - TITLE - line / 2);
    ctx.save();
    ctx.translate(TITLE + line / 2, (top + bottom) / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.fillText(titles.y, 0, 0);
    ctx.restore();
    ctx.textAlign = 'left';
  }

  /** The whole numbers that have a tick, as many as have room for their labels. */
  private columns(label: number): number[] {
    const { last } = this.options;
    const step = tickStep(((label + GAP) * Math.max(1, last)) / this.across);
    return Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step);
  }

  private stroke(x: number, y: number, toX: number, toY: number): void {
    this.ctx.moveTo(x, y);
    this.ctx.lineTo(toX, toY);
  }

  private line({ y, colour, point, dash, width }: PlottedLine): void {
    const { ctx, scales, options } = this;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.setLineDash([...dash]);
    ctx.lineJoin = 'miter';
    ctx.beginPath();
    let gap = true;
    y.forEach((value, x) => {
      if (has(value)) ctx[gap ? 'moveTo' : 'lineTo'](scales.x.getPixelForValue(x), scales.y.getPixelForValue(value));
      gap = !has(value);
    });
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.lineWidth = 1.5;
    ctx.fillStyle = options.palette.background;
    const r = y.length > 36 ? 2.5 : 4;
    y.forEach((value, x) => {
      if (!has(value)) return;
      shape(ctx, point, scales.x.getPixelForValue(x), scales.y.getPixelForValue(value), r);
      ctx.fill();
      ctx.stroke();
    });
    ctx.restore();
  }
}

/** Whether there is a point: a gap is null, and what is infinite has no place. */
const has = (value: number | null): value is number => value !== null && Number.isFinite(value);

/** Begins the path of a point of about radius r. */
function shape(ctx: CanvasRenderingContext2D, style: PointStyle, x: number, y: number, r: number): void {
  ctx.beginPath();
  const through = (...points: (readonly [number, number])[]): void => {
    points.forEach(([dx, dy], i) => ctx[i ? 'lineTo' : 'moveTo'](x + dx, y + dy));
    ctx.closePath();
  };
  const half = r * Math.SQRT1_2;
  if (style === 'circle') ctx.arc(x, y, r, 0, 2 * Math.PI);
  else if (style === 'triangle') through([0, -r], [r * 0.87, r / 2], [-r * 0.87, r / 2]);
  else if (style === 'rectRot') through([0, -r], [r, 0], [0, r], [-r, 0]);
  else if (style === 'rect') ctx.rect(x - half, y - half, 2 * half, 2 * half);
  else if (style === 'rectRounded') {
    const c = half / 2;
    through([-half, -c], [-c, -half], [c, -half], [half, -c], [half, c], [c, half], [-c, half], [-half, c]);
  } else {
    through([-half, -half], [half, half]);
    through([-half, half], [half, -half]);
  }
}
