import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chromium, type Browser, type CDPSession, type Page } from 'playwright-core';
import { chromiumArguments, ensureChromium } from '../../../scripts/chromium.mjs';
import { panelHtml } from '../../../src/editor/panel-html.js';
import { THEMES, type Theme } from './themes.js';

const ORIGIN = 'https://panel.test';
const NONCE = 'aGFybmVzc25vbmNl';

/** The page's files by path, as the extension serves them to a webview whose resources have this origin. */
export function pageFiles(origin: string): Record<string, { type: string; text: string }> {
  return {
    '/': {
      type: 'text/html',
      text: panelHtml({
        scriptUri: `${origin}/webview.js`,
        restUri: `${origin}/webview-rest.js`,
        controlsUri: `${origin}/webview-controls.js`,
        styleUri: `${origin}/webview.css`,
        nonce: NONCE,
        cspSource: origin,
      }),
    },
    '/webview.js': { type: 'text/javascript', text: readFileSync('dist/webview.js', 'utf8') },
    '/webview-rest.js': { type: 'text/javascript', text: readFileSync('dist/webview-rest.js', 'utf8') },
    '/webview-controls.js': { type: 'text/javascript', text: readFileSync('dist/webview-controls.js', 'utf8') },
    '/webview.css': { type: 'text/css', text: readFileSync('dist/webview.css', 'utf8') },
  };
}

/** What the page has posted, and what it has kept, as the harness's window holds it. */
interface HarnessWindow extends Window {
  posted: { type: string; [key: string]: unknown }[];
  kept: unknown;
  /** Posts a message and resolves when the page has received it. */
  deliver(message: unknown): Promise<void>;
  acquireVsCodeApi(): unknown;
}

/**
 * The panel's page alone in a real browser: its own html under its own Content-Security-Policy, the bundle, a stand-in for
 * VS Code's webview API that keeps its state over reloads, and the variables of a VS Code theme. Nothing reaches a network.
 */
export class PanelPage {
  /** Console errors, page errors and CSP reports, all of which a test wants to be none. */
  readonly faults: string[] = [];

  private session: CDPSession | undefined;

  private constructor(readonly page: Page) {}

  static async open(
    browser: Browser,
    options: { width?: number; height?: number; theme?: keyof typeof THEMES; scale?: number; first?: string; origin?: string } = {},
  ): Promise<PanelPage> {
    const { width = 700, height = 900, theme = 'dark', scale = 1 } = options;
    const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: scale });
    const panel = new PanelPage(page);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') panel.faults.push(message.text());
    });
    page.on('pageerror', (error) => panel.faults.push(error.message));
    const origin = options.origin ?? ORIGIN;
    // Of a server of its own the measurement asks directly: a request that goes through the test takes as long as the test does.
    if (!options.origin) {
      const files = pageFiles(ORIGIN);
      await page.route('**/*', (route) => {
        const { pathname, origin: from } = new URL(route.request().url());
        const file = from === ORIGIN ? files[pathname] : undefined;
        if (pathname === '/favicon.ico') return route.fulfill({ status: 204 });
        if (!file) {
          panel.faults.push(`asked for ${route.request().url()}`);
          return route.abort();
        }
        return route.fulfill({ contentType: `${file.type}; charset=utf-8`, body: file.text });
      });
    }
    await page.addInitScript(standIn, THEMES[theme]);
    if (options.first !== undefined) await page.addInitScript(answerReady, options.first);
    // Processor time of the main thread, so that a busy machine does not show in it.
    panel.session = await page.context().newCDPSession(page);
    await panel.session.send('Performance.enable', { timeDomain: 'threadTicks' });
    // With a new window the browser loads pages of its own (an address bar's), which are none of the panel's.
    if (options.origin) await page.waitForTimeout(1500);
    await page.goto(`${origin}/`);
    return panel;
  }

  /** Sends a message as the host would; `drawn` then waits until the page shows it. */
  async send(message: unknown): Promise<void> {
    await this.page.evaluate((data) => (window as unknown as HarnessWindow).deliver(data), message);
  }

  /** Sends a residue and waits until every section stands. Returns the page's own time for it, ms. */
  async show(residue: unknown, shellUri = 'file:///shell.yaml'): Promise<number> {
    await this.send({ type: 'residue', residue, shellUri });
    return this.drawn();
  }

  async drawn(): Promise<number> {
    await this.page.waitForFunction(() => document.body.dataset.drawn !== undefined);
    return Number(await this.page.evaluate(() => document.body.dataset.drawn));
  }

  /** Waits until what has just been done is drawn: two frames, then every section. */
  async settled(): Promise<void> {
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null)))));
    await this.drawn();
  }

  /** Has every chart made, as printing does: those out of sight wait for the reader. */
  whole(): Promise<void> {
    return this.page.evaluate(() => void dispatchEvent(new Event('beforeprint')));
  }

  /** Sends a whole attention pattern as the host would: as a typed array, which no JSON holds. */
  async sendPattern(message: { run: string; layer: number; head: number }, data: Float32Array): Promise<void> {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    await this.page.evaluate(
      ({ message: rest, bytes: text }) => {
        const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const numbers = new Float32Array(raw.buffer);
        const pattern = { type: 'pattern', ...rest, length: Math.sqrt(numbers.length), data: numbers };
        return (window as unknown as HarnessWindow).deliver(pattern);
      },
      { message, bytes },
    );
    await this.drawn();
  }

  /** Processor time that the page's main thread has spent, ms. */
  async busy(): Promise<number> {
    const { metrics } = await this.session!.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN);
  }

  /** ms from the navigation until a reader sees what `first` gave: its headline, and every chart of the window. */
  async firstPaint(): Promise<number> {
    await this.page.waitForFunction(() => document.body.dataset.painted !== undefined);
    return Number(await this.page.evaluate(() => document.body.dataset.painted));
  }

  /** Scrolls and points at the pattern for so many frames; the median frame, ms. */
  frames(count: number): Promise<number> {
    return this.page.evaluate(async (n) => {
      const box = document.querySelector<HTMLElement>('.pattern-box')!;
      const canvas = box.querySelector('canvas')!;
      const times: number[] = [];
      let before = await new Promise(requestAnimationFrame);
      for (let i = 0; i < n; i++) {
        box.scrollLeft += 9;
        box.scrollTop += 9;
        const { left, top } = canvas.getBoundingClientRect();
        canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: left + 120 + 2 * i, clientY: top + 60 + 2 * i }));
        const now = await new Promise(requestAnimationFrame);
        times.push(now - before);
        before = now;
      }
      return times.sort((a, b) => a - b)[n >> 1]!;
    }, count);
  }

  /** Messages of one type that the page has posted. */
  posted(type: string): Promise<{ type: string; [key: string]: unknown }[]> {
    return this.page.evaluate((wanted) => (window as unknown as HarnessWindow).posted.filter((m) => m.type === wanted), type);
  }

  /** Swaps the theme as VS Code does: the root's variables and the body's class. */
  async theme(name: keyof typeof THEMES): Promise<void> {
    await this.page.evaluate(applyTheme, THEMES[name]);
    await this.settled();
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

function applyTheme(theme: Theme): void {
  for (const [key, value] of Object.entries(theme.variables)) document.documentElement.style.setProperty(key, value);
  document.body.className = theme.bodyClass;
}

/** Runs in the page before any of its scripts. */
function standIn(theme: Theme): void {
  const harness = window as unknown as HarnessWindow;
  harness.posted = [];
  // Told after the page's own listener: what was still being drawn from before would else pass for this message's drawing.
  harness.deliver = (message) =>
    new Promise((received) => {
      addEventListener('message', () => received(), { once: true });
      harness.postMessage(message, '*');
    });
  harness.acquireVsCodeApi = () => ({
    postMessage: (message: { type: string }) => void harness.posted.push(message),
    getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown,
    setState: (state: unknown) => sessionStorage.setItem('state', JSON.stringify(state)),
  });
  const paint = (): void => {
    for (const [key, value] of Object.entries(theme.variables)) document.documentElement.style.setProperty(key, value);
    document.body.className = theme.bodyClass;
  };
  // The body does not exist yet; VS Code, too, has set it up before the page's script runs.
  new MutationObserver((_, observer) => {
    if (!document.body) return;
    observer.disconnect();
    paint();
  }).observe(document, { childList: true, subtree: true });
}

/**
 * Sends a residue as soon as the page says that it listens, as the host does, and notes when a reader sees it: the headline by the
 * browser's own clock of painting, and every chart of the window by the first frame that finds something painted on it.
 */
function answerReady(json: string): void {
  const harness = window as unknown as HarnessWindow;
  const make = harness.acquireVsCodeApi;
  const seen = { headline: 0, charts: 0 };
  const note = (): void => {
    if (seen.headline && seen.charts) document.body.dataset.painted = Math.max(seen.headline, seen.charts).toFixed(1);
  };
  new PerformanceObserver((list) => {
    seen.headline ||= list.getEntries()[0]?.startTime ?? 0;
    note();
  }).observe({ type: 'element', buffered: true });
  const inSight = (element: Element): boolean => {
    const { top, bottom } = element.getBoundingClientRect();
    return top < innerHeight && bottom > 0;
  };
  const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const isPainted = (canvas: HTMLCanvasElement): boolean => {
    copy.canvas.width = Math.max(1, canvas.width);
    copy.canvas.height = Math.max(1, canvas.height);
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, copy.canvas.width, copy.canvas.height).data.some((value) => value !== 0);
  };
  const look = (now: number): void => {
    const boxes = [...document.querySelectorAll('.canvas-box')].filter(inSight);
    const charts = boxes.flatMap((box) => [...box.querySelectorAll('canvas')]);
    if (boxes.length === 0 || charts.length < boxes.length || !charts.every(isPainted)) return void requestAnimationFrame(look);
    // What this frame finds was painted with the one before it.
    seen.charts = now;
    note();
  };
  // In memory, as VS Code's is.
  let state: unknown = null;
  harness.acquireVsCodeApi = () => {
    const api = make() as { postMessage(message: { type: string }): void };
    return {
      getState: () => state,
      setState: (next: unknown) => void (state = next),
      postMessage: (message: { type: string }) => {
        api.postMessage(message);
        if (message.type !== 'ready') return;
        window.postMessage({ type: 'residueText', json, shellUri: 'file:///shell.yaml' }, '*');
        requestAnimationFrame(look);
      },
    };
  };
}

/** Starts Chromium. */
export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
}

/** Bundles the page. */
export function buildPage(): void {
  execFileSync(process.execPath, ['esbuild.mjs', '--only=webview'], { stdio: 'ignore' });
}
