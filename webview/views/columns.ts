import type { Chart } from 'chart.js';
import { h } from '../dom.js';

/**
 * A wide chart in its own scroll box: the canvas stays put (with its axes) and is as wide as the box; scrolling changes which
 * columns it holds. A 1,024-token map is so never wider, nor heavier, than what is seen of it.
 */
export class Columns {
  readonly box: HTMLElement;
  readonly canvasBox: HTMLElement;
  from = 0;
  to = 0;
  private readonly spacer: HTMLElement;
  private readonly foot: HTMLElement;
  /** Of the box, px; 0 until it is known. */
  private boxWidth = 0;
  /** The column that is to be in sight at first. */
  private wanted: number | null = null;
  /** Its chart is no more; a scroll may still be told of. */
  private gone = false;

  /**
   * @param total number of columns
   * @param width least width of one, px
   * @param gutter what the axes take of the box's width, px
   * @param shown is called with the new window whenever it moved; returns the chart to redraw
   */
  constructor(
    private readonly total: number,
    private readonly width: number,
    private readonly gutter: number,
    height: number,
    label: string,
    private readonly shown: (from: number, to: number) => Chart | null,
    start = 0,
  ) {
    this.canvasBox = h('div', { class: 'canvas-box columns-canvas', style: { height: `${height}px` } });
    this.spacer = h('div', { class: 'columns-spacer' });
    this.box = h(
      'div',
      { class: 'columns', key: `columns.${label}`, attrs: { role: 'group', 'aria-label': label } },
      this.canvasBox,
      this.spacer,
    );
    this.foot = h('div', { class: 'note columns-note' });
    this.from = start;
    this.to = Math.min(total, start + 1);
    this.box.addEventListener('scroll', () => this.update());
  }

  /** Goes below the box: which columns are in sight. */
  get note(): HTMLElement {
    return this.foot;
  }

  /** Begins at a column, and ends with the chart. */
  start(onDispose: (dispose: () => void) => void, first: number | null): void {
    this.wanted = first;
    onDispose(() => (this.gone = true));
  }

  /** Takes the width of its box. */
  fit(width: number): void {
    this.boxWidth = width;
    this.layout();
    if (this.wanted !== null) this.reveal(this.wanted);
    this.wanted = null;
    this.update();
  }

  /** Scrolls so that a column is in sight. */
  reveal(column: number): void {
    const n = this.capacity;
    if (column >= this.from && column < this.to && this.to - this.from >= Math.min(n, this.total)) return;
    const target = Math.max(0, Math.min(this.total - n, column < this.from ? column : column - n + 1));
    // Only where there is something to scroll: to read or set it has the page laid out.
    if (n < this.total) this.box.scrollLeft = target * this.step;
    this.update();
  }

  private get capacity(): number {
    return Math.max(1, Math.min(this.total, Math.floor((this.boxWidth - this.gutter) / this.width)));
  }

  private get step(): number {
    return Math.max(1, (this.boxWidth - this.gutter) / this.capacity);
  }

  private layout(): void {
    const hidden = this.total - this.capacity;
    this.spacer.style.width = `${Math.ceil(this.boxWidth + hidden * this.step)}px`;
    this.box.classList.toggle('scrolls', hidden > 0);
  }

  private update(): void {
    if (this.gone) return;
    const n = this.capacity;
    const from = Math.max(0, Math.min(this.total - n, n < this.total ? Math.round(this.box.scrollLeft / this.step) : 0));
    if (from === this.from && from + n === this.to) return;
    this.from = from;
    this.to = from + n;
    this.foot.textContent = n < this.total ? `positions ${from} to ${from + n - 1} of ${this.total}; scroll for the others` : '';
    this.shown(this.from, this.to)?.update();
  }
}
