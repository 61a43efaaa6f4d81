import './style.css';
import { isToPage, unwrap } from '../src/residue/guards.js';
import { Page } from './page.js';
import { Host } from './state.js';

/** Loads what the first paint does without, from where this script's element says; in a report it is there already. */
function later(page: Page): void {
  const own = document.querySelector<HTMLScriptElement>('script[data-rest]');
  if (!own) return;
  const load = (src = ''): HTMLScriptElement => {
    const script = document.createElement('script');
    script.nonce = own.nonce;
    script.src = src;
    document.head.append(script);
    return script;
  };
  load(own.dataset.rest).addEventListener('error', () =>
    page.receive({
      type: 'error',
      message: 'The lower part of the panel could not be loaded: close the panel and open it again.',
      place: null,
    }),
  );
  load(own.dataset.controls);
}

// Bootstrap: paint what an earlier life of the page left, listen, then tell the host that it may send.
const host = new Host();
const app = document.getElementById('app');
if (app) {
  const page = new Page(app, host, later);
  addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = isToPage(event.data) ? unwrap(event.data) : null;
    if (isToPage(message)) page.receive(message);
    // Of one that cannot be drawn the host need not wait to hear.
    else if (isToPage(event.data)) host.post({ type: 'drawn' });
  });
  // Not from here: a message notes where it was posted, for which the browser would read this whole script again.
  queueMicrotask(() => host.post({ type: 'ready' }));
}
