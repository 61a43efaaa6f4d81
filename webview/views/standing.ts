import type { KeptStanding, ToHost } from '../../src/residue/messages.js';
import { h } from '../dom.js';
import { button } from '../ui.js';

/** The line that says that a result was not computed just now, or no longer holds; nothing for one that was and does. The bar runs it again. */
export function standingElements(standing: KeptStanding | null): HTMLElement[] {
  if (!standing || (!standing.cached && standing.stale === null)) return [];
  const { at, stale } = standing;
  const time = h('time', { attrs: { datetime: at } }, timeText(at));
  return [
    stale === null
      ? h(
          'p',
          { class: 'banner cached' },
          h('b', null, 'cached'),
          ', run at ',
          time,
          ': what it depends on (shell, model, settings, seed) has not changed since.',
        )
      : h('p', { class: 'banner stale', attrs: { role: 'status' } }, h('b', null, 'stale'), `: ${stale} since this was run at `, time, '.'),
  ];
}

/** In the reader's own manner; a text that is no time as it is. */
function timeText(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** Why a residue file cannot be shown, and the way to its text. `before`: what is shown below is what it held before. */
export function fileProblem(message: string, before: boolean, send: (message: ToHost) => void): HTMLElement {
  return h(
    'div',
    { class: 'banner error', attrs: { role: 'alert' } },
    h('p', null, h('bdi', null, message)),
    before ? h('p', { class: 'muted' }, 'Below is what it held before.') : null,
    h(
      'p',
      { class: 'actions' },
      button('Open as text', () => send({ type: 'openText' }), { secondary: true, key: 'open-text' }),
    ),
  );
}

/** Width and height of the trend, px. */
const [WIDTH, HEIGHT] = [96, 20];

/** The margins of the last runs as a small line over its zero, with the way to the runs; nothing where there are fewer than two. */
export function trendElement(standing: KeptStanding | null, send: (message: ToHost) => void): HTMLElement[] {
  const known = standing?.trend.filter((value): value is number => value !== null) ?? [];
  if (!standing || known.length < 2) return [];
  const text = `margin of the last ${standing.trend.length} runs: ${nats(known[0]!)} to ${nats(known.at(-1)!)} nats`;
  return [
    h(
      'p',
      { class: 'trend' },
      drawTrend(standing.trend),
      h('span', { class: 'muted' }, text),
      h('button', { class: 'link', key: 'history', attrs: { type: 'button' }, on: { click: () => send({ type: 'history' }) } }, 'History'),
    ),
  ];
}

const nats = (value: number): string => value.toPrecision(3).replace('-', '−');

function drawTrend(trend: readonly (number | null)[]): SVGSVGElement {
  const known = trend.filter((value): value is number => value !== null);
  const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
  const y = (value: number): number => HEIGHT - 3 - ((value - low) / (high - low || 1)) * (HEIGHT - 6);
  const x = (i: number): number => 3 + (i / Math.max(1, trend.length - 1)) * (WIDTH - 6);
  const points = trend.flatMap((value, i) => (value === null ? [] : [[x(i), y(value)] as const]));
  const [lastX, lastY] = points.at(-1)!;
  return svg('svg', { class: 'trend-line', width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' }, [
    svg('line', { class: 'trend-zero', x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }),
    svg('polyline', { points: points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ') }),
    svg('circle', { cx: lastX, cy: lastY, r: 2.5 }),
  ]) as SVGSVGElement;
}

function svg(name: string, attributes: Record<string, string | number>, children: readonly SVGElement[] = []): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
