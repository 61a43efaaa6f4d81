import './style.css';
import { isToPage } from '../src/residue/guards.js';
import { Page } from './page.js';
import { Host } from './state.js';

// Bootstrap: paint what an earlier life of the page left, listen, then tell the host that it may send.
const host = new Host();
const app = document.getElementById('app');
if (app) {
  const page = new Page(app, host);
  addEventListener('message', (event: MessageEvent<unknown>) => {
    if (isToPage(event.data)) page.receive(event.data);
  });
  host.post({ type: 'ready' });
}
