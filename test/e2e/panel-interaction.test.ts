import { describe, expect, it } from 'vitest';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';
import { pixelsOf } from './panel-harness/measures.js';

// The panel's page alone in a real browser, under its own Content-Security-Policy: what it does when it is used.
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
const hooks = usePanel();
let panel: PanelPage;
const open = async (options: Parameters<typeof hooks.open>[0] = {}): Promise<PanelPage> => (panel = await hooks.open(options));
const focusedKey = (): Promise<string | undefined> =>
  panel.page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.key);
const tip = (): Promise<string> => panel.page.locator('.tip').innerText();

describe('links and keys', () => {
  it('marks a hovered layer everywhere; a click pins it, Escape unpins', async () => {
    // Tall enough for all of them: what is out of sight is drawn when it comes into sight.
    await open({ height: 7000 });
    await panel.show(residue);
    const blue = (id: string): Promise<number> =>
      panel.page.evaluate(pixelsOf, { selector: id, colour: [0, 127, 212] as [number, number, number] });
    const charts = ['#figure-margin canvas', '#figure-salience canvas', '#figure-heads canvas', '#figure-map .columns canvas'];
    const before = await Promise.all(charts.map(blue));
    const box = (await panel.page.locator('#figure-margin canvas').boundingBox())!;
    await panel.page.mouse.move(box.x + box.width * 0.6, box.y + 60);
    await panel.settled();
    const hovered = await Promise.all(charts.map(blue));
    hovered.forEach((n, i) => expect(n, charts[i]).toBeGreaterThan(before[i]!));
    expect(await tip()).toMatch(/layer \d of 6/);
    expect(await tip()).toContain('nats');
    await panel.page.mouse.down();
    await panel.page.mouse.up();
    await panel.page.mouse.move(2, 2);
    await panel.settled();
    expect(await panel.page.locator('.tip').isVisible()).toBe(false);
    (await Promise.all(charts.map(blue))).forEach((n, i) => expect(n, charts[i]).toBeGreaterThan(before[i]!));
    await panel.page.keyboard.press('Escape');
    await panel.settled();
    expect(await Promise.all(charts.map(blue))).toEqual(before);
  });

  it('moves over layers with the arrow keys and says them aloud; Enter pins', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('#figure-margin canvas').focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft']) await panel.page.keyboard.press(key);
    const live = await panel.page.locator('[aria-live=polite].sr').innerText();
    expect(live).toContain('layer 1 of 6');
    await panel.page.keyboard.press('End');
    expect(await tip()).toContain('layer 6 of 6');
    await panel.page.keyboard.press('Enter');
    await expect.poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 }).toMatchObject({ view: { row: 6 } });
    expect(await focusedKey()).toBe('chart.margin');
  });

  it('moves over layers and tokens of the map, scrolling it, with the axis staying put', async () => {
    await open({ width: 480 });
    await panel.show(generateResidue({ length: 200, layers: 12 }));
    const canvas = panel.page.locator('#figure-map .columns canvas');
    await canvas.scrollIntoViewIfNeeded();
    const left = (): Promise<number> => panel.page.locator('#figure-map .columns').evaluate((e) => e.scrollLeft);
    expect(await left()).toBeGreaterThan(0); // begins at the answer
    await canvas.focus();
    await panel.page.keyboard.press('Home');
    await panel.settled();
    expect(await left()).toBe(0);
    expect(await tip()).toContain('layer 0 (embeddings)');
    for (let i = 0; i < 40; i++) await panel.page.keyboard.press('ArrowRight');
    await panel.page.keyboard.press('ArrowUp');
    expect(await tip()).toMatch(/layer 1 of 12[^]*position 40/);
    expect(await left()).toBeGreaterThan(0);
    const canvasBox = (await canvas.boundingBox())!;
    const box = (await panel.page.locator('#figure-map .columns').boundingBox())!;
    expect(Math.abs(canvasBox.x - box.x)).toBeLessThan(1.5);
  });

  it('moves over tokens, and pins one', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('.strip').first().focus();
    for (let i = 0; i < 3; i++) await panel.page.keyboard.press('ArrowRight');
    await panel.settled();
    expect(await panel.page.locator('.token.marked').getAttribute('data-token')).toBe('2');
    expect(await tip()).toContain('token 2');
    await panel.page.keyboard.press('Enter');
    await panel.settled();
    expect(await panel.page.locator('.token.pinned').getAttribute('data-token')).toBe('2');
    expect(await focusedKey()).toBe('strip');
  });

  it('shows the attention of a selected head, sorts heads, and walks the rows', async () => {
    await open();
    await panel.show(residue);
    const first = panel.page.locator('tr[data-head]').first();
    const name = await first.locator('td').first().innerText();
    await first.focus();
    await panel.page.keyboard.press('Enter');
    await panel.page.locator('#figure-attention').waitFor();
    expect(await panel.page.locator('#figure-attention .caption-title').innerText()).toContain(name);
    await panel.page.locator('[data-key="sort.head"]').click();
    await panel.settled();
    await panel.page.locator('[data-key="sort.head"]').click();
    await panel.settled();
    expect(await panel.page.locator('tr[data-head]').first().getAttribute('data-head')).toBe('0.0');
    expect(await panel.page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('ascending');
    await panel.page.locator('tr[data-head]').first().focus();
    await panel.page.keyboard.press('ArrowDown');
    expect(await focusedKey()).toBe('head.0.1');
    await panel.page.locator('[data-key="all-heads"]').click();
    await panel.settled();
    expect(await panel.page.locator('tr[data-head]').count()).toBe(48);
  });

  it('folds a long prompt and unfolds a stretch', async () => {
    await open({ width: 480 });
    await panel.show(generateResidue({ length: 1024 }));
    const folds = await panel.page.locator('.fold').count();
    expect(folds).toBeGreaterThan(0);
    expect(await panel.page.locator('.fold').first().innerText()).toMatch(/^… \d+ tokens …$/);
    const before = await panel.page.locator('.strip .token').count();
    await panel.page.locator('.fold').first().click();
    await panel.settled();
    expect(await panel.page.locator('.fold').count()).toBe(folds - 1);
    expect(await panel.page.locator('.strip .token').count()).toBeGreaterThan(before);
  });

  it('switches shading, run and prompt', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('[data-key="shading.contribution"]').click();
    await panel.settled();
    expect(await panel.page.locator('.token.toward-rival').count()).toBeGreaterThan(0);
    expect(await panel.page.locator('[data-key="shading.contribution"]').getAttribute('aria-pressed')).toBe('true');
    const dropdown = panel.page.locator('vscode-dropdown[data-key=run]');
    await dropdown.click();
    await dropdown.locator('vscode-option').nth(0).click();
    await expect
      .poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 })
      .toMatchObject({ view: { run: 0, shading: 'contribution' } });
    await panel.page.locator('[data-key="prompt.control"]').click();
    await panel.settled();
    expect(await panel.page.locator('.strip .token').first().isVisible()).toBe(true);
    expect(await panel.page.locator('#figure-tokens .caption-title').innerText()).toBe('The control');
    expect(await panel.page.locator('#figure-tokens .token').count()).toBe(residue.control!.tokens.length);
  });
});

describe('tables and exports', () => {
  it('has a table behind a toggle for each chart, kept open', async () => {
    await open();
    await panel.show(residue);
    for (const id of ['tokens', 'margin', 'salience', 'heads', 'map', 'dose', 'density', 'paraphrases']) {
      const toggle = panel.page.locator(`[data-key="table.${id}"]`);
      await toggle.click();
      await panel.page.locator(`#figure-${id} table`).first().waitFor();
      expect(await toggle.getAttribute('aria-pressed'), id).toBe('true');
    }
    expect(await panel.page.locator('#figure-margin tbody tr').count()).toBe(7);
  });

  it('copies CSV, saves PNG, JSON and the command', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('[data-key="csv.margin"]').click();
    const copied = (await panel.posted('copy'))[0]!.text as string;
    expect(copied.split('\r\n')[0]).toBe(
      'layer,probe margin (nats),control margin (nats),log p(answer),rank,entropy (nats),leading token,its p,over “·blue” (nats),over “·green” (nats)',
    );
    expect(copied.trim().split('\r\n')).toHaveLength(8);
    for (const id of ['margin', 'salience', 'heads', 'map']) await panel.page.locator(`[data-key="png.${id}"]`).click();
    const saved = await panel.posted('save');
    expect(saved.map((s) => s.name)).toEqual([
      'v1.MEMTRACE-margin.png',
      'v1.MEMTRACE-salience.png',
      'v1.MEMTRACE-heads.png',
      'v1.MEMTRACE-map.png',
    ]);
    for (const s of saved) {
      const bytes = Buffer.from(s.data as string, 'base64');
      expect(bytes.subarray(1, 4).toString()).toBe('PNG');
      expect(bytes.length).toBeGreaterThan(1000);
    }
    await panel.page.locator('[data-key="copy-command"]').click();
    expect((await panel.posted('copy')).at(-1)!.text).toBe(residue.provenance.command);
    await panel.page.locator('[data-key="save-json"]').click();
    expect(JSON.parse((await panel.posted('save')).at(-1)!.data as string)).toEqual(JSON.parse(JSON.stringify(residue)));
  });

  it('opens the method of a formula by its name', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('#figure-margin .method').click();
    expect(await panel.posted('openMethods')).toEqual([{ type: 'openMethods', anchor: 'logit-lens' }]);
  });
});

describe('theme and state', () => {
  it('redraws every chart when the theme changes', async () => {
    await open();
    await panel.show(residue);
    const shot = async (): Promise<string[]> => {
      await panel.whole();
      return panel.page.evaluate(() => [...document.querySelectorAll('canvas')].map((c) => c.toDataURL()));
    };
    const dark = await shot();
    await panel.theme('light');
    const light = await shot();
    expect(light).toHaveLength(dark.length);
    light.forEach((s, i) => expect(s === dark[i], `canvas ${i}`).toBe(false));
    expect(await panel.page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(255, 255, 255)');
  });

  it('is back after a reload with what was chosen, before the host says anything', async () => {
    await open();
    await panel.show(residue);
    await panel.page.locator('[data-key="shading.contribution"]').click();
    await panel.page.locator('[data-key="table.margin"]').click();
    await panel.page.locator('tr[data-head]').nth(2).click();
    await panel.settled();
    const head = await panel.page.locator('tr.pinned td').first().innerText();
    await panel.page.evaluate(() => scrollTo(0, 700));
    await panel.page.waitForFunction(() => sessionStorage.getItem('state')?.includes('"scroll":700'));
    await panel.page.reload();
    await panel.drawn();
    expect(await panel.page.locator('.headline').innerText()).toContain('Failed');
    expect(await panel.page.locator('[data-key="shading.contribution"]').getAttribute('aria-pressed')).toBe('true');
    expect(await panel.page.locator('#figure-margin table').count()).toBe(1);
    expect(await panel.page.locator('tr.pinned td').first().innerText()).toBe(head);
    expect(await panel.page.evaluate(() => scrollY)).toBe(700);
    const state = await panel.page.evaluate(() => JSON.parse(sessionStorage.getItem('state')!) as { shellUri: string });
    expect(state.shellUri).toBe('file:///shell.yaml');
  });

  it('draws 48 layers × 1,024 tokens without a node per cell', async () => {
    await open({ width: 700 });
    const large = generateResidue({ length: 1024, layers: 48, heads: 32 });
    const time = await panel.show(large);
    const { nodes, columns } = await panel.page.evaluate(() => ({
      nodes: document.querySelectorAll('*').length,
      columns: document.querySelector('#figure-map .columns')!.scrollWidth,
    }));
    process.stdout.write(`panel: 48 × 1,024 drawn in ${time} ms, ${nodes} nodes\n`);
    expect(nodes).toBeLessThan(2500);
    expect(columns).toBeGreaterThan(10_000);
    await panel.page.locator('#figure-map').scrollIntoViewIfNeeded();
    const canvas = await panel.page.locator('#figure-map .columns canvas').evaluate((c) => (c as HTMLCanvasElement).width);
    expect(canvas).toBeLessThan(2000);
    await panel.whole();
    await panel.page.screenshot({ path: 'test-results/panel-large.png', fullPage: true });
  });
});
