import './style.css';
import { isToPage, unwrap } from '../src/residue/guards.js';
import { Page } from './page.js';
import { Host } from './state.js';

/** Loads what the first paint does without, from where this script's element says; in a report it is there already. */
function later(): void {
  const own = document.querySelector<HTMLScriptElement>('script[data-controls]');
  if (!own) return;
  const script = document.createElement('script');
  script.nonce = own.nonce;
  script.src = own.dataset.controls ?? '';
  document.head.append(script);
}

// Bootstrap: paint what an earlier life of the page left, listen, then tell the host that it may send.
const host = new Host();
const app = document.getElementById('app');
if (app) {
  const page = new Page(app, host, later);
  addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = isToPage(event.data) ? unwrap(event.data) : null;
    if (isToPage(message)) page.receive(message);
  });
  // Not from here: a message notes where it was posted, for which the browser would read this whole script again.
  queueMicrotask(() => host.post({ type: 'ready' }));
}
