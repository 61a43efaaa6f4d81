import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { EditorWindow } from '../window.js';
import { picture } from './album.js';

const folder = join('media', 'walkthrough');
const themes = [
  ['Dark Modern', 'dark'],
  ['Light Modern', 'light'],
] as const;
let window: EditorWindow;

/** What is shown now, in both themes. */
async function both(name: string): Promise<void> {
  for (const [theme, ending] of themes) {
    await window.theme(theme);
    await window.page.waitForTimeout(1500);
    await picture(window.page, join(folder, `${name}-${ending}.png`));
  }
}

/** What stands there while a list is open, which a change of the theme would close. */
async function eachTheme(name: string, open: () => Promise<void>, shown: () => Locator): Promise<void> {
  for (const [theme, ending] of themes) {
    await window.theme(theme);
    await open();
    await shown().waitFor();
    await window.page.waitForTimeout(800);
    await picture(window.page, join(folder, `${name}-${ending}.png`));
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.press('Escape');
  }
}

const quickInput = (): Locator => window.page.locator('.quick-input-widget .monaco-list-row').first();

describe('pictures of the walkthroughs', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({
      settings: { 'workbench.startupEditor': 'none', 'editor.fontSize': 13, 'editor.wordWrap': 'on', 'breadcrumbs.enabled': false },
    });
    await window.page.setViewportSize({ width: 1050, height: 680 });
  });
  afterAll(() => window?.close());

  it('the sample workspace', async () => {
    await window.openFile('v1-memtrace.shell.yaml');
    await window.lens('Run shell').waitFor();
    await both('sample');
    await window.command('View: Toggle Primary Side Bar Visibility');
  });

  it('a new shell', async () => {
    await window.reset();
    await eachTheme('write', () => window.command('Symbolic Residue: New Shell…'), quickInput);
  });

  it('a run and what it leaves', async () => {
    await window.reset();
    await window.openFile('v1-memtrace.shell.yaml');
    const lines = readFileSync(join(window.folder, 'v1-memtrace.shell.yaml'), 'utf8').split('\n');
    await window.goToLine(lines.findIndex((line) => line.startsWith('prompt:')) + 1);
    await window.goToLine(1);
    await window.lens('Run shell').click();
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    await both('run');
    await window.runsEnded();
    await window.command('Notifications: Clear All Notifications');
    await window.panelTab().click();
    await window.command('View: Move Editor into Previous Group');
    await both('read');
  });

  it('a failure whose cause is known', async () => {
    await window.reset();
    await eachTheme('planted', () => window.command('Symbolic Residue: Open a Planted Failure…'), quickInput);
  });

  it('models', async () => {
    await window.reset();
    await window.command('Symbolic Residue: Focus on Models View');
    await window.page.locator('.monaco-list-row', { hasText: 'pocket-gpt2' }).first().waitFor();
    await both('models');
  });
});
