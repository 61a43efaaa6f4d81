import { h } from './dom.js';
import type { Context } from './views/context.js';

/** A part of the page that is drawn anew only when what it depends on has changed. */
export interface Slot {
  id: string;
  /** Everything the drawing reads; compared by identity, then by content. */
  depends(context: Context): unknown[];
  draw(context: Context): (HTMLElement | null)[];
  /** Drawn by the page's second script. */
  later?: true;
}

/** Keeps one slot's element, its last dependencies and what to undo before it is drawn again. */
export class Drawn {
  readonly element: HTMLElement;
  private before: unknown[] | null = null;
  private disposers: (() => void)[] = [];

  /** Whether the page's second script draws it. */
  get later(): boolean {
    return this.slot.later === true;
  }

  constructor(private readonly slot: Slot) {
    this.element = h('div', { class: 'slot', attrs: { 'data-slot': slot.id } });
  }

  /** Draws if needed; returns whether it did. A fault in one part leaves the others standing. */
  update(context: Context): boolean {
    const now = this.slot.depends(context);
    if (this.before && same(this.before, now)) return false;
    this.before = now;
    this.dispose();
    const began = performance.now();
    let content: (HTMLElement | null)[];
    try {
      content = this.slot.draw({ ...context, onDispose: (dispose) => this.disposers.push(dispose) });
    } catch (error) {
      this.dispose();
      content = [
        h(
          'p',
          { class: 'note bad', attrs: { role: 'alert' } },
          `This part could not be drawn: ${error instanceof Error ? error.message : String(error)}`,
        ),
      ];
    }
    const focused =
      document.activeElement instanceof HTMLElement && this.element.contains(document.activeElement)
        ? document.activeElement.dataset.key
        : undefined;
    this.element.replaceChildren(...content.filter((c): c is HTMLElement => c !== null));
    // In the profiler's timings track, one bar per part.
    performance.measure(`draw ${this.slot.id}`, { start: began });
    if (focused) this.element.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    return true;
  }

  dispose(): void {
    for (const dispose of this.disposers.splice(0)) dispose();
  }
}

function same(a: unknown[], b: unknown[]): boolean {
  return (
    a.length === b.length &&
    a.every((x, i) => Object.is(x, b[i]) || (typeof x === typeof b[i] && JSON.stringify(x) === JSON.stringify(b[i])))
  );
}
