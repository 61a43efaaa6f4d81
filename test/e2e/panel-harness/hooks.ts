import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { buildPage, launch, PanelPage } from './harness.js';

/**
 * Hooks for a file of panel tests: one browser, one page per test, closed after it. Every test ends with zero console errors and
 * warnings, no CSP report, and no request beyond the page's own two files.
 */
export function usePanel(): { open(options?: Parameters<typeof PanelPage.open>[1]): Promise<PanelPage> } {
  let browser: Browser;
  let panel: PanelPage | undefined;
  beforeAll(async () => {
    mkdirSync('test-results', { recursive: true });
    buildPage();
    browser = await launch();
  }, 60_000);
  afterAll(() => browser?.close());
  afterEach(async () => {
    expect(panel?.faults ?? []).toEqual([]);
    await panel?.close();
    panel = undefined;
  });
  return {
    open: async (options = {}) => (panel = await PanelPage.open(browser, options)),
  };
}
