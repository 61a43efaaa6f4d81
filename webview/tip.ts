import { h } from './dom.js';

/** The one tooltip of the page, and the live region that says the same to a screen reader on keyboard moves. */
export class Tip {
  readonly element = h('div', { class: 'tip', attrs: { role: 'tooltip', hidden: true } });
  readonly live = h('div', { class: 'sr', attrs: { 'aria-live': 'polite' } });

  /** Shows lines beside a point of the viewport, moved so that it stays inside. */
  show(x: number, y: number, lines: readonly string[], announce = false): void {
    this.element.replaceChildren(...lines.map((line, i) => h('div', { class: i === 0 ? 'tip-head' : 'tip-line' }, line)));
    this.element.hidden = false;
    const { offsetWidth: w, offsetHeight: height } = this.element;
    const left = x + 14 + w > innerWidth ? Math.max(4, x - w - 14) : x + 14;
    const top = Math.min(Math.max(4, y - height - 10 < 4 ? y + 16 : y - height - 10), Math.max(4, innerHeight - height - 4));
    this.element.style.left = `${left}px`;
    this.element.style.top = `${top}px`;
    if (announce) this.live.textContent = lines.join(', ');
  }

  /** Shows lines at an element's corner. */
  beside(element: Element, lines: readonly string[]): void {
    const { left, top } = element.getBoundingClientRect();
    this.show(left, top, lines);
  }

  hide(): void {
    this.element.hidden = true;
  }
}
