import type { ToHost, ToPage } from '../src/residue/messages.js';
import type { Residue } from '../src/residue/types.js';
import { h } from './dom.js';
import { Link } from './link.js';
import { runLabel, select, type View } from './model/view.js';
import { SECTIONS } from './sections.js';
import { Drawn } from './slots.js';
import type { Host } from './state.js';
import { onThemeChange, readPalette } from './theme.js';
import { Tip } from './tip.js';
import { button, choice, dropdown } from './ui.js';
import type { Context } from './views/context.js';

type Progress = Extract<ToPage, { type: 'progress' }>;
type Failure = Extract<ToPage, { type: 'error' }>;

/** The residue panel: holds what was received and what the reader chose, and draws sections of it. */
export class Page {
  private residue: Residue | null = null;
  private shellUri = '';
  private view: View = {};
  private progress: Progress | null = null;
  private failure: Failure | null = null;
  private empty = false;
  private palette = readPalette();
  private readonly tip = new Tip();
  private readonly link = new Link(({ row, head, token }) => this.set({ row, head: head && head.join('.'), token }));
  private readonly bar = h('header', { class: 'bar' });
  private readonly status = h('div', { class: 'status', attrs: { 'aria-live': 'polite' } });
  private readonly main = h('main', { class: 'main' });
  private readonly drawn: Drawn[][];
  private pending = 0;
  private generation = 0;
  private restoreScroll: number | null = null;

  constructor(
    app: HTMLElement,
    private readonly host: Host,
  ) {
    this.drawn = SECTIONS.map((section) => section.slots.map((slot) => new Drawn(slot)));
    SECTIONS.forEach((section, i) => {
      const id = `title-${section.id}`;
      this.main.append(
        h(
          'section',
          { class: 'section', id: section.id, attrs: { 'aria-labelledby': id } },
          h('h2', { id, class: section.id === 'verdict' ? 'sr' : '' }, section.title),
          h('div', { class: section.columns ? 'columns-2' : '' }, ...this.drawn[i]!.map((d) => d.element)),
        ),
      );
    });
    app.replaceChildren(this.bar, this.status, this.main, this.tip.element, this.tip.live);
    const saved = host.restore();
    if (saved) {
      this.shellUri = saved.shellUri;
      this.view = saved.view;
      this.residue = saved.residue;
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
    addEventListener('scroll', () => {
      this.tip.hide();
      if (this.restoreScroll === null && this.residue) this.keep({ scroll: Math.round(scrollY) });
    });
  }

  /** Takes a checked message from the host. */
  receive(message: ToPage): void {
    switch (message.type) {
      case 'residue':
        if (this.shellUri && message.shellUri !== this.shellUri) this.view = {};
        this.shellUri = message.shellUri;
        this.residue = message.residue;
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
      case 'view':
        this.view = { ...this.view, ...message.view };
        this.save(false);
        break;
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
    this.host.save({ shellUri: this.shellUri, view: this.view, residue: this.residue }, tell);
  }

  private readonly send = (message: ToHost): void => this.host.post(message);

  private schedule(): void {
    if (this.pending) return;
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
      this.bar.replaceChildren();
      return;
    }
    const selection = select(residue, this.view);
    this.link.restore(selection.pinned);
    const context: Context = {
      residue,
      selection,
      palette: this.palette,
      view: this.view,
      link: this.link,
      tip: this.tip,
      set: (change) => this.set(change),
      send: this.send,
      onDispose: () => undefined,
    };
    this.drawBar(context);
    // What is on the first screen now; the rest in later tasks, so that the first paint does not wait for it.
    const mine = ++this.generation;
    this.update(0, context);
    this.update(1, context);
    const rest = (i: number): void => {
      if (mine !== this.generation) return;
      if (i >= SECTIONS.length) {
        if (this.restoreScroll !== null) scrollTo(0, this.restoreScroll);
        this.restoreScroll = null;
        document.body.dataset.drawn = (performance.now() - began).toFixed(0);
        return;
      }
      this.update(i, context);
      setTimeout(() => rest(i + 1));
    };
    setTimeout(() => rest(2));
  }

  private update(index: number, context: Context): void {
    for (const drawn of this.drawn[index] ?? []) drawn.update(context);
  }

  private drawBar({ residue, selection }: Context): void {
    const { shell } = residue;
    const running = residue.status === 'running' || this.progress !== null;
    const focused =
      document.activeElement instanceof HTMLElement && this.bar.contains(document.activeElement)
        ? document.activeElement.dataset.key
        : undefined;
    const controls = [
      residue.runs.length > 1
        ? dropdown(
            'Run',
            residue.runs.map((r, i) => `${runLabel(r)}${i === residue.primary ? ' (headline)' : ''}`),
            selection.index,
            (run) => this.set({ run }),
            'run',
          )
        : null,
      residue.control
        ? choice(
            'Show',
            [
              { value: 'probe', text: 'probe', title: 'Show tokens, parts and map of the probe' },
              { value: 'control', text: 'control', title: 'Show tokens, parts and map of the control' },
            ],
            selection.prompt,
            (prompt) => this.set({ prompt }),
            'prompt',
          )
        : null,
    ].filter((c) => c !== null);
    this.bar.replaceChildren(
      h(
        'div',
        { class: 'bar-title', title: shell.motivation || shell.title },
        h('h1', null, h('bdi', null, shell.title || shell.id)),
        shell.title ? h('bdi', { class: 'muted shell-id' }, shell.id) : null,
      ),
      running
        ? ''
        : button('Run again', () => this.send({ type: 'run' }), { secondary: true, key: 'run-again', title: 'Run the shell again' }),
      h('div', { class: 'bar-controls' }, ...controls),
    );
    if (focused) this.bar.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  private drawStatus(): void {
    const { residue, progress, failure } = this;
    const lines: HTMLElement[] = [];
    if (failure) lines.push(this.failureElement(failure));
    if (!failure && (progress || residue?.status === 'running')) lines.push(this.progressElement(progress));
    if (residue?.status === 'cancelled' && !progress && !failure)
      lines.push(
        h(
          'p',
          { class: 'banner cancelled' },
          h('b', null, `cancelled${residue.cancelledAt ? ` at ${residue.cancelledAt}` : ''}`),
          '. What had arrived is kept below.',
        ),
      );
    if (this.empty)
      lines.push(
        h(
          'div',
          { class: 'empty' },
          h('p', null, 'Run the shell to see where in the model its answer was lost.'),
          button('Run shell', () => this.send({ type: 'run' }), { key: 'run' }),
        ),
      );
    if (!residue && !this.empty && !failure && !progress)
      lines.push(
        h('div', { class: 'skeleton', style: { height: '120px' }, attrs: { role: 'img', 'aria-label': 'Waiting for the residue' } }),
      );
    this.status.replaceChildren(...lines);
  }

  private progressElement(progress: Progress | null): HTMLElement {
    const total = progress?.total ?? 0;
    const text = progress ? `${progress.stage}${total > 0 ? `: ${progress.done} of ${total}` : ''}` : 'Running';
    const bar = h('progress', {
      attrs: { 'aria-label': text, ...(total > 0 ? { max: total, value: Math.min(progress!.done, total) } : {}) },
    });
    return h(
      'div',
      { class: 'banner progress' },
      h('bdi', { class: 'progress-text' }, text),
      bar,
      button('Cancel', () => this.send({ type: 'cancel' }), { secondary: true, key: 'cancel' }),
    );
  }

  private failureElement({ message, place }: Failure): HTMLElement {
    return h(
      'div',
      { class: 'banner error', attrs: { role: 'alert' } },
      h('p', null, h('bdi', null, message)),
      h(
        'p',
        { class: 'actions' },
        place
          ? h(
              'button',
              {
                class: 'link',
                key: 'place',
                attrs: { type: 'button' },
                on: { click: () => this.send({ type: 'reveal', line: place.line, column: place.column }) },
              },
              h('bdi', null, `${place.file}:${place.line}:${place.column}`),
            )
          : null,
        h(
          'span',
          { class: 'muted' },
          place ? 'Correct it there, then run again.' : 'Run again; if it stays, the output channel “Symbolic Residue” says more.',
        ),
        button('Run again', () => this.send({ type: 'run' }), { secondary: true, key: 'retry' }),
      ),
      this.residue ? h('p', { class: 'muted' }, `Below is the residue made before, at ${this.residue.created}.`) : null,
    );
  }
}
