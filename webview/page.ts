import { comparisonIn } from '../src/residue/guards.js';
import type { KeptStanding, ToHost, ToPage } from '../src/residue/messages.js';
import type { Comparison } from '../src/residue/types-comparison.js';
import type { Residue } from '../src/residue/types.js';
import { Bar } from './bar.js';
import { h } from './dom.js';
import { rest, withRest } from './later.js';
import { Link } from './link.js';
import { select, type View } from './model/view.js';
import { PatternStore } from './patterns.js';
import { SECTIONS } from './sections.js';
import { Drawn } from './slots.js';
import { statusElements, type Failure, type Progress } from './status.js';
import type { Host } from './state.js';
import { onThemeChange, readPalette } from './theme.js';
import { Tip } from './tip.js';
import type { Context } from './views/context.js';

/** Sections on the first screen: verdict, comparison where there is one, tokens and margin. */
const FIRST = 3;

/** How long the parts below are drawn before the reader's clicks and the next frame have their turn, ms. */
const SLICE = 8;

/** The residue panel: holds what was received and what the reader chose, and draws sections of it. */
export class Page {
  residue: Residue | null = null;
  private comparison: Comparison | null = null;
  private shellUri = '';
  private view: View = {};
  progress: Progress | null = null;
  failure: Failure | null = null;
  empty = false;
  /** Why nothing can be run; null where it can. */
  off: string | null = null;
  standing: KeptStanding | null = null;
  private palette = readPalette();
  private readonly tip = new Tip();
  private readonly link = new Link(({ row, head, token }) => this.set({ row, head: head && head.join('.'), token }));
  private readonly patterns = new PatternStore((message) => this.host.post(message));
  private readonly bar = new Bar(
    (message) => this.send(message),
    (change) => this.set(change),
  );
  private readonly status = h('div', { class: 'status', attrs: { 'aria-live': 'polite' } });
  private readonly main = h('main', { class: 'main' });
  private readonly drawn: Drawn[][];
  private readonly sections: HTMLElement[];
  private pending = 0;
  /** A comparison that has just come and is to be scrolled to. */
  private unseen = false;
  private generation = 0;
  private told = false;
  /** What is to be kept as soon as the page has been painted, and whether the host is to be told of it. */
  private unsaved: { tell: boolean } | null = null;
  /** A residue has come, and the host waits to hear that it is drawn. */
  private owed = false;
  private restoreScroll: number | null = null;
  /** Id of the part that a link leads to, until it has been scrolled to. */
  private goal: string | null = null;

  constructor(
    app: HTMLElement,
    private readonly host: Host,
    /** Is called once, after the first paint. */
    private readonly painted: (page: Page) => void,
  ) {
    this.drawn = SECTIONS.map((section) => section.slots.map((slot) => new Drawn(slot)));
    this.sections = SECTIONS.map((section, i) => {
      const id = `title-${section.id}`;
      return h(
        'section',
        { class: 'section', id: section.id, attrs: { 'aria-labelledby': id } },
        h('h2', { id, class: section.id === 'verdict' ? 'sr' : '' }, section.title),
        h('div', { class: section.columns ? 'columns-2' : '' }, ...this.drawn[i]!.map((d) => d.element)),
      );
    });
    app.replaceChildren(this.bar.element, this.status, this.main, this.tip.element, this.tip.live);
    const saved = host.restore();
    if (saved) {
      this.shellUri = saved.shellUri;
      this.view = saved.view;
      this.residue = saved.residue;
      this.patterns.begin(this.residue);
      this.comparison = saved.comparison;
      this.restoreScroll = typeof saved.view.scroll === 'number' ? saved.view.scroll : null;
    }
    this.draw();
    onThemeChange(() => {
      this.palette = readPalette();
      this.draw();
    });
    addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.tip.hide();
      this.link.unpin();
    });
    // What a mouse reads by resting on something, the keyboard reads by coming to it.
    addEventListener('focusin', ({ target }) => {
      if (!(target instanceof HTMLElement) || !target.title || !target.matches(':focus-visible')) return;
      this.tip.beside(target, target.title.split('\n'));
      target.addEventListener('blur', () => this.tip.hide(), { once: true });
    });
    addEventListener('scroll', () => {
      this.tip.hide();
      if (this.restoreScroll === null && this.residue) this.keep({ scroll: Math.round(scrollY) });
    });
  }

  /** Takes a checked message from the host. */
  receive(message: ToPage): void {
    switch (message.type) {
      case 'residue':
        if (this.shellUri && message.shellUri !== this.shellUri) {
          this.view = {};
          this.comparison = null;
        }
        this.shellUri = message.shellUri;
        this.residue = message.residue;
        this.owed = true;
        this.patterns.begin(this.residue);
        this.failure = null;
        this.empty = false;
        if (message.residue.status !== 'running') this.progress = null;
        this.save(false);
        break;
      case 'progress':
        this.progress = message;
        this.empty = false;
        this.failure = null;
        break;
      case 'error':
        this.failure = message;
        // What had arrived of a run that failed stays, and nothing more is being computed.
        if (this.residue?.status === 'running') this.residue = { ...this.residue, status: 'cancelled', cancelledAt: this.progress?.stage };
        this.progress = null;
        this.empty = false;
        break;
      case 'empty':
        this.empty = true;
        this.residue = null;
        this.progress = null;
        this.failure = null;
        this.save(false);
        break;
      case 'comparison':
        this.comparison = comparisonIn(message);
        this.save(false);
        // Asked for just now: to be seen without looking for it.
        this.unseen = this.comparison !== null;
        break;
      case 'standing':
        this.standing = message.standing;
        break;
      case 'off':
        this.off = message.reason;
        break;
      case 'view': {
        const { section, ...view } = message.view;
        this.view = { ...this.view, ...view };
        if (typeof section === 'string') this.goal = section;
        this.save(false);
        break;
      }
      case 'pattern':
        this.patterns.receive(message);
        break;
      case 'copyLink':
        this.copyLink(this.inSight());
        return;
    }
    this.schedule();
  }

  /** Changes the reader's choices, keeps them, and draws what depends on them. */
  private set(change: View): void {
    this.keep(change);
    this.schedule();
  }

  private keep(change: View): void {
    this.view = { ...this.view, ...change };
    this.save(true);
  }

  private save(tell: boolean): void {
    // Before the page knows its shell there is nothing that could be given back.
    if (!this.shellUri) return;
    // Writing half a megabyte down would come between the drawing and its frame.
    if (!this.told) return void (this.unsaved = { tell: tell || this.unsaved?.tell === true });
    this.host.save({ shellUri: this.shellUri, view: this.view, residue: this.residue, comparison: this.comparison }, tell);
  }

  readonly send = (message: ToHost): void => this.host.post(message);

  private schedule(): void {
    // What stands is out of date from now on, not from the next frame.
    delete document.body.dataset.drawn;
    if (this.pending) return;
    // The first residue goes into the frame that comes, not into the one after.
    if (this.residue && this.generation === 0) return this.draw();
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  private draw(): void {
    const began = performance.now();
    delete document.body.dataset.drawn;
    const { residue } = this;
    document.body.classList.toggle('contrast', this.palette.kind === 'contrast');
    this.drawStatus();
    this.main.hidden = !residue;
    if (!residue) {
      this.bar.clear();
      // A page without a residue is painted as it is.
      if (this.empty || this.failure || this.progress) afterFrame(() => this.first());
      return;
    }
    // It stands above the tokens, which would be pushed down by it.
    if (this.comparison && !rest()) {
      this.first();
      return withRest(() => this.schedule());
    }
    const selection = select(residue, this.view);
    this.link.restore(selection.pinned);
    const context: Context = {
      residue,
      comparison: this.comparison,
      closeComparison: () => this.closeComparison(),
      selection,
      palette: this.palette,
      view: this.view,
      link: this.link,
      tip: this.tip,
      patterns: this.patterns,
      set: (change) => this.set(change),
      send: this.send,
      copyLink: (section) => this.copyLink(section),
      off: this.off,
      onDispose: () => undefined,
    };
    this.bar.update(residue, selection, {
      running: residue.status === 'running' || this.progress !== null,
      off: this.off,
      standing: this.standing,
    });
    const wanted = this.sections.filter((_, i) => SECTIONS[i]!.when?.(context) !== false);
    if (wanted.length !== this.main.children.length) this.main.replaceChildren(...wanted);
    // What is on the first screen now; the rest in later tasks, after that has been painted.
    const mine = ++this.generation;
    const slots = this.drawn.map((list) => [...list]);
    for (const slot of slots.splice(0, FIRST).flat()) if (!slot.later || rest()) slot.update(context);
    const waiting = slots.flat();
    const below = (): void => {
      if (mine !== this.generation) return;
      const until = performance.now() + SLICE;
      while (waiting.length > 0 && performance.now() < until) waiting.shift()!.update(context);
      if (waiting.length > 0) return void setTimeout(below);
      if (this.goal !== null) this.restoreScroll = null;
      if (this.restoreScroll !== null) scrollTo(0, this.restoreScroll);
      this.reachGoal();
      this.restoreScroll = null;
      if (this.unseen) this.sections[SECTIONS.findIndex(({ id }) => id === 'compare')]?.scrollIntoView();
      this.unseen = false;
      if (this.pending) return;
      document.body.dataset.drawn = (performance.now() - began).toFixed(0);
      if (this.owed) this.host.post({ type: 'drawn' });
      this.owed = false;
    };
    afterFrame(() => {
      this.first();
      withRest(below);
    });
  }

  /** The page has been painted with what it is to show. */
  private first(): void {
    if (this.told) return;
    this.told = true;
    if (this.unsaved) this.save(this.unsaved.tell);
    this.unsaved = null;
    this.painted(this);
  }

  /** Scrolls to what a link leads to, and puts the focus there, so that the keyboard goes on from it. */
  private reachGoal(): void {
    const { goal } = this;
    this.goal = null;
    const element = goal === null ? null : document.getElementById(goal);
    if (!element || !this.main.contains(element)) return;
    element.scrollIntoView();
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
  }

  /** Id of the figure, or else the section, at the top of the window. */
  private inSight(): string {
    const at = (elements: Iterable<Element>): Element | undefined =>
      [...elements].find((element) => element.getBoundingClientRect().bottom > Math.min(120, innerHeight / 4));
    if (scrollY === 0) return this.sections[0]!.id;
    return (at(this.main.querySelectorAll('.figure[id]')) ?? at(this.main.children))?.id ?? this.sections[0]!.id;
  }

  private copyLink(section: string): void {
    if (!this.residue) return;
    const { run, prompt, shading, span, pinned } = select(this.residue, this.view);
    const { row, head, token } = pinned;
    const seen = { run: run?.name ?? null, prompt, shading, span, row, head: head && head.join('.'), token };
    this.send({ type: 'link', view: { ...this.view, ...seen, section } });
  }

  private closeComparison(): void {
    this.comparison = null;
    this.send({ type: 'compare', with: 'none' });
    this.save(false);
    this.schedule();
  }

  private drawStatus(): void {
    this.status.replaceChildren(...statusElements(this));
  }
}

/** Does something once the next frame has been handed over to be painted. A window that nobody sees has no frames. */
function afterFrame(work: () => void): void {
  if (document.hidden) setTimeout(work);
  else requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(work)));
}
