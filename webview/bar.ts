import type { KeptStanding, ToHost } from '../src/residue/messages.js';
import type { Residue } from '../src/residue/types.js';
import { h } from './dom.js';
import { runLabel, verifyAsk, type Selection, type View } from './model/view.js';
import { addOptions, choice, dropdown, runButton } from './ui.js';

/** What of the page the bar tells beside the residue. */
interface BarState {
  running: boolean;
  /** Why nothing can be run; null where it can. */
  off: string | null;
  standing: KeptStanding | null;
}

/**
 * The shell's title, what runs it, and which run is shown. Drawn anew only when what it says has changed: while a shell runs, the page is
 * drawn with every step of it, and a drop-down that is made in each frame never gets to show its choice.
 */
export class Bar {
  readonly element = h('header', { class: 'bar' });
  /** What was drawn: all but the runs, and the runs. */
  private drawn = '';
  private runs: string[] = [];

  constructor(
    private readonly send: (message: ToHost) => void,
    private readonly set: (change: View) => void,
  ) {}

  clear(): void {
    this.element.replaceChildren();
    this.drawn = '';
  }

  update(residue: Residue, selection: Selection, { running, off, standing }: BarState): void {
    const { shell, control } = residue;
    const runs = residue.runs.map((run, i) => `${runLabel(run)}${i === residue.primary ? ' (headline)' : ''}`);
    const stale = standing?.stale ?? null;
    const now = JSON.stringify([
      [shell.id, shell.title, shell.motivation, running, off, stale, verifyAsk(residue)],
      [control !== null, selection.index, selection.prompt, runs.length > 1],
    ]);
    const before = this.runs;
    this.runs = runs;
    if (now === this.drawn && before.every((run, i) => run === runs[i])) {
      // Runs that have come since stand below those that were there.
      if (runs.length > 1 && runs.length > before.length)
        addOptions(this.element.querySelector('[data-key=run]')!, runs.slice(before.length));
      return;
    }
    this.drawn = now;
    this.draw(residue, selection, running, off, stale, runs);
  }

  private draw(
    residue: Residue,
    selection: Selection,
    running: boolean,
    off: string | null,
    stale: string | null,
    runs: readonly string[],
  ): void {
    const { shell } = residue;
    const { element, send } = this;
    const { activeElement } = document;
    const focused = activeElement instanceof HTMLElement && element.contains(activeElement) ? activeElement.dataset.key : undefined;
    const controls = [
      runs.length > 1 ? dropdown('Run', runs, selection.index, (run) => this.set({ run }), 'run') : null,
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
    ];
    element.replaceChildren(
      h(
        'div',
        { class: 'bar-title', title: shell.motivation || shell.title },
        h('h1', null, h('bdi', null, shell.title || shell.id)),
        shell.title ? h('bdi', { class: 'muted shell-id' }, shell.id) : null,
      ),
      ...(running
        ? []
        : [
            // The one thing to do where the result no longer holds.
            runButton(
              { off, send },
              'Run again',
              {},
              {
                key: 'run-again',
                title: stale === null ? 'Run the shell again' : 'Run the shell as it is now',
                primary: stale !== null,
              },
            ),
            runButton({ off, send }, 'Verify', verifyAsk(residue), {
              key: 'verify',
              title: 'Run the shell again and test every cause by intervention, each position on its own',
            }),
          ]),
      h('div', { class: 'bar-controls' }, ...controls),
    );
    if (focused) element.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}
