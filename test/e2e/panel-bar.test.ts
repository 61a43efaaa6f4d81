import { beforeEach, describe, expect, it } from 'vitest';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';

const hooks = usePanel();
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
let panel: PanelPage;

beforeEach(async () => {
  panel = await hooks.open({ width: 700 });
  await panel.show(residue);
});

describe('running again', () => {
  const buttons = () => panel.page.locator('vscode-button').filter({ hasText: 'Run again', visible: true });
  const standing = async (stale: string | null): Promise<void> => {
    await panel.send({ type: 'standing', standing: { at: '2026-01-02T03:04:05Z', cached: true, stale, trend: [] } });
    await panel.settled();
  };

  it('is offered once, whether a result is new, cached or stale', async () => {
    expect(await buttons().count()).toBe(1);
    await standing(null);
    expect(await panel.page.locator('.banner.cached').innerText()).toContain('cached, run at');
    expect(await buttons().count()).toBe(1);
    expect(await buttons().getAttribute('appearance')).toBe('secondary');
    await standing('the prompt was changed');
    expect(await panel.page.locator('.banner.stale').innerText()).toContain('stale: the prompt was changed since this was run at');
    expect(await buttons().count()).toBe(1);
    // It is the thing to do now.
    expect(await buttons().getAttribute('appearance')).toBe('primary');
    await buttons().click();
    expect(await panel.posted('run')).toHaveLength(1);
  });

  it('is offered once over a residue whose last run failed', async () => {
    await panel.send({ type: 'error', message: 'the engine stopped', place: null });
    await panel.page.locator('.banner.error').waitFor();
    expect(await buttons().count()).toBe(1);
  });
});

it('the list of runs shows its choice in every frame while runs arrive, and then has them all', async () => {
  const partial = (runs: number): unknown => ({ ...residue, status: 'running', runs: residue.runs.slice(0, runs), primary: 0 });
  await panel.show(partial(2), 'file:///b.yaml');
  await panel.page.waitForFunction(() => {
    const list = document.querySelector('vscode-dropdown[data-key=run]');
    return list?.shadowRoot?.querySelector('.selected-value')?.textContent?.trim();
  });
  await panel.page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    const look = (): void => {
      const list = document.querySelector('vscode-dropdown[data-key=run]');
      seen.push(list?.shadowRoot?.querySelector('.selected-value')?.textContent?.trim() ?? '');
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  for (let runs = 3; runs <= residue.runs.length; runs++) {
    for (let done = 0; done < 4; done++) await panel.send({ type: 'progress', stage: `run ${runs}`, done, total: 4 });
    await panel.show(partial(runs), 'file:///b.yaml');
  }
  const seen = await panel.page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  expect(seen.length).toBeGreaterThan(3);
  expect([...new Set(seen)]).toEqual([expect.stringContaining('(headline)')]);
  const list = panel.page.locator('vscode-dropdown[data-key=run]');
  expect(await list.locator('vscode-option').count()).toBe(residue.runs.length);
  await list.click();
  await list.locator('vscode-option').last().click();
  await expect
    .poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 })
    .toMatchObject({ view: { run: residue.runs.length - 1 } });
});

it('generated tokens are read by keyboard and by a screen reader', async () => {
  const { tokens, ids } = residue.runs[residue.primary]!.generation!;
  const items = panel.page.locator('#figure-generation [role=listitem]');
  expect(await items.count()).toBe(tokens.length);
  await panel.page.locator('#figure-generation [data-key="link.generation"]').focus();
  await panel.page.keyboard.press('Tab');
  expect(await items.first().evaluate((e) => e === document.activeElement)).toBe(true);
  await panel.page.keyboard.press('ArrowRight');
  const told = `generated token 1${ids ? `, id ${ids[1]}` : ''}`;
  expect(await panel.page.locator('.tip').innerText()).toContain(told);
  expect(await items.nth(1).getAttribute('aria-label')).toContain(told);
  await panel.page.keyboard.press('End');
  expect(await items.last().evaluate((e) => e === document.activeElement)).toBe(true);
});
