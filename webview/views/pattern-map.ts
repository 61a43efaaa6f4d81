import type { RunTrace } from '../../src/residue/types.js';
import { h } from '../dom.js';
import { behind } from './on-canvas.js';
import { isDrawing } from '../export/recorder.js';
import { visible } from '../model/format.js';
import { cellTip, pooled, shade, shadedRuns, type Pattern } from '../model/pattern.js';
import { revealed, zoomed, type Square } from '../model/square.js';
import { rampColours, rgba } from '../theme.js';
import type { Context } from './context.js';

/** Room for labels around the plot, px. */
const LEFT = 92;
const BOTTOM = 92;
/** The same where positions stand in place of tokens. */
const BOTTOM_NUMBERS = 44;
const TOP = 20;
const RIGHT = 8;
/** Largest side of the plot, px. */
const SIDE = 480;
/** Least width of a cell that has its token written beside it, px. */
const LABELLED = 12;
const STEPS = 256;
/** Most cells that a drawing holds as shapes. Beyond, each is smaller than 4 px, and viewers and editors labour at so many: it holds an image. */
const SHAPES = 128 * 128;

/**
 * A whole attention pattern on one canvas: queries downwards, keys to the right, as in papers. Its pixels are made once for each head and
 * level of detail; a frame copies what is in sight of them and draws the labels, so that 1,024 tokens scroll as fast as the screen shows.
 */
export class PatternMap {
  readonly box: HTMLElement;
  readonly ramp: string[];
  private readonly canvas: HTMLCanvasElement;
  private readonly spacer = h('div', { class: 'pattern-spacer' });
  private readonly levels: (HTMLCanvasElement | undefined)[] = [];
  private square: Square;
  private side = 0;
  private cursor: { query: number; key: number } | null = null;
  private queued = 0;

  constructor(
    private readonly context: Context,
    private readonly run: RunTrace,
    private readonly name: string,
    private readonly pattern: Pattern,
    aria: string,
  ) {
    const { length } = pattern;
    this.square = { total: length, shown: length, x: 0, y: 0 };
    this.ramp = rampColours(context.palette.background, context.palette.foreground, STEPS);
    this.canvas = h('canvas', {
      key: 'chart.pattern',
      attrs: {
        tabindex: 0,
        role: 'img',
        'aria-label': `${aria} Arrow keys move over queries and keys, plus and minus zoom, Enter pins the key, Escape unpins.`,
      },
    });
    this.box = h('div', { class: 'pattern-box', key: 'pattern.box' }, this.canvas, this.spacer);
    behind(this.canvas).paint = (ctx) => this.paint(ctx);
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.box);
    const unwatch = context.link.watch(() => this.schedule());
    context.onDispose(() => {
      observer.disconnect();
      unwatch();
      cancelAnimationFrame(this.queued);
    });
    this.listen();
  }

  /** Shows fewer cells (factor above 1), more, or all (null). */
  zoom(factor: number | null, at?: { query: number; key: number }): void {
    const { total, shown } = this.square;
    const focus = at ?? this.cursor;
    this.square = zoomed(
      this.square,
      factor === null ? total : shown / factor,
      focus ? focus.key + 0.5 : undefined,
      focus ? focus.query + 0.5 : undefined,
    );
    // Where tokens come or go beside their cells, so does the room for them.
    if (this.canvas.offsetHeight !== TOP + this.side + this.bottom) this.resize();
    else this.place();
  }

  private get bottom(): number {
    return this.cell >= LABELLED ? BOTTOM : BOTTOM_NUMBERS;
  }

  private get cell(): number {
    return this.side / this.square.shown;
  }

  private resize(): void {
    const width = this.box.clientWidth;
    if (width === 0) return;
    this.side = Math.max(80, Math.min(SIDE, width - LEFT - RIGHT));
    const scale = devicePixelRatio || 1;
    const [w, tall] = [LEFT + this.side + RIGHT, TOP + this.side + this.bottom];
    this.canvas.style.width = `${w}px`;
    this.canvas.style.height = `${tall}px`;
    // Room for a scroll bar, so that nothing moves when there is one.
    this.box.style.height = `${tall + 16}px`;
    this.canvas.width = Math.round(w * scale);
    this.canvas.height = Math.round(tall * scale);
    this.place();
  }

  /** Sets the scroll bars by the window on the pattern. */
  private place(): void {
    const hidden = this.side * (this.square.total / this.square.shown - 1);
    this.spacer.style.width = `${LEFT + this.side + RIGHT + hidden}px`;
    this.spacer.style.height = `${hidden}px`;
    this.box.classList.toggle('scrolls', hidden > 0);
    this.box.scrollLeft = this.square.x * this.cell;
    this.box.scrollTop = this.square.y * this.cell;
    this.schedule();
  }

  private schedule(): void {
    this.queued ||= requestAnimationFrame(() => {
      this.queued = 0;
      const ctx = this.canvas.getContext('2d');
      if (!ctx || this.side === 0) return;
      const scale = devicePixelRatio || 1;
      ctx.setTransform(scale, 0, 0, scale, 0, 0);
      ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.paint(ctx);
    });
  }

  /** Everything, in px of the page. */
  private paint(ctx: CanvasRenderingContext2D): void {
    const { palette } = this.context;
    const { side, cell } = this;
    const { x, y, shown } = this.square;
    ctx.save();
    const level = cell >= 1 ? 0 : Math.ceil(Math.log2(1 / cell));
    if (isDrawing(ctx) && shown * shown <= SHAPES) this.paintCells(ctx);
    else {
      const raster = this.raster(level);
      const step = 2 ** level;
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(raster, x / step, y / step, shown / step, shown / step, LEFT, TOP, side, side);
    }
    ctx.strokeStyle = palette.border;
    ctx.lineWidth = 1;
    ctx.strokeRect(LEFT + 0.5, TOP + 0.5, side - 1, side - 1);
    this.paintMarks(ctx);
    this.paintLabels(ctx);
    ctx.restore();
  }

  /** What is in sight of the pattern as shapes: one path for each shade, its cells along a query joined where they are alike. */
  private paintCells(ctx: CanvasRenderingContext2D): void {
    const { side, cell, ramp } = this;
    const { x, y, shown } = this.square;
    const paths = shadedRuns(this.pattern, { x, y, shown }, STEPS);
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, TOP, side, side);
    ctx.clip();
    ctx.fillStyle = ramp[0]!;
    ctx.fillRect(LEFT, TOP, side, side);
    for (const [step, runs] of paths) {
      ctx.fillStyle = ramp[step]!;
      ctx.beginPath();
      // A little over its edges, for viewers leave a seam between shapes that only touch.
      for (const { query, from, to } of runs)
        ctx.rect(LEFT + (from - x) * cell, TOP + (query - y) * cell, (to - from) * cell + 0.2, cell + 0.2);
      ctx.fill();
    }
    ctx.restore();
  }

  private paintMarks(ctx: CanvasRenderingContext2D): void {
    const { palette, link } = this.context;
    const { cell, side, cursor } = this;
    const { x, y } = this.square;
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, TOP, side, side);
    ctx.clip();
    ctx.strokeStyle = palette.focus;
    const size = Math.max(cell, 1);
    for (const [token, line] of [
      [link.pinned.token, 2],
      [link.current.token, 1],
    ] as const) {
      if (token === null || token >= this.square.total) continue;
      ctx.lineWidth = line;
      ctx.strokeRect(LEFT + (token - x) * cell, TOP, size, side);
      ctx.strokeRect(LEFT, TOP + (token - y) * cell, side, size);
    }
    if (cursor) {
      ctx.lineWidth = 2;
      ctx.strokeRect(LEFT + (cursor.key - x) * cell - 1, TOP + (cursor.query - y) * cell - 1, size + 2, size + 2);
    }
    ctx.restore();
  }

  /** Tokens where there is room for them, else positions; spans as bars over their keys. */
  private paintLabels(ctx: CanvasRenderingContext2D): void {
    const { palette } = this.context;
    const { cell, side, run } = this;
    const { x, y, shown, total } = this.square;
    ctx.font = `${palette.size}px ${palette.font}`;
    ctx.fillStyle = palette.muted;
    ctx.textBaseline = 'middle';
    const every = cell >= LABELLED ? 1 : ([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((n) => n * cell >= 44) ?? total);
    const text = (i: number): string => (every === 1 ? visible(run.tokens[i]?.text ?? '', 12) : String(i));
    const range = (from: number): number[] =>
      Array.from({ length: Math.ceil(shown) + 1 }, (_, i) => Math.floor(from) + i).filter(
        (i) => i % every === 0 && i < total && i + 0.5 >= from && i + 0.5 <= from + shown,
      );
    ctx.textAlign = 'right';
    for (const q of range(y)) if (ctx.measureText(text(q)).width < LEFT - 20) ctx.fillText(text(q), LEFT - 5, TOP + (q + 0.5 - y) * cell);
    for (const k of range(x)) {
      if (ctx.measureText(text(k)).width > BOTTOM - 22) continue;
      ctx.save();
      ctx.translate(LEFT + (k + 0.5 - x) * cell, TOP + side + 5);
      if (every === 1) ctx.rotate(-Math.PI / 2);
      else {
        ctx.textAlign = 'center';
        ctx.textBaseline = 'top';
      }
      ctx.fillText(text(k), 0, 0);
      ctx.restore();
    }
    ctx.textAlign = 'center';
    ctx.fillText('key (what is looked at)', LEFT + side / 2, TOP + side + (every === 1 ? BOTTOM - 7 : 30));
    ctx.save();
    ctx.translate(8, TOP + side / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.fillText('query', 0, 0);
    ctx.restore();
    ctx.textAlign = 'left';
    let free = LEFT;
    Object.entries(run.spans)
      .sort((a, b) => a[1][0] - b[1][0])
      .forEach(([name, [from, to]], i) => {
        const left = LEFT + Math.max(0, from - x) * cell;
        const right = LEFT + Math.min(shown, to - x) * cell;
        if (right <= left) return;
        ctx.fillStyle = palette.spans[i % palette.spans.length]!;
        ctx.fillRect(left, TOP - 5, Math.max(2, right - left), 4);
        ctx.fillStyle = palette.foreground;
        const w = ctx.measureText(name).width;
        if (left < free || left + w > LEFT + side) return;
        ctx.fillText(name, left, TOP - 13);
        free = left + w + 6;
      });
  }

  /** The pattern's pixels, one a cell, halved `level` times. */
  private raster(level: number): HTMLCanvasElement {
    const known = this.levels[level];
    if (known) return known;
    const { data, length } = pooled(this.pattern, level);
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = length;
    const ctx = canvas.getContext('2d')!;
    const image = ctx.createImageData(length, length);
    const pixels = new Uint32Array(image.data.buffer);
    const ink = Uint32Array.from(this.ramp, (colour) => {
      const [r, g, b] = rgba(colour);
      return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    });
    for (let i = 0; i < data.length; i++) pixels[i] = ink[Math.round(shade(data[i]!) * (STEPS - 1))]!;
    ctx.putImageData(image, 0, 0);
    this.levels[level] = canvas;
    return canvas;
  }

  private listen(): void {
    const { canvas, box } = this;
    const { link } = this.context;
    box.addEventListener('scroll', () => {
      if (this.side === 0) return;
      const { total, shown } = this.square;
      const last = total - shown;
      this.square = { total, shown, x: Math.min(last, box.scrollLeft / this.cell), y: Math.min(last, box.scrollTop / this.cell) };
      this.schedule();
    });
    box.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.at(event) ?? undefined);
      },
      { passive: false },
    );
    canvas.addEventListener('pointermove', (event) => {
      const at = this.at(event);
      if (at) this.point(at, event.clientX, event.clientY, false);
      else this.leave();
    });
    canvas.addEventListener('pointerleave', () => this.leave());
    canvas.addEventListener('blur', () => this.leave());
    canvas.addEventListener('click', (event) => {
      const at = this.at(event);
      if (at) link.toggle({ token: at.key });
    });
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  private at({ clientX, clientY }: MouseEvent): { query: number; key: number } | null {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [px, py] = [clientX - left - LEFT, clientY - top - TOP];
    if (px < 0 || py < 0 || px >= this.side || py >= this.side) return null;
    const last = this.square.total - 1;
    return {
      key: Math.min(last, Math.floor(this.square.x + px / this.cell)),
      query: Math.min(last, Math.floor(this.square.y + py / this.cell)),
    };
  }

  private point(at: { query: number; key: number }, x: number, y: number, byKey: boolean): void {
    this.cursor = at;
    this.context.tip.show(x, y, cellTip(this.run, this.name, this.pattern, at.query, at.key), byKey);
    this.context.link.hover({ token: at.key });
    this.schedule();
  }

  private leave(): void {
    this.cursor = null;
    this.context.tip.hide();
    this.context.link.hover(null);
    this.schedule();
  }

  private key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { link } = this.context;
    const last = this.square.total - 1;
    const here = this.cursor ?? { query: this.run.position, key: link.current.token ?? this.run.position };
    const { query, key } = here;
    // Never into the future.
    const moves: Record<string, { query: number; key: number }> = {
      ArrowLeft: { query, key: Math.max(0, key - 1) },
      ArrowRight: { query, key: Math.min(query, key + 1) },
      ArrowUp: { query: Math.max(0, query - 1), key: Math.min(key, Math.max(0, query - 1)) },
      ArrowDown: { query: Math.min(last, query + 1), key },
      Home: { query, key: 0 },
      End: { query, key: query },
    };
    const next = this.cursor === null && event.key in moves ? here : moves[event.key];
    if (next) {
      this.square = revealed(this.square, next.key, next.query);
      this.place();
      const { left, top } = this.canvas.getBoundingClientRect();
      const { x, y } = this.square;
      this.point(next, left + LEFT + (next.key + 1 - x) * this.cell, top + TOP + (next.query - y) * this.cell, true);
    } else if (event.key === '+' || event.key === '=') this.zoom(1.5);
    else if (event.key === '-') this.zoom(1 / 1.5);
    else if (event.key === '0') this.zoom(null);
    else if (event.key === 'Enter' || event.key === ' ') link.toggle({ token: key });
    else return;
    event.preventDefault();
  }
}
