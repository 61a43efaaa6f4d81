import './report.css';
import { isToPage } from '../src/residue/guards.js';
import type { ToHost, ToPage } from '../src/residue/messages.js';

/**
 * What stands in for VS Code where the panel's page is a file of its own (a report): it hands the page its residue, paints VS Code's
 * variables by what the reader's system prefers, and does what a page asks of its host as far as a file can. Runs before the page.
 */

const OFF = 'This is a saved report. The command under Provenance runs it again.';

/** The class that VS Code would put on the body. */
function bodyClass(): string {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  if (matchMedia('(prefers-contrast: more)').matches) return dark ? 'vscode-high-contrast' : 'vscode-high-contrast-light';
  return dark ? 'vscode-dark' : 'vscode-light';
}

const THEMES = ['vscode-dark', 'vscode-light', 'vscode-high-contrast', 'vscode-high-contrast-light'];

function paint(): void {
  document.body.classList.remove(...THEMES);
  document.body.classList.add(bodyClass());
}

function send(message: ToPage): void {
  dispatchEvent(new MessageEvent('message', { data: message }));
}

/** Lets the reader save what a chart or table offers. */
function download({ name, mime, data }: Extract<ToHost, { type: 'save' }>): void {
  const bytes = mime === 'image/png' ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) : data;
  const url = URL.createObjectURL(new Blob([bytes], { type: mime }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A browser that gives a local file no clipboard still copies a selection.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** Opens the methods below at a method. */
function openMethods(anchor: string): void {
  const methods = document.getElementById('methods');
  if (methods instanceof HTMLDetailsElement) methods.open = true;
  (document.getElementById(`method-${anchor}`) ?? methods)?.scrollIntoView();
}

const VIEW = '#view=';

/** What the address asks to look at: an address that `link` gave, or none. */
function addressed(): Extract<ToPage, { type: 'view' }>['view'] | null {
  if (!location.hash.startsWith(VIEW)) return null;
  try {
    const view: unknown = JSON.parse(decodeURIComponent(location.hash.slice(VIEW.length)));
    const message = { type: 'view', view };
    return isToPage(message) && message.type === 'view' ? message.view : null;
  } catch {
    return null;
  }
}

function ready(): void {
  send({ type: 'off', reason: OFF });
  const view = addressed();
  if (view) send({ type: 'view', view });
  send({ type: 'residueText', json: document.getElementById('residue')?.textContent ?? '', shellUri: 'report' });
}

function receive(message: ToHost): void {
  switch (message.type) {
    case 'ready':
      ready();
      break;
    case 'link':
      location.hash = `${VIEW}${encodeURIComponent(JSON.stringify(message.view))}`;
      void copy(location.href);
      break;
    case 'pattern': {
      const { run, layer, head } = message;
      send({
        type: 'pattern',
        run,
        layer,
        head,
        reason: 'A saved report holds the rows of the answer position alone; open its residue in the editor.',
      });
      break;
    }
    case 'copy':
      void copy(message.text);
      break;
    case 'save':
      download(message);
      break;
    case 'openMethods':
      openMethods(message.anchor);
      break;
  }
}

Object.assign(globalThis, {
  acquireVsCodeApi: () => ({ postMessage: receive, getState: () => null, setState: () => undefined }),
});
paint();
for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) matchMedia(query).addEventListener('change', paint);
