import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { inject, vi } from 'vitest';
import { chromiumArguments } from '../../scripts/chromium.mjs';
import { serveEditor, type EditorServer } from '../../scripts/code-server.mjs';

export interface WindowOptions {
  /** Files written into the workspace besides the copy of shells/. */
  files?: Record<string, string>;
  settings?: Record<string, unknown>;
  /** Settings of scope `machine`. */
  machineSettings?: Record<string, unknown>;
  trust?: boolean;
  /** Name of the file to show at the start. */
  show?: string;
}

/** A VS Code window in a real browser with the packaged extension, on a workspace of its own. */
export class EditorWindow {
  /** What the browser said against the pages' security policy. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly folder: string,
    readonly server: EditorServer,
    private readonly browser: Browser,
  ) {
    page.on('console', (message) => {
      const { url } = message.location();
      if (/Content Security Policy/i.test(message.text()) && /symbolic-residue|webview/.test(url)) this.complaints.push(message.text());
    });
  }

  static async open({ files = {}, settings = {}, machineSettings, trust = true, show }: WindowOptions = {}): Promise<EditorWindow> {
    const scratch = mkdtempSync(join(tmpdir(), 'residue-workspace-'));
    const folder = join(scratch, 'shells');
    cpSync('shells', folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const server = await serveEditor({
      folder,
      file: show && join(folder, show),
      extensions: [inject('vsix')],
      settings: { 'editor.minimap.enabled': false, 'workbench.colorTheme': 'Dark Modern', ...settings },
      machineSettings,
      trust,
    });
    const browser = await chromium.launch({ executablePath: inject('chromium'), args: chromiumArguments });
    const context = await browser.newContext({ viewport: { width: 1500, height: 950 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    // A busy machine takes its time: what a test waits for is the state, not the clock.
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const window = new EditorWindow(page, folder, server, browser);
    await page.goto(server.url);
    await window.ready();
    return window;
  }

  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
    rmSync(dirname(this.folder), { recursive: true, force: true, maxRetries: 5 });
  }

  async openFile(name: string): Promise<void> {
    await this.pickFile(name);
    await this.page.locator(`.editor-group-container.active .tab.active[data-resource-name="${name}"]`).waitFor();
    await this.page.locator('.editor-group-container.active .monaco-editor.focused').waitFor();
  }

  /**
   * Does something until it shows: the key or click went to what was just being replaced, or came before whoever answers it was ready.
   *
   * @param shown What is to be seen then.
   */
  async persist(act: () => Promise<unknown>, shown: Locator, tries = 4): Promise<void> {
    for (let i = 1; ; i++) {
      await act().catch((error: unknown) => {
        if (i === tries) throw error;
      });
      try {
        await shown.first().waitFor({ timeout: 20_000 });
        return;
      } catch (error) {
        if (i === tries) throw error;
      }
    }
  }

  /** Chooses an entry of what a right click opens, by its label. */
  async contextMenu(target: Locator, label: string): Promise<void> {
    const menu = this.page.locator('.monaco-menu');
    const entry = menu.locator('.action-label', { hasText: label }).first();
    await target.click({ button: 'right' });
    await entry.waitFor();
    // A menu takes no click in the moment in which it opens.
    for (let i = 0; i < 20 && (await menu.count()) > 0; i++) {
      await entry.click({ timeout: 5000 }).catch(() => undefined);
      await menu.waitFor({ state: 'detached', timeout: 1000 }).catch(() => undefined);
    }
  }

  /** Opens the list of completions at the cursor, and waits for one with this text. */
  async suggest(text: string): Promise<Locator> {
    const row = this.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: text }).first();
    await this.persist(async () => {
      if ((await row.count()) === 0) await this.page.keyboard.press('Control+Space');
    }, row);
    return row;
  }

  /** Writes a file of the workspace, again where the folder's watcher missed it, until that shows. */
  async write(name: string, text: string, shown?: Locator): Promise<void> {
    const put = (): Promise<void> => Promise.resolve(writeFileSync(join(this.folder, name), text));
    await (shown ? this.persist(put, shown) : put());
  }

  /** Waits until VS Code has written its own state down (in a browser every five seconds, when idle) and that holds a text, or does not. */
  async stateKept(text: string, holds: boolean, timeout = 90_000): Promise<void> {
    const held = (): Promise<boolean> =>
      this.page.evaluate(async (wanted) => {
        const all = <T>(request: IDBRequest<T>): Promise<T> =>
          new Promise((done, fail) => {
            request.onsuccess = () => done(request.result);
            request.onerror = () => fail(new Error(String(request.error)));
          });
        for (const { name } of await indexedDB.databases()) {
          if (!name?.startsWith('vscode-web-state-db')) continue;
          const base = await all(indexedDB.open(name));
          try {
            for (const store of base.objectStoreNames) {
              const values: unknown[] = await all(base.transaction(store).objectStore(store).getAll());
              if (values.some((value) => typeof value === 'string' && value.includes(wanted))) return true;
            }
          } finally {
            base.close();
          }
        }
        return false;
      }, text);
    await vi.waitUntil(async () => (await held()) === holds, { timeout, interval: 500 });
  }

  /** Opens a file in whichever editor it has. */
  async openAny(name: string): Promise<void> {
    await this.pickFile(name);
    await this.page.locator(`.editor-group-container.active .tab.active[data-resource-name="${name}"]`).waitFor();
  }

  /** Picks a file by name. A file that was written a moment ago is not always among those that are searched, so the list is asked for again. */
  private async pickFile(name: string): Promise<void> {
    const row = this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${name}"]`).first();
    for (let i = 0; ; i++) {
      await this.quickInput('Control+P', name);
      try {
        await row.click({ timeout: 15_000 });
        return;
      } catch (error) {
        if (i === 4) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
  }

  /** Opens a quick input with a key and fills it. The key is pressed again where it went to a page that was just being shown. */
  private async quickInput(key: string, text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input.input');
    for (let i = 0; ; i++) {
      await this.page.keyboard.press(key);
      try {
        await input.waitFor({ timeout: 15_000 });
        await input.fill(text, { timeout: 15_000 });
        return;
      } catch (error) {
        if (i === 4) throw error;
      }
    }
  }

  /** One empty editor group, nothing open and nothing said, as at the start; unsaved changes are dropped. */
  async reset(): Promise<void> {
    // What a test that failed has left running. Escape would hide what tells of it.
    if ((await this.toast('Running ').count()) > 0) await this.command('Symbolic Residue: Cancel Run').catch(() => undefined);
    await this.runsEnded();
    await this.page.keyboard.press('Escape');
    while ((await this.page.locator('.tab.dirty').count()) > 0) {
      await this.page.locator('.tab.dirty').first().click();
      await this.command('View: Revert and Close Editor');
    }
    await this.command('View: Close All Editors');
    await this.command('Notifications: Clear All Notifications');
    await this.page.locator('.tab').first().waitFor({ state: 'detached' });
  }

  async theme(label: string): Promise<void> {
    await this.command('Preferences: Color Theme');
    await this.page.locator('.quick-input-widget input.input').fill(label);
    await this.page.locator('.quick-input-list .monaco-list-row').getByText(label, { exact: true }).first().click();
  }

  /** Runs a command of the palette by its full title. */
  async command(title: string): Promise<void> {
    await this.quickInput('F1', `>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row').getByText(title, { exact: true }).first().click();
  }

  /** The code lens with this text. */
  lens(text: string): Locator {
    return this.page.locator('.codelens-decoration a', { hasText: text }).first();
  }

  /** The residue panel's page. */
  panel(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready[src*="extensionId=symbolic-residue"]').frameLocator('iframe#active-frame');
  }

  panelTab(): Locator {
    return this.page.locator('.tab', { hasText: 'Residue: ' }).first();
  }

  /** Clicks a lens until what it brings about shows. */
  async clickLens(text: string, shown: Locator): Promise<void> {
    await this.persist(() => this.lens(text).click({ timeout: 20_000 }), shown);
  }

  charts(): Promise<number> {
    return this.panel().locator('canvas').count();
  }

  /** Text of the active editor, as far as it is in view. */
  async editorText(): Promise<string> {
    const lines = await this.page.locator('.editor-group-container.active .view-line').allInnerTexts();
    return lines.join('\n').replaceAll('\u00a0', ' ');
  }

  /** Canvases of the panel on which nothing is drawn, by their labels. Those out of sight, which wait for the reader, are made as for print. */
  blankCharts(): Promise<string[]> {
    return this.panel()
      .locator('canvas')
      .evaluateAll((canvases: HTMLCanvasElement[]) => {
        canvases[0]?.ownerDocument.defaultView?.dispatchEvent(new Event('beforeprint'));
        const blank = (canvas: HTMLCanvasElement): boolean => {
          const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
          const colours = new Set<number>();
          for (let i = 0; i + 3 < pixels.length && colours.size < 4; i += 4) {
            colours.add(((pixels[i] ?? 0) << 16) | ((pixels[i + 1] ?? 0) << 8) | (pixels[i + 2] ?? 0) | ((pixels[i + 3] ?? 0) << 24));
          }
          return colours.size < 4;
        };
        return canvases.filter(blank).map((canvas) => canvas.getAttribute('aria-label') ?? canvas.className);
      });
  }

  toast(text: string | RegExp): Locator {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** Waits until no run is under way. */
  async runsEnded(): Promise<void> {
    await this.page.waitForFunction(
      () => ![...document.querySelectorAll('.notification-toast')].some((n) => n.textContent?.includes('Running ')),
      null,
      {
        timeout: 200_000,
      },
    );
  }

  statusBar(label: string): Locator {
    return this.page.locator(`.statusbar-item[aria-label*="${label}"], .statusbar-item:has([aria-label*="${label}"])`).first();
  }

  /** Puts the cursor on a line of the active editor. */
  async goToLine(line: number): Promise<void> {
    await this.quickInput('Control+G', `:${line}`);
    await this.page.keyboard.press('Enter');
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  /** Process ids of the engines under this window's server. */
  engines(): number[] {
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,pgid=,args='], { encoding: 'utf8' }).split('\n');
    return rows
      .map((row) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row))
      .filter((match) => match && Number(match[2]) === this.server.pid && match[3]?.includes('engine.cjs'))
      .map((match) => Number(match?.[1]));
  }

  /** For `afterEach`: keeps a picture of the window in which a test failed. */
  async keepIfFailed(task: { name: string; result?: { state: string } }): Promise<void> {
    if (task.result?.state === 'fail') await this.screenshot(`failed-${task.name.replaceAll(/\W+/g, '-').slice(0, 60)}`);
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join('test-results', `${name}.png`) });
  }
}
