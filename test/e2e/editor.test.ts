import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseResidue } from '../../src/residue/read.js';
import { serializeResidue } from '../../src/residue/write.js';
import { residueFixture } from '../unit/residue-fixture.js';
import { shellText } from '../helpers/shell-text.js';
import { EditorWindow } from './window.js';

const shell = 'v1-memtrace.shell.yaml';
const broken = shellText({ id: 'broken', rivals: null, run: ['ANCHOR: { span: fatc }'] });
const files = {
  'broken.shell.yaml': broken,
  'good.shell.yaml': shellText({ id: 'good', rivals: null }),
  // Takes long enough to be stopped while it runs, by long prompts and not by many, each of which the window would draw.
  'long.shell.yaml': shellText({ id: 'long', times: [...Array(24).keys()].map((i) => 100 + i) }),
  'notes.txt': "Tom has a red ball. Q: What color is Tom's ball? A: red.\n",
};

let window: EditorWindow;

/** Line, from 1, of the first line of a workspace file that holds a text. */
function lineOf(file: string, text: string): number {
  const lines = readFileSync(join(window.folder, file), 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

const headline = (): Promise<string> => window.panel().locator('.headline').innerText();
/** Waits until the headline reads so: what a run has left is shown a moment after it has ended. */
const headlineReads = (text: RegExp | string): Promise<void> => expect.poll(headline, { timeout: 30_000 }).toMatch(text);
/** Waits until every chart of the panel is drawn. */
const drawn = (what?: string): Promise<void> => expect.poll(() => window.blankCharts(), { timeout: 30_000, message: what }).toEqual([]);

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
    await window.clickLens('Run shell', window.toast('Running v1-memtrace'));
    const panel = window.panel();
    await panel.locator('.headline').waitFor({ timeout: 60_000 });
    await window.screenshot('panel-while-running');
    await window.runsEnded();
    await headlineReads(/^Failed: says ".+", should say " yellow"/);
    await expect.poll(() => panel.locator('.chips').innerText()).toMatch(/layer \d of 6 \(observed(, unstable)?\)/);
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
    await drawn();
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
      await drawn(label);
      await window.screenshot(`panel-${label.toLowerCase().replaceAll(' ', '-')}`);
    }
    await window.page.setViewportSize({ width: 1900, height: 5200 });
    await drawn('in a tall window');
    await window.screenshot('panel-whole');
    await window.page.setViewportSize({ width: 1500, height: 950 });
  });

  it('has the panel back after it was hidden, with what the reader chose, without a run', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    const before = await headline();
    const contribution = window.panel().getByText('contribution', { exact: true }).first();
    await contribution.click();
    const chosen = window.panel().locator('[aria-pressed="true"], [aria-checked="true"]').filter({ hasText: 'contribution' });
    await chosen.first().waitFor();
    // The page writes its state down a moment later.
    await window.page.waitForTimeout(500);
    await window.panelTab().click();
    await window.openFile('notes.txt');
    await window.panel().locator('.headline').waitFor({ state: 'detached' });
    await window.panelTab().click();
    await window.panel().locator('.headline').waitFor();
    expect(await headline()).toBe(before);
    await chosen.first().waitFor();
  });

  it('has the panel back after the window was reloaded, without a run', async () => {
    // What is written down of the panel of the test before is gone first: it would be taken for that of this one.
    await window.stateKept('shellUri', false, 20_000).catch(() => undefined);
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    await window.panel().locator('.headline').waitFor();
    const before = await headline();
    // A page that goes cannot wait until VS Code has written its own state down.
    await window.stateKept('shellUri', true);
    await window.page.reload();
    await window.ready();
    await window.panel().locator('.headline').waitFor({ timeout: 60_000 });
    expect(await headline()).toBe(before);
    await drawn();
    // The extension host was made anew, and nothing asked for an engine.
    expect(window.engines()).toEqual([]);
    // It is a living panel: its button runs the shell.
    await window.persist(
      () => window.panel().getByText('Run again').first().click({ timeout: 20_000 }),
      window.toast('Running v1-memtrace'),
    );
    await window.runsEnded();
    await expect.poll(headline, { timeout: 30_000 }).toBe(before);
  });

  it('opens the page of a measure from the panel', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    const methods = window.page.locator('.tab', { hasText: /methods\.md/ });
    await window.persist(() => window.panel().getByText('logit lens').first().click({ timeout: 20_000 }), methods);
  });

  it('saves the residue, valid, where it is told', async () => {
    await window.openFile(shell);
    await window.command('Symbolic Residue: Save Residue As…');
    const input = window.page.locator('.quick-input-widget input.input');
    await vi.waitUntil(async () => (await input.inputValue()).endsWith('v1-memtrace.residue.json'), 60_000);
    await input.press('Enter');
    await window.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    const path = join(window.folder, 'v1-memtrace.residue.json');
    // It is there before all of it is written.
    const residue = await vi.waitFor(() => parseResidue(readFileSync(path, 'utf8')), { timeout: 60_000, interval: 200 });
    expect(residue.status).toBe('complete');
    expect(residue.shell.file).toBe(shell);
  });

  it('runs one command of a shell from its lens', async () => {
    await window.openFile(shell);
    await window.goToLine(lineOf(shell, 'INHIBIT:'));
    await window.clickLens('Run INHIBIT', window.toast('Running v1-memtrace'));
    await window.runsEnded();
    const articles = window.panel().locator('article.command');
    await expect
      .poll(() => articles.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label'))), { timeout: 30_000 })
      .toEqual(['INHIBIT']);
  });

  it('tells that its engine was killed in mid-run, and runs again at a click', async () => {
    await window.openFile('long.shell.yaml');
    await window.goToLine(1);
    await window.command('Symbolic Residue: Run Shell Again, Ignoring the Cached Result');
    await window.toast('Running long').waitFor();
    await window.lens('Cancel').waitFor();
    const pid = await vi.waitUntil(() => window.engines()[0], { timeout: 30_000, interval: 100 });
    process.kill(pid, 'SIGKILL');
    const toast = window.toast('Run Again');
    await toast.waitFor();
    expect(await toast.innerText()).toMatch(/engine/);
    await window.screenshot('engine-killed');
    await window.persist(() => toast.getByText('Run Again').click({ timeout: 10_000 }), window.toast('Running long'));
    await vi.waitUntil(() => window.engines().length > 0, { timeout: 30_000 });
    expect(window.engines()).not.toContain(pid);
    await window.command('Symbolic Residue: Cancel Run');
    await window.runsEnded();
  });

  it('cancels a run from its notification and keeps what had arrived', async () => {
    await window.openFile('long.shell.yaml');
    await window.goToLine(1);
    await window.command('Symbolic Residue: Run Shell Again, Ignoring the Cached Result');
    const toast = window.toast('Running long');
    await toast.waitFor();
    await window
      .panel()
      .getByText(/forward|measuring|probe|control/i)
      .first()
      .waitFor();
    await toast.hover();
    await toast.getByText('Cancel', { exact: true }).click();
    // All of it would take minutes.
    await toast.waitFor({ state: 'detached', timeout: 30_000 });
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
    const fix = window.page.locator('.action-widget').getByText('Change to fact');
    await window.persist(() => window.page.keyboard.press('Control+.'), fix);
    await fix.click();
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
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) await window.suggest(name);
    await window.screenshot('completion-commands');
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.type('INHIBIT: { span: ');
    await window.suggest('fact');
    await window.screenshot('completion-spans');
    await window.page.keyboard.press('Escape');
  });

  it('says which model is used and offers others', async () => {
    await window.openFile('good.shell.yaml');
    const list = window.page.locator('.quick-input-list');
    await window.persist(() => window.statusBar('Model of the shell').click({ timeout: 10_000 }), list.getByText('pocket'));
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
    await window.page.locator('.editor-group-container.active .view-line', { hasText: 'answer: " red"' }).waitFor();
    await headlineReads(/" red"/);
    await window.screenshot('probe');
  });

  it('broke no rule of the page’s security policy', () => {
    expect(window.complaints).toEqual([]);
  });
});

describe('a folder that is not trusted', () => {
  beforeAll(async () => {
    const kept = { 'kept.residue.json': serializeResidue(residueFixture()) };
    window = await EditorWindow.open({ files: { ...files, ...kept }, trust: false, show: 'broken.shell.yaml' });
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

  it('shows a residue file whole, with its buttons that would run something off', async () => {
    await window.openAny('kept.residue.json');
    const panel = window.panel();
    await panel.locator('.headline').waitFor();
    await drawn();
    const runs = panel.locator('.button', { hasText: /^(Run|Verify|Make)/ });
    expect(await runs.count()).toBeGreaterThan(0);
    for (const one of await runs.all()) {
      expect(await one.getAttribute('aria-disabled')).toBe('true');
      await one.dispatchEvent('click');
    }
    // Its own notes and what was measured are read off the file; no process that could open a model was started for it.
    expect(await window.toast(/Running kept|engine/).count()).toBe(0);
    expect(window.engines()).toEqual([]);
    expect(window.complaints).toEqual([]);
    await window.screenshot('restricted-residue');
  });
});
