import { h } from '../dom.js';

/** A legend's strip of colours, low to high. */
export function rampBar(colours: readonly string[], label: string): HTMLCanvasElement {
  const bar = h('canvas', { class: 'ramp', attrs: { width: colours.length, height: 1, role: 'img', 'aria-label': label } });
  const ctx = bar.getContext('2d');
  colours.forEach((c, i) => {
    if (!ctx) return;
    ctx.fillStyle = c;
    ctx.fillRect(i, 0, 1, 1);
  });
  return bar;
}
