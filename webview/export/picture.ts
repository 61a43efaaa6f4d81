import { recordSvg } from './recorder.js';
import { behind } from '../views/on-canvas.js';
import { paintElement } from './paint-dom.js';

/** Room around a picture, px. */
const MARGIN = 8;
/** Pixels of a PNG for one of the page. */
const SHARP = 2;
/** Widest or tallest PNG, pixels. */
const LARGEST = 16_000;

/** A figure of the page as a picture: its title, its evidence, its charts and legend, whole, on the theme's background. */
export class Picture {
  constructor(
    private readonly figure: HTMLElement,
    private readonly title: string,
    private readonly background: string,
  ) {}

  svg(): string {
    this.ready();
    return this.unfolded((width, height) => recordSvg(width, height, this.title, (ctx) => this.paint(ctx, width, height)));
  }

  /** base64 of a PNG. */
  png(): string {
    this.ready();
    return this.unfolded((width, height) => {
      const scale = Math.min(SHARP, LARGEST / Math.max(width, height));
      const canvas = document.createElement('canvas');
      canvas.width = Math.ceil(width * scale);
      canvas.height = Math.ceil(height * scale);
      const ctx = canvas.getContext('2d')!;
      ctx.scale(scale, scale);
      this.paint(ctx, width, height);
      return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
    });
  }

  /** Charts that nobody has come near yet are made: on the page, before the picture's own shapes are written down. */
  private ready(): void {
    for (const canvas of this.figure.querySelectorAll('canvas')) behind(canvas).chart?.();
  }

  private paint(ctx: CanvasRenderingContext2D, width: number, height: number): void {
    const { left, top } = this.figure.getBoundingClientRect();
    ctx.fillStyle = this.background;
    ctx.fillRect(0, 0, width, height);
    paintElement(ctx, this.figure, { x: left - MARGIN, y: top - MARGIN });
  }

  /** Does something while nothing of the figure is hidden in a scroll box: before the page is painted again, so that nobody sees it. */
  private unfolded<T>(work: (width: number, height: number) => T): T {
    this.figure.classList.add('exporting');
    try {
      const { width, height } = this.figure.getBoundingClientRect();
      return work(Math.max(width, this.figure.scrollWidth) + 2 * MARGIN, height + 2 * MARGIN);
    } finally {
      this.figure.classList.remove('exporting');
    }
  }
}
