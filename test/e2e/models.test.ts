import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { folderFiles, HubServer } from '../helpers/hub-server.js';
import { EditorWindow } from './window.js';
import { shellText } from '../helpers/shell-text.js';

const REPO = 'symbolic/pocket';
const WEIGHTS = 'model.safetensors';
const pocket = join('media', 'models', 'pocket');
const shell = shellText({ id: 'own', run: [] });

let server: HubServer;
let models: string;
let window: EditorWindow;

const row = (text: string | RegExp): Locator => window.page.locator('.pane-body .monaco-list-row', { hasText: text }).first();
const spoken = async (text: string): Promise<string> => (await row(text).getAttribute('aria-label')) ?? '';

/** Shows the view. A window that is reloaded shows it again by itself, when it comes to it: a click meanwhile would hide it, and the next one shows it. */
async function openView(): Promise<void> {
  const shown = row('pocket-gpt2');
  const title = window.page.locator('.sidebar .title-label', { hasText: 'Symbolic Residue' }).first();
  await expect
    .poll(
      async () => {
        if (!(await title.isVisible())) await window.page.locator('.activitybar a.action-label[aria-label^="Symbolic Residue"]').click();
        await shown.waitFor({ timeout: 5_000 }).catch(() => undefined);
        return shown.isVisible();
      },
      { timeout: 60_000 },
    )
    .toBe(true);
}

/** Clicks one of the buttons that a row shows under the mouse. */
async function act(text: string, title: string): Promise<void> {
  await row(text).hover();
  await row(text).locator(`.actions a[aria-label^="${title}"]`).click();
}

afterEach(({ task }) => window?.keepIfFailed(task));

describe('the Models view', () => {
  beforeAll(async () => {
    server = await HubServer.start({ repos: { [REPO]: { files: folderFiles(pocket) } }, token: 'hf_sesame' });
    models = mkdtempSync(join(tmpdir(), 'residue-models-'));
    window = await EditorWindow.open({
      files: { 'own.shell.yaml': shell },
      machineSettings: { 'symbolicResidue.hub.endpoint': server.endpoint, 'symbolicResidue.models.folder': models },
    });
    cpSync(join('media', 'models', 'pocket-small'), join(window.folder, 'models', 'small'), { recursive: true });
  });
  afterAll(async () => {
    await window?.close();
    await server?.stop();
    rmSync(models, { recursive: true, force: true });
  });

  it('lists what comes with the extension and what lies in the workspace, each opened, in words', async () => {
    await openView();
    await row(/pocket-gpt2.*gpt2 · .+ parameters · \S+ · .+B/).waitFor();
    await row(/models\/small.*llama/).waitFor();
    expect(await spoken('pocket-gpt2')).toMatch(
      /^pocket-gpt2, bundled, gpt2, .+ parameters, \S+, .+B\. It opens: gpt2, \d+ layers, licence mit\. Not checked yet\./,
    );
    // The keyboard opens what is known of a model.
    await row('pocket-gpt2').click();
    await window.page.keyboard.press('ArrowRight');
    await row('Licence').waitFor();
    for (const label of ['Family', 'Size', 'Dtype', 'Licence', 'Opens', 'SHA-256', 'Path'])
      expect(await row(label).isVisible(), label).toBe(true);
    expect(server.seen).toEqual([]);
    for (const [theme, name] of [
      ['Light Modern', 'light'],
      ['Dark High Contrast', 'contrast'],
      ['Dark Modern', 'dark'],
    ] as const) {
      await window.theme(theme);
      await openView();
      await window.screenshot(`models-${name}`);
    }
    await row('pocket-gpt2').click();
    await window.page.keyboard.press('ArrowLeft');
  });

  it('downloads what is typed, shows how far it is, and pauses', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { throttle: 150_000 } : undefined);
    await window.command('Symbolic Residue: Download Model…');
    const input = window.page.locator('.quick-input-widget input.input');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'SmolLM2-135M-Instruct' }).waitFor();
    await window.screenshot('models-catalogue');
    await input.fill(REPO);
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'look it up on the Hub' }).click();
    const dialog = window.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    expect(await dialog.innerText()).toMatch(
      /Download symbolic\/pocket\?[\s\S]*MB in 5 files from 127\.0\.0\.1:\d+[\s\S]*llama, licence mit, commit c0c0c0c0c0c0/,
    );
    await window.screenshot('models-confirm');
    await dialog.locator('.monaco-button', { hasText: 'Download' }).click();
    await row(/symbolic\/pocket.*[1-9]\d? % · .+\/s · .+ left · of [\d.]+ [kM]B/).waitFor();
    await window.screenshot('models-downloading');
    await act(REPO, 'Pause Download');
    await row(/symbolic\/pocket.*paused · \d+ % of/).waitFor();
    expect(await spoken(REPO)).toMatch(/^symbolic\/pocket, paused, \d+ % of [\d.]+ [kM]B$/);
    await window.screenshot('models-paused');
    expect(readdirSync(models).filter((name) => name.startsWith('models--'))).toEqual([]);
  });

  it('goes on after the window was reloaded, from the byte it had, and offers the model for use', async () => {
    await window.page.reload();
    await window.page.locator('.monaco-workbench .part.statusbar').waitFor();
    await openView();
    await row(/symbolic\/pocket.*paused · \d+ % of/).waitFor();
    server.fault = () => undefined;
    server.seen.length = 0;
    await act(REPO, 'Resume Download');
    await window.toast('symbolic/pocket was downloaded, and its SHA-256 is right.').waitFor();
    expect(server.seen.filter(({ where }) => where === 'cdn').map(({ headers }) => headers.range)).toEqual([
      expect.stringMatching(/^bytes=[1-9]\d*-$/),
    ]);
    const folder = join(models, 'models--symbolic--pocket');
    expect(readFileSync(join(folder, WEIGHTS)).equals(readFileSync(join(pocket, WEIGHTS)))).toBe(true);
    await window.toast('symbolic/pocket was downloaded').locator('.monaco-button', { hasText: 'Use Model' }).click();
    await row(/symbolic\/pocket.*in use · llama · .+ parameters/).waitFor();
    expect(await spoken(REPO)).toMatch(/Verified on \d{4}-\d\d-\d\d: all files are as the Hub lists them\./);
    await window.screenshot('models-done');
  });

  it('runs a shell that names no model on the downloaded one', async () => {
    await window.openFile('own.shell.yaml');
    expect(await window.statusBar('Model of the shell').innerText()).toContain('pocket');
    const panel = window.panel();
    await window.clickLens('Run shell', panel.locator('.headline'));
    await window.runsEnded();
    await expect.poll(() => panel.locator('body').innerText(), { timeout: 30_000 }).toContain(REPO);
    await window.screenshot('models-used');
  });

  it('says in one sentence why a model cannot be downloaded, and offers a token where one would help', async () => {
    await window.command('Symbolic Residue: Download Model…');
    await window.page.locator('.quick-input-widget input.input').fill('symbolic/none');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'look it up on the Hub' }).click();
    const toast = window.toast(/has no model symbolic\/none, or it is private: check the name, or set an access token\./);
    await toast.waitFor();
    await toast.locator('.monaco-button', { hasText: 'Set Access Token…' }).click();
    const input = window.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    expect(await input.getAttribute('type')).toBe('password');
    await input.fill('hf_sesame');
    await window.page.keyboard.press('Enter');
    await window.toast(/The access token for 127\.0\.0\.1:\d+ is kept\./).waitFor();
    server.seen.length = 0;
    await window.command('Symbolic Residue: Download Model…');
    await window.page.locator('.quick-input-widget input.input').fill('symbolic/none');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'look it up on the Hub' }).click();
    await window.toast(/has no model symbolic\/none\./).waitFor();
    expect(server.seen[0]?.headers.authorization).toBe('Bearer hf_sesame');
    await window.command('Notifications: Clear All Notifications');
  });

  it('verifies a model byte by byte, and deletes a downloaded one once that is confirmed', async () => {
    await openView();
    await window.contextMenu(row(REPO), 'Verify SHA-256');
    await window.toast(/symbolic\/pocket: Verified on .+: all files are as the Hub lists them\./).waitFor();
    await window.contextMenu(row(REPO), 'Delete Model…');
    const dialog = window.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    expect(await dialog.innerText()).toContain('Delete symbolic/pocket from this machine?');
    await dialog.locator('.monaco-button', { hasText: 'Delete' }).click();
    await window.page.locator(`.monaco-list-row[aria-label^="${REPO}, downloaded"]`).waitFor({ state: 'detached' });
    expect(existsSync(join(models, 'models--symbolic--pocket'))).toBe(false);
    await row('Download a model from the Hugging Face Hub…').waitFor();
  });
});

describe('the Models view in an untrusted workspace', () => {
  it('neither lists nor opens what lies in it', async () => {
    await window?.close();
    const folder = mkdtempSync(join(tmpdir(), 'residue-models-'));
    mkdirSync(folder, { recursive: true });
    window = await EditorWindow.open({ trust: false, machineSettings: { 'symbolicResidue.models.folder': folder } });
    try {
      cpSync(join('media', 'models', 'pocket-small'), join(window.folder, 'models', 'small'), { recursive: true });
      await openView();
      await window.page.getByText('Restricted Mode: models of this workspace are neither listed nor opened.').waitFor();
      await row(/pocket-gpt2.*gpt2/).waitFor();
      expect(await row('models/small').count()).toBe(0);
      await window.screenshot('models-restricted');
    } finally {
      await window.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
