import type { KeptStanding, ToHost } from '../../src/residue/messages.js';
import { h } from '../dom.js';
import { button, runButton } from '../ui.js';

/** The line that says that a result was not computed just now, or no longer holds; nothing for one that was and does. */
export function standingElements(standing: KeptStanding | null, page: { off: string | null; send(message: ToHost): void }): HTMLElement[] {
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
          ': what it depends on (shell, model, settings, seed) has not changed since. ',
          runButton(page, 'Run again', {}, { key: 'run-cached', title: 'Compute it anew' }),
        )
      : h(
          'p',
          { class: 'banner stale', attrs: { role: 'status' } },
          h('b', null, 'stale'),
          `: ${stale} since this was run at `,
          time,
          '. ',
          runButton(page, 'Run again', {}, { key: 'run-stale', title: 'Run the shell as it is now' }),
        ),
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
