import type { Mark } from './model/view.js';

const NOTHING: Mark = { row: null, head: null, token: null };

/** What is hovered and pinned on the page. Every chart marks the same layer, head and token. */
export class Link {
  private hovered: Mark = NOTHING;
  private pins: Mark = NOTHING;
  private readonly watchers = new Set<() => void>();
  private queued = 0;

  /** @param onPin is told when the reader changes a pin. */
  constructor(private readonly onPin: (pins: Mark) => void) {}

  /** What is to be marked now: hovered before pinned. */
  get current(): Mark {
    return {
      row: this.hovered.row ?? this.pins.row,
      head: this.hovered.head ?? this.pins.head,
      token: this.hovered.token ?? this.pins.token,
    };
  }

  get pinned(): Mark {
    return this.pins;
  }

  hover(mark: Partial<Mark> | null): void {
    const next = { ...NOTHING, ...mark };
    if (same(next, this.hovered)) return;
    this.hovered = next;
    this.tell();
  }

  /** Pins a mark, or takes the pin away where it was already. */
  toggle(mark: Partial<Mark>): void {
    const next = { ...this.pins };
    if (mark.row !== undefined) next.row = next.row === mark.row ? null : mark.row;
    if (mark.token !== undefined) next.token = next.token === mark.token ? null : mark.token;
    if (mark.head !== undefined) next.head = sameHead(next.head, mark.head) ? null : mark.head;
    this.pin(next);
  }

  /** Pins a head, whether or not another was. */
  choose(head: [number, number]): void {
    this.pin({ ...this.pins, head });
  }

  /** Pins this mark and nothing else. */
  pinOnly(mark: Partial<Mark>): void {
    this.pin({ ...NOTHING, ...mark });
  }

  unpin(): void {
    this.hovered = NOTHING;
    this.pin(NOTHING);
  }

  /** Takes over pins that were restored; nobody is told of a change by the reader. */
  restore(pins: Mark): void {
    if (same(pins, this.pins)) return;
    this.pins = pins;
    this.tell();
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private pin(pins: Mark): void {
    this.pins = pins;
    this.tell();
    this.onPin(pins);
  }

  private tell(): void {
    if (this.queued) return;
    this.queued = requestAnimationFrame(() => {
      this.queued = 0;
      for (const watcher of this.watchers) watcher();
    });
  }
}

/** Handlers of an element that stands for a mark: pointing at it or coming to it by key lights it up, a click or Enter pins it. */
export function linked(link: Link, mark: Partial<Mark>): Record<string, (event: Event) => void> {
  const { head, row, token } = mark;
  // A head lights its layer up too, but the layer is not pinned with it.
  const pin: Partial<Mark> = head ? { head } : row != null ? { row } : { token };
  return {
    pointerenter: () => link.hover(mark),
    pointerleave: () => link.hover(null),
    focus: () => link.hover(mark),
    blur: () => link.hover(null),
    click: () => link.toggle(pin),
    keydown: (event) => {
      const { key, target, currentTarget } = event as KeyboardEvent;
      if ((key !== 'Enter' && key !== ' ') || target !== currentTarget) return;
      event.preventDefault();
      link.toggle(pin);
    },
  };
}

const sameHead = (a: Mark['head'], b: Mark['head']): boolean => a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1]);
const same = (a: Mark, b: Mark): boolean => a.row === b.row && a.token === b.token && sameHead(a.head, b.head);
