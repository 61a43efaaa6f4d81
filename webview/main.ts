import './style.css';
import { isToPage, unwrap } from '../src/residue/guards.js';
import { Page } from './page.js';
import { Host } from './state.js';

// Bootstrap: paint what an earlier life of the page left, listen, then tell the host that it may send.
const host = new Host();
const app = document.getElementById('app');
if (app) {
  const page = new Page(app, host);
  addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = isToPage(event.data) ? unwrap(event.data) : null;
    if (isToPage(message)) page.receive(message);
  });
  host.post({ type: 'ready' });
}
