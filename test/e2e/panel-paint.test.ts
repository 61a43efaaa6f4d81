import { beforeEach, describe, expect, it } from 'vitest';
import { serializeResidue } from '../../src/residue/write.js';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';

const hooks = usePanel();
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
let panel: PanelPage;
const open = async (options?: Parameters<typeof hooks.open>[0]): Promise<void> => {
  panel = await hooks.open(options);
};

/** Figures of the canvases that have been painted. */
const painted = (): Promise<string[]> =>
  panel.page.evaluate(() => {
    const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
    return [...document.querySelectorAll('canvas')]
      .filter((canvas) => {
        copy.canvas.width = canvas.width;
        copy.canvas.height = canvas.height;
        copy.drawImage(canvas, 0, 0);
        return copy.getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0);
      })
      .map((canvas) => canvas.closest('.figure')!.id);
  });

describe('the first paint', () => {
  beforeEach(() => open({ width: 700, height: 700, first: serializeResidue(residue) }));

  it('holds the verdict and the charts of the window, and nothing of it moves afterwards', async () => {
    await panel.firstPaint();
    await panel.drawn();
    await panel.page.waitForFunction(() => customElements.get('vscode-dropdown') !== undefined);
    await panel.settled();
    const moved = await panel.page.evaluate(
      () =>
        new Promise<string[]>((done) => {
          new PerformanceObserver((list) => done(list.getEntries().map((entry) => JSON.stringify(entry)))).observe({
            type: 'layout-shift',
            buffered: true,
          });
          setTimeout(() => done([]), 300);
        }),
    );
    expect(moved).toEqual([]);
  });

  it('leaves charts out of sight to when they come near, in boxes that keep their height', async () => {
    await panel.firstPaint();
    await panel.drawn();
    const heights = (): Promise<number[]> =>
      panel.page.evaluate(() => [...document.querySelectorAll<HTMLElement>('.canvas-box')].map((box) => box.offsetHeight));
    const before = await heights();
    expect(Math.min(...before)).toBeGreaterThan(60);
    expect(await painted()).toContain('figure-margin');
    expect(await painted()).not.toContain('figure-dose');
    await panel.page.locator('#figure-dose').scrollIntoViewIfNeeded();
    await expect.poll(painted).toContain('figure-dose');
    expect(await heights()).toEqual(before);
  });

  it('makes them for print, for a picture and for a key', async () => {
    await panel.drawn();
    expect(await painted()).not.toContain('figure-dose');
    // Asked for by the page's own tools, without scrolling there.
    await panel.page.locator('[data-key="svg.dose"]').evaluate((tool) => (tool as HTMLElement).click());
    const [saved] = (await panel.posted('save')) as unknown as { data: string }[];
    expect(saved!.data.match(/<path/g)!.length).toBeGreaterThan(residue.runs.length);
    expect(await painted()).not.toContain('figure-density');
    await panel.page.locator('[data-key="chart.density"]').evaluate((canvas) => {
      canvas.focus({ preventScroll: true });
      canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    });
    expect(await painted()).toContain('figure-density');
    await panel.whole();
    const all = await panel.page.evaluate(() => document.querySelectorAll('canvas').length);
    expect(await painted()).toHaveLength(all);
  });

  it('is there before the script of what stands below has come, which is then drawn', async () => {
    let come: () => void = () => undefined;
    const gate = new Promise<void>((done) => (come = done));
    await panel.page.route('**/webview-rest.js', async (route) => {
      await gate;
      await route.fallback();
    });
    await panel.page.reload();
    await panel.firstPaint();
    expect(await painted()).toEqual(['figure-margin']);
    const salience = panel.page.locator('[data-slot=salience]');
    expect(await salience.innerText()).toBe('');
    expect(await panel.page.evaluate(() => document.body.dataset.drawn)).toBeUndefined();
    // Asked for before it can be made.
    await panel.page.locator('[data-key="svg.margin"]').click();
    expect(await panel.posted('save')).toHaveLength(0);
    come();
    await panel.drawn();
    expect(await salience.innerText()).toContain('Layer salience');
    expect(await panel.posted('save')).toHaveLength(1);
  });

  it('says so where that script does not come', async () => {
    await panel.page.route('**/webview-rest.js', (route) => route.abort());
    await panel.page.reload();
    await panel.firstPaint();
    await expect.poll(() => panel.page.locator('.status').innerText()).toContain('The lower part of the panel could not be loaded');
    expect(await painted()).toEqual(['figure-margin']);
    expect(panel.faults.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')]);
  });

  it('shows its controls before their code has come, at the size that they then have', async () => {
    const size = (key: string): Promise<(number | undefined)[]> =>
      panel.page.locator(`[data-key="${key}"]`).evaluate((e) => {
        const { width, height } = e.getBoundingClientRect();
        return [Math.round(width), Math.round(height)];
      });
    await panel.drawn();
    await panel.page.waitForFunction(() => customElements.get('vscode-button') !== undefined);
    const after = [await size('verify'), await size('run')];
    await panel.page.route('**/webview-controls.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
    await panel.page.reload();
    await panel.drawn();
    expect(await panel.page.evaluate(() => customElements.get('vscode-button') === undefined)).toBe(true);
    expect([await size('verify'), await size('run')]).toEqual(after);
    expect(await panel.page.locator('[data-key=run]').innerText()).toContain('headline');
    await panel.page.locator('[data-key=verify]').click();
    expect(await panel.posted('run')).toHaveLength(1);
  });

  it('gives its controls the theme’s colours, and another theme’s when it changes', async () => {
    const colours = (): Promise<string[]> =>
      panel.page.evaluate(() =>
        ['verify', 'run'].map((key) => getComputedStyle(document.querySelector(`[data-key="${key}"]`)!).backgroundColor),
      );
    await panel.page.waitForFunction(() => customElements.get('vscode-dropdown') !== undefined);
    // Loaded when the window’s `load` had passed.
    expect(await panel.page.evaluate(() => document.readyState)).toBe('complete');
    await panel.theme('light');
    await expect.poll(colours, { timeout: 5000 }).toEqual(['rgb(95, 106, 121)', 'rgb(255, 255, 255)']);
    await panel.theme('dark');
    await expect.poll(colours, { timeout: 5000 }).toEqual(['rgb(58, 61, 65)', 'rgb(60, 60, 60)']);
  });
});
