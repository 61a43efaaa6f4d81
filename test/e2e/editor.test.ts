import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseResidue } from '../../src/residue/read.js';
import { EditorWindow } from './window.js';

const shell = 'v1-memtrace.shell.yaml';
const broken = `format: 1
shell: broken
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
run:
  - ANCHOR: { span: fatc }
`;
const files = {
  'broken.shell.yaml': broken,
  'good.shell.yaml': broken.replace('shell: broken', 'shell: good').replace('fatc', 'fact'),
  'notes.txt': "Tom has a red ball. Q: What color is Tom's ball? A: red.\n",
};

let window: EditorWindow;

/** Line, from 1, of the first line of a workspace file that holds a text. */
function lineOf(file: string, text: string): number {
  const lines = readFileSync(join(window.folder, file), 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

const headline = (): Promise<string> => window.panel().locator('.headline').innerText();

afterEach(({ task }) => window?.keepIfFailed(task));

describe('the packaged extension in a real browser', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files });
  });
  beforeEach(() => window.reset());
  afterAll(() => window?.close());

  it('shows a lens over the shell and over each of its commands', async () => {
    await window.openFile(shell);
    await window.lens('Run shell').waitFor();
    expect(await window.statusBar('Model of the shell').innerText()).toContain('pocket');
    await window.goToLine(lineOf(shell, 'INHIBIT:'));
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) await window.lens(`Run ${name}`).waitFor();
    await window.screenshot('editor-lenses');
  });

  it('runs the shell at a click and shows its residue beside the editor: verdict, collapse point, charts', async () => {
    await window.openFile(shell);
    await window.goToLine(1);
    await window.lens('Run shell').click();
    await window.toast('Running v1-memtrace').waitFor();
    const panel = window.panel();
    await panel.locator('.headline').waitFor({ timeout: 60_000 });
    await window.screenshot('panel-while-running');
    await window.runsEnded();
    expect(await headline()).toMatch(/^Failed: says ".+", should say " yellow"/);
    expect(await panel.locator('.chips').innerText()).toMatch(/layer \d of 6 \(observed(, unstable)?\)/);
    // The collapse point stands in the chart of the margin, which says so to who cannot see it.
    const labels = await panel.locator('canvas').evaluateAll((all) => all.map((canvas) => canvas.getAttribute('aria-label')));
    expect(labels.find((label) => /^margin/i.test(label ?? ''))).toMatch(/never formed|lost at layer \d/);
    // Its own tab, beside the editor, which keeps the focus.
    await window.panelTab().waitFor();
    expect(await window.page.locator('.editor-group-container').count()).toBe(2);
    expect(await window.page.locator('.editor-group-container.active .tab.active').getAttribute('data-resource-name')).toBe(shell);
    for (const title of ['Did it fail?', 'Where was it lost?', 'Which parts did it?', 'What did it almost say?', 'Does it hold?']) {
      expect(await panel.locator('h2', { hasText: title }).count(), title).toBe(1);
    }
    const commands = await panel.locator('article.command').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
    expect(commands).toEqual(['ANCHOR', 'RECALL', 'INHIBIT']);
    expect(await window.charts()).toBeGreaterThanOrEqual(4);
    expect(await window.blankCharts()).toEqual([]);
    await window.screenshot('panel');
  });

  it('shows the last residue of a shell again without a run, in every kind of theme, and all of it', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    await window.panel().locator('.headline').waitFor();
    for (const [label, bodyClass] of [
      ['Light Modern', 'vs'],
      ['Dark High Contrast', 'hc-black'],
      ['Light High Contrast', 'hc-light'],
      ['Dark Modern', 'vs-dark'],
    ] as const) {
      await window.theme(label);
      await window.page.locator(`.monaco-workbench.${bodyClass}`).waitFor();
      await window.page.waitForTimeout(700);
      expect(await window.blankCharts(), label).toEqual([]);
      await window.screenshot(`panel-${label.toLowerCase().replaceAll(' ', '-')}`);
    }
    await window.page.setViewportSize({ width: 1900, height: 5200 });
    await window.page.waitForTimeout(1500);
    expect(await window.blankCharts()).toEqual([]);
    await window.screenshot('panel-whole');
    await window.page.setViewportSize({ width: 1500, height: 950 });
  });

  it('has the panel back after it was hidden, with what the reader chose, without a run', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    const before = await headline();
    const contribution = window.panel().getByText('contribution', { exact: true }).first();
    await contribution.click();
    await window.page.waitForTimeout(500);
    await window.panelTab().click();
    await window.openFile('notes.txt');
    await window.panel().locator('.headline').waitFor({ state: 'detached' });
    await window.panelTab().click();
    await window.panel().locator('.headline').waitFor();
    expect(await headline()).toBe(before);
    expect(await window.panel().locator('[aria-pressed="true"], [aria-checked="true"]').allInnerTexts()).toContain('contribution');
  });

  it('has the panel back after the window was reloaded, without a run', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    await window.panel().locator('.headline').waitFor();
    const before = await headline();
    // VS Code in a browser writes its own state down every five seconds, when idle; a page that goes cannot wait for it.
    await window.page.waitForTimeout(10_000);
    await window.page.reload();
    await window.ready();
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    expect(await headline()).toBe(before);
    expect(await window.blankCharts()).toEqual([]);
    // The extension host was made anew, and nothing asked for an engine.
    expect(window.engines()).toEqual([]);
    // It is a living panel: its button runs the shell.
    await window.panel().getByText('Run again').first().click();
    await window.toast('Running v1-memtrace').waitFor();
    await window.runsEnded();
    expect(await headline()).toBe(before);
  });

  it('opens the page of a measure from the panel', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    await window.panel().getByText('logit lens').first().click();
    await window.page.locator('.tab', { hasText: /methods\.md/ }).waitFor();
  });

  it('saves the residue, valid, where it is told', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Save Residue As…');
    const input = window.page.locator('.quick-input-widget input.input');
    await vi.waitUntil(async () => (await input.inputValue()).endsWith('v1-memtrace.residue.json'), 20_000);
    await input.press('Enter');
    await window.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    const path = join(window.folder, 'v1-memtrace.residue.json');
    await vi.waitUntil(() => existsSync(path), 10_000);
    const residue = parseResidue(readFileSync(path, 'utf8'));
    expect(residue.status).toBe('complete');
    expect(residue.shell.file).toBe(shell);
  });

  it('runs one command of a shell from its lens', async () => {
    await window.openFile(shell);
    await window.goToLine(lineOf(shell, 'INHIBIT:'));
    await window.lens('Run INHIBIT').click();
    await window.toast('Running v1-memtrace').waitFor();
    await window.runsEnded();
    const articles = window.panel().locator('article.command');
    await articles.first().waitFor();
    expect(await articles.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))).toEqual(['INHIBIT']);
  });

  it('tells that its engine was killed in mid-run, and runs again at a click', async () => {
    await window.openFile(shell);
    await window.goToLine(1);
    // Nothing has changed, so the lens would open the result that is there.
    await window.command('Symbolic Residue: Run Shell Again, Ignoring the Cached Result');
    await window.toast('Running v1-memtrace').waitFor();
    await window.lens('Cancel').waitFor();
    const [pid] = window.engines();
    expect(pid).toBeDefined();
    process.kill(pid ?? 0, 'SIGKILL');
    const toast = window.toast('Run Again');
    await toast.waitFor();
    expect(await toast.innerText()).toMatch(/engine/);
    await window.screenshot('engine-killed');
    await toast.getByText('Run Again').click();
    await window.toast('Running v1-memtrace').waitFor();
    await window.runsEnded();
    expect(await headline()).toMatch(/^Failed/);
    expect(window.engines()).not.toContain(pid);
  });

  it('cancels a run from its notification and keeps what had arrived', async () => {
    await window.openFile(shell);
    await window.goToLine(1);
    // Nothing has changed, so the lens would open the result that is there.
    await window.command('Symbolic Residue: Run Shell Again, Ignoring the Cached Result');
    const toast = window.toast('Running v1-memtrace');
    await toast.waitFor();
    await window
      .panel()
      .getByText(/forward|measuring|probe|control/i)
      .first()
      .waitFor();
    await toast.hover();
    await toast.getByText('Cancel', { exact: true }).click();
    await toast.waitFor({ state: 'detached', timeout: 5000 });
    expect(await window.toast(/engine|error/i).count()).toBe(0);
    await window.lens('Run shell').waitFor();
    await window.screenshot('cancelled');
  });

  it('marks what is wrong in a shell at its place, and mends it', async () => {
    await window.openFile('broken.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.command('Problems: Focus on Problems View');
    const problem = window.page.locator('.markers-panel .monaco-list-row', { hasText: 'fatc' }).last();
    await problem.waitFor();
    expect(await problem.innerText()).toContain(`[Ln 8, Col ${(broken.split('\n')[7] ?? '').indexOf('fatc') + 1}]`);
    await window.screenshot('problems');
    await problem.dblclick();
    await window.page.locator('.monaco-editor.focused').waitFor();
    await window.page.keyboard.press('Control+.');
    await window.page.locator('.action-widget').getByText('Change to fact').click();
    await window.page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    expect(await window.editorText()).toContain('span: fact }');
    await window.page.keyboard.press('Control+J');
  });

  it('completes commands and the names of spans', async () => {
    await window.openFile('good.shell.yaml');
    await window.goToLine(8);
    await window.page.keyboard.press('End');
    await window.page.keyboard.press('Enter');
    await window.page.keyboard.type('- ');
    await window.page.keyboard.press('Control+Space');
    const widget = window.page.locator('.suggest-widget.visible');
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) await widget.getByText(name).first().waitFor();
    await window.screenshot('completion-commands');
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.type('INHIBIT: { span: ');
    await window.page.keyboard.press('Control+Space');
    await widget.locator('.monaco-list-row', { hasText: 'fact' }).first().waitFor();
    await window.screenshot('completion-spans');
    await window.page.keyboard.press('Escape');
  });

  it('says which model is used and offers others', async () => {
    await window.openFile('good.shell.yaml');
    await window.statusBar('Model of the shell').click();
    const list = window.page.locator('.quick-input-list');
    for (const text of ['pocket', 'Choose a folder…', 'Choose a file…']) await list.getByText(text).first().waitFor();
    await window.screenshot('choose-model');
    await window.page.keyboard.press('Escape');
  });

  it('probes the selected text of any editor', async () => {
    await window.openFile('notes.txt');
    await window.page.keyboard.press('Control+A');
    await window.command('Symbolic Residue: Probe Selected Text');
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    await window.runsEnded();
    expect(await window.editorText()).toContain('answer: " red"');
    expect(await headline()).toMatch(/" red"/);
    await window.screenshot('probe');
  });

  it('broke no rule of the page’s security policy', () => {
    expect(window.complaints).toEqual([]);
  });
});

describe('a folder that is not trusted', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files, trust: false, show: 'broken.shell.yaml' });
  });
  afterAll(() => window?.close());

  it('gets checks and completion, lenses that say why nothing runs, and no engine', async () => {
    await window.page.locator('.tab.active[data-resource-name="broken.shell.yaml"]').waitFor();
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.lens('Running is off').first().waitFor();
    await window.lens('Verify: off in Restricted Mode').waitFor();
    await window.command('Symbolic Residue: Verify Causes by Intervention');
    await window.toast('Restricted Mode').waitFor();
    await window.command('Symbolic Residue: Run Shell');
    await window.toast('Restricted Mode').waitFor();
    expect(window.engines()).toEqual([]);
    await window.screenshot('restricted');
  });
});
