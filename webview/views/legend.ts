import { h, type Child } from '../dom.js';

/** An entry of a legend: the mark, drawn by the class `swatch <mark>`, and what it stands for. */
export function key(mark: string, ...text: Child[]): HTMLElement {
  return h('span', { class: 'key' }, h('i', { class: `swatch ${mark}`, attrs: { 'aria-hidden': 'true' } }), ...text);
}
