import type { KeptStanding, ToHost, ToPage } from '../src/residue/messages.js';
import type { Residue } from '../src/residue/types.js';
import { h } from './dom.js';
import { button, runButton } from './ui.js';
import { fileProblem, standingElements, trendElement } from './views/standing.js';

export type Progress = Extract<ToPage, { type: 'progress' }>;
export type Failure = Extract<ToPage, { type: 'error' }>;

/** How the run stands, as far as the page knows. */
export interface Standing {
  residue: Residue | null;
  progress: Progress | null;
  failure: Failure | null;
  empty: boolean;
  /** Why nothing can be run; null where it can. */
  off: string | null;
  /** Whether what is shown was kept, and still holds. */
  standing: KeptStanding | null;
  send(message: ToHost): void;
}

/** What stands above the sections: how far the run is, why it failed, or what to do first. */
export function statusElements(standing: Standing): HTMLElement[] {
  const { residue, progress, failure, empty } = standing;
  const lines: HTMLElement[] = [];
  if (failure) lines.push(failure.file ? fileProblem(failure.message, residue !== null, standing.send) : failureElement(standing, failure));
  if (!failure && (progress || residue?.status === 'running')) lines.push(progressElement(standing, progress));
  if (residue?.status === 'cancelled' && !progress && !failure)
    lines.push(
      h(
        'p',
        { class: 'banner cancelled' },
        h('b', null, `cancelled${residue.cancelledAt ? ` at ${residue.cancelledAt}` : ''}`),
        '. What had arrived is kept below.',
      ),
    );
  if (residue && !progress && !failure)
    lines.push(...standingElements(standing.standing), ...trendElement(standing.standing, standing.send));
  if (empty)
    lines.push(
      h(
        'div',
        { class: 'empty' },
        h('p', null, standing.off ?? 'Run the shell to see where in the model its answer was lost.'),
        runButton(standing, 'Run shell', {}, { key: 'run', primary: true }),
      ),
    );
  if (!residue && !empty && !failure && !progress)
    lines.push(
      h('div', { class: 'skeleton', style: { height: '120px' }, attrs: { role: 'img', 'aria-label': 'Waiting for the residue' } }),
    );
  return lines;
}

function progressElement({ send }: Standing, progress: Progress | null): HTMLElement {
  const total = progress?.total ?? 0;
  // A share of a hundred steps may fall between two of them.
  const text = progress ? `${progress.stage}${total > 0 ? `: ${Math.floor(progress.done)} of ${total}` : ''}` : 'Running';
  const bar = h('progress', {
    attrs: { 'aria-label': text, ...(total > 0 ? { max: total, value: Math.min(progress!.done, total) } : {}) },
  });
  return h(
    'div',
    { class: 'banner progress' },
    h('bdi', { class: 'progress-text' }, text),
    bar,
    button('Cancel', () => send({ type: 'cancel' }), { secondary: true, key: 'cancel' }),
  );
}

function failureElement(standing: Standing, { message, place }: Failure): HTMLElement {
  const { residue, send } = standing;
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
              on: { click: () => send({ type: 'reveal', line: place.line, column: place.column }) },
            },
            h('bdi', null, `${place.file}:${place.line}:${place.column}`),
          )
        : null,
      h(
        'span',
        { class: 'muted' },
        place ? 'Correct it there, then run again.' : 'Run again; if it stays, the output channel “Symbolic Residue” says more.',
      ),
      // Over a residue the bar has it.
      residue ? null : runButton(standing, 'Run again', {}, { key: 'retry' }),
    ),
    residue ? h('p', { class: 'muted' }, `Below is the residue made before, at ${residue.created}.`) : null,
  );
}
