import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { EditorWindow } from '../window.js';
import { Film, picture } from './album.js';

const shell = 'v1-memtrace.shell.yaml';
const screenshots = join('media', 'screenshots');
let window: EditorWindow;

function lineOf(text: string): number {
  return (
    readFileSync(join(window.folder, shell), 'utf8')
      .split('\n')
      .findIndex((line) => line.startsWith(text)) + 1
  );
}

describe('pictures of the README', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({
      settings: { 'workbench.startupEditor': 'none', 'editor.fontSize': 13, 'editor.wordWrap': 'on' },
    });
  });
  afterAll(() => window?.close());

  it('a first run, as a film', async () => {
    const { page } = window;
    const film = new Film(page);
    await window.openFile(shell);
    await window.command('View: Toggle Primary Side Bar Visibility');
    await window.goToLine(lineOf('prompt:'));
    await window.lens('Run shell').waitFor();
    await film.frame(1500);
    await window.lens('Run shell').hover();
    await film.frame(900);
    await window.lens('Run shell').click();
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    await film.frame(1200);
    await window.runsEnded();
    await window.command('Notifications: Clear All Notifications');
    await page.waitForTimeout(1500);
    await film.frame(3000);
    for (const title of ['Which parts did it?', 'What did it almost say?', 'Does it hold?']) {
      await window.panel().locator('h2', { hasText: title }).scrollIntoViewIfNeeded();
      await window
        .panel()
        .locator('h2', { hasText: title })
        .evaluate((heading) => heading.scrollIntoView({ block: 'start' }));
      await page.waitForTimeout(600);
      await film.frame(2200);
    }
    await film.write(join(screenshots, 'run.gif'), 1000);
    await window
      .panel()
      .locator('.headline')
      .evaluate((line) => line.scrollIntoView({ block: 'start' }));
    await page.waitForTimeout(500);
    for (const [theme, name] of [
      ['Dark Modern', 'panel-dark'],
      ['Light Modern', 'panel-light'],
    ] as const) {
      await window.theme(theme);
      await page.waitForTimeout(1500);
      await picture(page, join(screenshots, `${name}.png`));
    }
  });
});
