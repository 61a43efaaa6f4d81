import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { EditorWindow } from './window.js';
import { shellText } from '../helpers/shell-text.js';

const shell = shellText({
  id: 'shown',
  title: 'Shown',
  times: [0, 2],
  run: ['ANCHOR: { span: fact }', 'INHIBIT: { span: fact, layers: all }'],
  expect: ['margin: { above: 1000 }', 'INHIBIT.effect: { below: 1000 }'],
});
const file = 'shown.shell.yaml';
const themes = [
  ['Light Modern', 'light'],
  ['Dark High Contrast', 'contrast'],
  ['Dark Modern', 'dark'],
] as const;

let window: EditorWindow;
afterEach(({ task }) => window?.keepIfFailed(task));

/** The same view in each kind of theme. */
async function pictures(name: string): Promise<void> {
  for (const [label, short] of themes) {
    await window.theme(label);
    await window.page.waitForTimeout(600);
    await window.screenshot(`${name}-${short}`);
  }
}

const row = (text: string) =>
  window.page.locator('.test-explorer .monaco-list-row, .pane-body .monaco-list-row', { hasText: text }).first();

describe('running in the packaged extension', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files: { [file]: shell, 'broken.residue.json': '{"format": 1, "runs": ' } });
  });
  beforeEach(() => window.reset());
  afterAll(() => window?.close());

  it('shows what a run came to over the shell and its commands, and that it is cached or stale', async () => {
    await window.openFile(file);
    await window.clickLens('Run shell', window.panel().locator('.headline'));
    await window.runsEnded();
    await window.page
      .locator('.codelens-decoration a', { hasText: /(✗ (lost|never)|✓ did not fail).* s$/ })
      .first()
      .waitFor();
    await window.lens('✓ holds').waitFor();
    await window.lens('but above 1000 was expected').waitFor();
    await expect.poll(() => window.panel().locator('.banner').count(), { timeout: 30_000 }).toBe(0);
    await pictures('lenses');
    await window.clickLens('Run shell', window.lens('cached, run at'));
    await window.panel().locator('.banner.cached').waitFor();
    await window.screenshot('cached');
    await window.openFile(file);
    await window.goToLine(3);
    await window.page.keyboard.press('End');
    await window.page.keyboard.type('!');
    await window.lens('stale, the shell was edited').waitFor();
    await window.panel().locator('.banner.stale').waitFor();
    await pictures('stale');
  });

  it('shows shells in the Test Explorer, and a failed expectation with its message at its line', async () => {
    await window.openFile(file);
    await window.command('Testing: Focus on Test Explorer View');
    await row('shown').waitFor();
    await window.openFile(file);
    const told = window.page.locator('.monaco-list-row', { hasText: /margin: above 1000.*but above/ });
    await window.command('Test: Run Tests in Current File');
    await told.first().waitFor({ timeout: 120_000 });
    await pictures('tests');
  });

  it('opens a residue file as its page, follows it as it is written, and says what is wrong with another', async () => {
    await window.openFile(file);
    await window.command('Symbolic Residue: Save Residue As…');
    const input = window.page.locator('.quick-input-widget input.input');
    await vi.waitUntil(async () => (await input.inputValue()).endsWith('shown.residue.json'), 60_000);
    await input.press('Enter');
    await window.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    // It is there before all of it is written.
    const saved = join(window.folder, 'shown.residue.json');
    await vi.waitFor(() => JSON.parse(readFileSync(saved, 'utf8')) as unknown, { timeout: 60_000, interval: 200 });
    await window.command('View: Close All Editors');
    await window.openAny('shown.residue.json');
    await window.panel().locator('.headline').waitFor();
    // As the tests before left it.
    const title = await window.panel().locator('h1').innerText();
    expect(title).toMatch(/^Shown!?$/);
    await pictures('residue-file');
    const text = readFileSync(saved, 'utf8');
    const heading = (words: string) => window.panel().locator('h1', { hasText: words });
    await window.write('shown.residue.json', text.replace(`"title": "${title}"`, '"title": "Written anew"'), heading('Written anew'));
    await window.write('shown.residue.json', text.slice(0, 1000), window.panel().locator('.banner.error', { hasText: 'it is not JSON' }));
    expect(await window.panel().locator('h1').innerText()).toBe('Written anew');
    await window.write('shown.residue.json', text, heading(title));
    await window.panel().locator('.banner.error').waitFor({ state: 'detached' });
    await window.command('View: Close All Editors');
    await window.openAny('broken.residue.json');
    await window.panel().getByText('broken.residue.json: it is not JSON').waitFor();
    await window.screenshot('residue-file-broken');
    const asText = window.page.locator('.editor-group-container.active .view-line', { hasText: '"runs"' });
    await window.persist(() => window.panel().getByText('Open as text').click({ timeout: 10_000 }), asText);
  });

  it('keeps the runs of a shell, with the trend of their margin, and compares one with that which is shown', async () => {
    await window.openFile(file);
    await window.lens('Run shell').waitFor();
    const edited = window.page.locator('.editor-group-container.active .view-line', { hasText: 'a long, long while' });
    await window.write(file, shell.replaceAll('They walk. ', 'They walk for a long, long while. '), edited);
    await window.command('Symbolic Residue: Run Shell');
    await window.toast('Running shown').waitFor();
    await window.runsEnded();
    await window.command('View: Show Symbolic Residue');
    await row('shown.shell.yaml').waitFor();
    await window.panel().locator('.trend', { hasText: 'margin of the last' }).waitFor();
    await pictures('history');
    await window.openFile(file);
    await window.command('Symbolic Residue: Show History of the Shell…');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'margin' }).first().waitFor();
    await window.screenshot('history-list');
    await window.page.keyboard.press('Escape');
  });
});

describe('a folder that is not trusted', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files: { [file]: shell }, trust: false, show: file });
  });
  afterAll(() => window?.close());

  it('lists its shells in the Test Explorer and says why they do not run', async () => {
    await window.page.locator(`.tab.active[data-resource-name="${file}"]`).waitFor();
    await window.lens('Running is off').first().waitFor();
    await window.command('Testing: Focus on Test Explorer View');
    await row('shown').waitFor();
    await window.command('Test: Run All Tests');
    // VS Code itself asks for trust before any test is run.
    const dialog = window.page.locator('.monaco-dialog-box', { hasText: 'Running tests may execute code' });
    await dialog.waitFor();
    await window.screenshot('tests-restricted');
    await dialog.getByText('Cancel').click();
    await dialog.waitFor({ state: 'detached' });
    expect(window.engines()).toEqual([]);
  });
});
