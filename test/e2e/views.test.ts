import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EditorWindow } from './window.js';
import { shellText } from '../helpers/shell-text.js';

// Looking into a residue in the packaged extension: whole patterns from the engine, and addresses of views.
const shell = 'small.shell.yaml';
const text = shellText({ id: 'small', rivals: null });
let window: EditorWindow;

afterEach(({ task }) => window?.keepIfFailed(task));

describe('inspecting in the packaged extension', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files: { [shell]: text } });
  });
  afterAll(() => window?.close());

  it('reads the whole attention pattern of any head from the engine, which agrees with the residue', async () => {
    await window.openFile(shell);
    await window.goToLine(1);
    const panel = window.panel();
    await window.clickLens('Run shell', panel.locator('.headline'));
    await window.runsEnded();
    await panel.locator('tr[data-head]').first().click();
    await panel.locator('[data-key="pattern-show"]').click();
    await panel.locator('#figure-pattern').waitFor();
    // The next head comes without being asked for again.
    const title = await panel.locator('#figure-pattern .caption-title').innerText();
    await panel.locator('[data-key="head-step.1"]').click();
    await expect.poll(() => panel.locator('#figure-pattern .caption-title').innerText(), { timeout: 30_000 }).not.toBe(title);
    expect(await panel.locator('.note.bad').count()).toBe(0);
    await panel.locator('#figure-pattern').scrollIntoViewIfNeeded();
    await window.screenshot('panel-pattern-engine');
  });

  it('copies the link of a view and opens it again, with what was pinned', async () => {
    const panel = window.panel();
    await panel.locator('[data-key="measure.entropy"]').click();
    const head = await panel.locator('#figure-pattern .caption-title').innerText();
    const copied = window.page.locator('.statusbar-item', { hasText: 'Link to the view copied.' });
    await window.persist(() => panel.locator('[data-key="link.map"]').click({ timeout: 10_000 }), copied);
    const link = await window.page.evaluate(() => navigator.clipboard.readText());
    expect(link).toMatch(/^[\w-]+:\/\/symbolic-residue\.symbolic-residue\/view\?file=small\.shell\.yaml&section=figure-map&/);
    expect(link).toContain('measure=entropy');
    await panel.locator('body').press('Escape');
    await panel.locator('[data-key="measure.norm"]').click();
    await window.reset();
    await window.command('Symbolic Residue: Open Link to View…');
    // What was copied is at hand, once the list of commands has made way.
    await vi.waitUntil(async () => (await window.page.locator('.quick-input-widget input.input').inputValue()) === link, 60_000);
    await window.page.keyboard.press('Enter');
    await window.panel().locator('#figure-map .caption-title', { hasText: 'Entropy' }).waitFor();
    await window.panel().locator('#figure-pattern .caption-title', { hasText: head }).waitFor();
    const inView = (): Promise<boolean> =>
      window
        .panel()
        .locator('#figure-map')
        .evaluate((e) => e.getBoundingClientRect().top < innerHeight);
    await expect.poll(inView, { timeout: 30_000 }).toBe(true);
    await window.screenshot('panel-link-opened');
  });

  it('says in one sentence why a link leads nowhere', async () => {
    await window.reset();
    await window.command('Symbolic Residue: Open Link to View…');
    const input = window.page.locator('.quick-input-widget input.input');
    await vi.waitUntil(async () => !(await input.inputValue()).startsWith('>'), 60_000);
    await input.fill('vscode://symbolic-residue.symbolic-residue/view?file=/etc/passwd');
    await window.page.locator('.quick-input-message', { hasText: 'must be a *.shell.yaml or a *.residue.json' }).waitFor();
    await input.fill('vscode://symbolic-residue.symbolic-residue/view?file=gone.shell.yaml');
    await window.page.keyboard.press('Enter');
    await window.toast('gone.shell.yaml, which is not in this workspace').waitFor();
  });

  it('copies the link of the panel in front by a command', async () => {
    await window.reset();
    await window.openFile(shell);
    await window.command('Symbolic Residue: Show Residue');
    await window.panel().locator('.headline').waitFor();
    await window.panelTab().click();
    await window.command('Symbolic Residue: Copy Link to View');
    await expect
      .poll(() => window.page.evaluate(() => navigator.clipboard.readText()), { timeout: 30_000 })
      .toMatch(/view\?file=small\.shell\.yaml&section=verdict/);
    expect(window.complaints).toEqual([]);
  });
});
