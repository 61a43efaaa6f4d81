import { h } from '../dom.js';
import { behind } from './on-canvas.js';

/** A legend's strip of colours, low to high. */
export function rampBar(colours: readonly string[], label: string): HTMLCanvasElement {
  const bar = h('canvas', { class: 'ramp', attrs: { width: colours.length, height: 1, role: 'img', 'aria-label': label } });
  const paint = (ctx: CanvasRenderingContext2D, width: number, height: number, over: number): void =>
    colours.forEach((colour, i) => {
      const step = width / colours.length;
      ctx.fillStyle = colour;
      ctx.fillRect(i * step, 0, Math.min(step + over, width - i * step), height);
    });
  const ctx = bar.getContext('2d');
  if (ctx) paint(ctx, colours.length, 1, 0);
  // In a picture a little over each other, for viewers leave a seam between shapes that only touch.
  behind(bar).paint = (to) => paint(to, bar.offsetWidth, bar.offsetHeight, 0.2);
  return bar;
}
