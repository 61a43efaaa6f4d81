import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EditorWindow } from './window.js';

const broken = `format: 1
shell: broken
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
run:
  - ANCHOR: { span: fatc }
`;
const notes = "Tom has a red ball. Q: What color is Tom's ball? A: red.\n";
const shell = 'v1-memtrace.shell.yaml';

/** Line, from 1, of the first line that holds a text. */
function lineOf(window: EditorWindow, file: string, text: string): number {
  const lines = readFileSync(join(window.folder, file), 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

describe('the packaged extension in a real browser', () => {
  let window: EditorWindow;

  beforeAll(async () => {
    window = await EditorWindow.open({ files: { 'broken.shell.yaml': broken, 'notes.txt': notes } });
  });
  afterEach(({ task }) => window?.keepIfFailed(task));
  afterAll(async () => {
    await window?.close();
  });

  it('shows a lens over the shell and over each of its commands', async () => {
    await window.openFile(shell);
    await window.lens('Run shell').waitFor();
    expect(await window.statusBar('Model of the shell').innerText()).toContain('pocket');
    await window.goToLine(lineOf(window, shell, 'INHIBIT:'));
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) await window.lens(name).waitFor();
    await window.screenshot('editor-lenses');
  });

  it('runs the shell at a click and shows its residue beside the editor', async () => {
    await window.goToLine(1);
    await window.lens('Run shell').click();
    await window.toast('Running v1-memtrace').waitFor();
    const panel = window.panel();
    await panel.locator('.headline').waitFor();
    await window.runsEnded();
    expect(await panel.locator('.headline').innerText()).toMatch(/fail/i);
    expect(await panel.locator('.chips').innerText()).toMatch(/layer \d/i);
    // Its own tab, beside the editor.
    await window.panelTab().waitFor();
    expect(await window.page.locator('.editor-group-container').count()).toBe(2);
    for (const title of ['Did it fail?', 'Where was it lost?', 'Which parts did it?', 'What did it almost say?', 'Does it hold?']) {
      expect(await panel.locator('h2', { hasText: title }).count(), title).toBe(1);
    }
    expect(await window.charts()).toBeGreaterThanOrEqual(4);
    expect(await window.blankCharts()).toEqual([]);
    await window.screenshot('panel-first');
  });

  it.each([
    ['light', 'Default Light Modern', 'vs'],
    ['high-contrast', 'Default High Contrast', 'hc-black'],
    ['high-contrast-light', 'Default High Contrast Light', 'hc-light'],
    ['dark', 'Default Dark Modern', 'vs-dark'],
  ])('draws the panel in the theme: %s', async (name, theme, bodyClass) => {
    window.set({ 'workbench.colorTheme': theme });
    await window.page.locator(`.monaco-workbench.${bodyClass}`).waitFor();
    await window.page.waitForTimeout(700);
    expect(await window.blankCharts()).toEqual([]);
    await window.screenshot(`panel-${name}`);
  });

  it('shows all of the residue when the panel has the window to itself', async () => {
    await window.panelTab().dblclick();
    await window.page.setViewportSize({ width: 1300, height: 5200 });
    await window.page.waitForTimeout(1500);
    expect(await window.blankCharts()).toEqual([]);
    await window.screenshot('panel-whole');
    await window.page.setViewportSize({ width: 1500, height: 950 });
    await window.panelTab().dblclick();
  });

  it('leads from the panel to the place in the shell', async () => {
    const chip = window.panel().locator('button.chip').first();
    await chip.waitFor();
    await window.command('Symbolic Residue: Open Methods Documentation');
    await window.page.locator('.tab', { hasText: /methods/i }).waitFor();
    await window.page.keyboard.press('Control+F4');
  });

  it('has the panel back after it was hidden, without a run', async () => {
    const headline = await window.panel().locator('.headline').innerText();
    await window.panelTab().click();
    await window.openFile('notes.txt');
    await window.panel().locator('.headline').waitFor({ state: 'detached' });
    await window.panelTab().click();
    await window.panel().locator('.headline').waitFor();
    expect(await window.panel().locator('.headline').innerText()).toBe(headline);
    await window.page.locator('.tab', { hasText: 'notes.txt' }).click();
    await window.page.keyboard.press('Control+F4');
  });

  it('has the panel back after the window was reloaded, without a run', async () => {
    const headline = await window.panel().locator('.headline').innerText();
    await window.page.reload();
    await window.ready();
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    expect(await window.panel().locator('.headline').innerText()).toBe(headline);
    expect(await window.blankCharts()).toEqual([]);
    // The extension host was made anew, and nothing asked for an engine.
    expect(window.engines()).toEqual([]);
  });

  it('runs one command of the shell from its lens', async () => {
    await window.openFile(shell);
    await window.goToLine(lineOf(window, shell, 'INHIBIT:'));
    await window.lens('INHIBIT').click();
    await window.toast('Running v1-memtrace').waitFor();
    await window.runsEnded();
    const commands = await window
      .panel()
      .locator('[data-command]')
      .evaluateAll((all) => all.map((e) => e.getAttribute('data-command')));
    expect([...new Set(commands)]).toEqual(['INHIBIT']);
  });

  it('tells that its engine was killed in mid-run, and runs again', async () => {
    await window.openFile(shell);
    await window.goToLine(1);
    await window.lens('Run shell').click();
    await window.toast('Running v1-memtrace').waitFor();
    const [pid] = window.engines();
    expect(pid).toBeDefined();
    process.kill(pid ?? 0, 'SIGKILL');
    const toast = window.toast('engine');
    await toast.waitFor();
    await window.screenshot('engine-killed');
    await toast.getByText('Run Again').click();
    await window.toast('Running v1-memtrace').waitFor();
    await window.runsEnded();
    expect(await window.panel().locator('.headline').innerText()).toMatch(/fail/i);
    expect(window.engines()).not.toContain(pid);
  });

  it('cancels a run from its notification', async () => {
    await window.openFile(shell);
    await window.lens('Run shell').click();
    const toast = window.toast('Running v1-memtrace');
    await toast.waitFor();
    await toast.hover();
    await toast.getByText('Cancel').click();
    await toast.waitFor({ state: 'detached', timeout: 5000 });
    expect(await window.page.locator('.notification-toast', { hasText: /error|fault/i }).count()).toBe(0);
    await window.lens('Run shell').waitFor();
    await window.screenshot('cancelled');
  });

  it('marks what is wrong in a shell at its place, and mends it', async () => {
    await window.openFile('broken.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.command('Problems: Focus on Problems View');
    const problem = window.page.locator('.markers-panel .monaco-list-row', { hasText: 'fatc' }).last();
    await problem.waitFor();
    const { line, column } = { line: 8, column: broken.split('\n')[7]?.indexOf('fatc') ?? -1 };
    expect(await problem.innerText()).toContain(`[Ln ${line}, Col ${column + 1}]`);
    await window.screenshot('problems');
    await problem.dblclick();
    await window.page.keyboard.press('Control+.');
    await window.page.locator('.action-widget').getByText('fact').first().click();
    await window.page.locator('.squiggly-error').waitFor({ state: 'detached' });
    expect(await window.editorText()).toContain('span: fact');
    await window.command('View: Toggle Problems');
  });

  it('completes the names of spans, with their text', async () => {
    const document = broken.replace('fatc', '');
    expect(document).toContain('span:  }');
    await window.openFile('broken.shell.yaml');
    await window.goToLine(8);
    await window.page.keyboard.press('End');
    await window.page.keyboard.press('Enter');
    await window.page.keyboard.type('- SPAN'.slice(0, 2));
    await window.page.keyboard.press('Control+Space');
    const widget = window.page.locator('.suggest-widget.visible');
    await widget.waitFor();
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) await widget.getByText(name).first().waitFor();
    await window.screenshot('completion-commands');
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.type('INHIBIT: { span: ');
    await window.page.keyboard.press('Control+Space');
    await widget.locator('.monaco-list-row', { hasText: 'fact' }).first().waitFor();
    await window.screenshot('completion-spans');
    await window.page.keyboard.press('Escape');
    await window.command('File: Revert File');
  });

  it('probes the selected text of any editor', async () => {
    await window.openFile('notes.txt');
    await window.page.keyboard.press('Control+A');
    await window.command('Symbolic Residue: Probe Selected Text');
    await window.toast('Running Untitled').waitFor();
    await window.runsEnded();
    expect(await window.editorText()).toContain('answer: " red"');
    await window.panel().locator('.headline').waitFor();
    expect(await window.panel().locator('.headline').innerText()).toMatch(/red/);
    await window.screenshot('probe');
  });

  it('broke no rule of the page’s security policy', () => {
    expect(window.complaints).toEqual([]);
  });
});

describe('a folder that is not trusted', () => {
  let window: EditorWindow;

  beforeAll(async () => {
    window = await EditorWindow.open({ trust: false });
  });
  afterEach(({ task }) => window?.keepIfFailed(task));
  afterAll(async () => {
    await window?.close();
  });

  it('gets lenses that say why nothing runs, and no engine', async () => {
    await window.openFile(shell);
    await window.lens('Running is off').waitFor();
    await window.command('Symbolic Residue: Run Shell');
    await window.toast('Restricted Mode').waitFor();
    expect(window.engines()).toEqual([]);
    await window.screenshot('restricted');
  });
});
