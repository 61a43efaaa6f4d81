import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { chromiumArguments } from '../../scripts/chromium.mjs';
import { serveEditor, type EditorServer } from '../../scripts/code-server.mjs';

export interface WindowOptions {
  /** Files written into the workspace besides the copy of shells/. */
  files?: Record<string, string>;
  settings?: Record<string, unknown>;
  trust?: boolean;
}

/** A VS Code window in a real browser with the packaged extension, on a workspace of its own. */
export class EditorWindow {
  private constructor(
    readonly page: Page,
    readonly folder: string,
    readonly server: EditorServer,
    private readonly browser: Browser,
  ) {}

  static async open({ files = {}, settings = {}, trust = true }: WindowOptions = {}): Promise<EditorWindow> {
    const folder = mkdtempSync(join(tmpdir(), 'residue-workspace-'));
    cpSync('shells', folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const server = await serveEditor({
      folder,
      extensions: [inject('vsix')],
      settings: { 'editor.minimap.enabled': false, 'workbench.colorTheme': 'Default Dark Modern', ...settings },
      trust,
    });
    const browser = await chromium.launch({ executablePath: inject('chromium'), args: chromiumArguments });
    const context = await browser.newContext({ viewport: { width: 1500, height: 950 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
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
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+P');
    const input = this.page.locator('.quick-input-widget input');
    await input.fill(name);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().waitFor();
    await this.page.keyboard.press('Enter');
    await this.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`).waitFor();
  }

  /** Runs a command of the palette by its full title. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input');
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** The code lens with this text. */
  lens(text: string): Locator {
    return this.page.locator('.codelens-decoration a', { hasText: text }).first();
  }

  /** The residue panel's page. */
  panel(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }

  notifications(): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item');
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join('test-results', `${name}.png`) });
  }
}
