import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { reportHtml } from '../../src/residue/html.js';
import { reportAssets } from '../../src/residue/report-assets.js';
import type { Residue } from '../../src/residue/types.js';
import { generateResidue } from '../helpers/residue-generator.js';
import { launch } from './panel-harness/harness.js';
import { overflow, overlappingTexts, smallTexts } from './panel-harness/measures.js';

const scratch = mkdtempSync(join(tmpdir(), 'residue-report-'));
let browser: Browser;
const faults: string[] = [];

beforeAll(async () => {
  mkdirSync('test-results', { recursive: true });
  execFileSync(process.execPath, ['esbuild.mjs', '--only=webview,report'], { stdio: 'ignore' });
  browser = await launch();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});
afterEach(() => expect(faults.splice(0)).toEqual([]));

/** Opens a residue's report from the disk as a reader would, with the network cut. */
async function open(residue: Residue, options: BrowserContextOptions = {}): Promise<Page> {
  const file = join(scratch, `${residue.shell.id}.html`);
  writeFileSync(file, reportHtml(residue, reportAssets(resolve('.'))));
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, acceptDownloads: true, ...options });
  await context.setOffline(true);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (
      request.url().replace(/#.*/, '') !== pathToFileURL(file).href &&
      request.url() !== 'about:blank' &&
      !/^(data|blob):/.test(request.url())
    )
      faults.push(`asked for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  if (options.javaScriptEnabled !== false) await page.waitForFunction(() => document.body.dataset.drawn !== undefined);
  return page;
}

const residue = generateResidue({ runs: 5, paraphrases: 8 });

describe('the report as one HTML file', () => {
  for (const [scheme, width] of [
    ['dark', 1000],
    ['light', 1000],
    ['light', 400],
  ] as const)
    it(`draws every section with no network, ${scheme}, at ${width} px`, async () => {
      const page = await open(residue, { colorScheme: scheme, viewport: { width, height: 900 } });
      for (const id of ['verdict', 'where', 'parts', 'almost', 'hold', 'provenance'])
        expect(await page.locator(`#${id}`).innerText(), id).not.toBe('');
      expect(await page.locator('canvas').count()).toBeGreaterThan(4);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(background).toBe(scheme === 'dark' ? 'rgb(31, 31, 31)' : 'rgb(255, 255, 255)');
      expect(await page.evaluate(overflow)).toBe(0);
      expect(await page.evaluate(smallTexts)).toEqual([]);
      expect(await page.evaluate(overlappingTexts)).toEqual([]);
      // Nothing is offered that a file cannot do.
      for (const name of ['Run again', 'Verify', 'Compare with…'])
        expect(await page.getByText(name, { exact: true }).filter({ visible: true }).count(), name).toBe(0);
      await page.evaluate(() => void dispatchEvent(new Event('beforeprint')));
      await page.screenshot({ path: `test-results/report-${scheme}-${width}.png`, fullPage: true });
      await page.context().close();
    });

  it('follows the system when it turns dark', async () => {
    const page = await open(residue, { colorScheme: 'light' });
    const pixels = (): Promise<string> => page.evaluate(() => document.querySelector<HTMLCanvasElement>('#where canvas')!.toDataURL());
    const before = await pixels();
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction(() => document.body.classList.contains('vscode-dark'));
    await expect.poll(pixels).not.toBe(before);
    await page.context().close();
  });

  it('copies a table, saves a chart, and opens a method at its place', async () => {
    const page = await open(residue, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.locator('#figure-margin').getByText('CSV', { exact: true }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^layer,[^\n]*\n0,/);
    const saving = page.waitForEvent('download');
    await page.locator('#figure-margin').getByText('PNG', { exact: true }).click();
    const png = readFileSync(await (await saving).path());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    await page.locator('#figure-margin .method').click();
    expect(await page.locator('#methods').getAttribute('open')).not.toBeNull();
    await expect.poll(() => page.locator('#method-logit-lens').evaluate((e) => Math.abs(e.getBoundingClientRect().top) < 200)).toBe(true);
    await page.screenshot({ path: 'test-results/report-methods.png' });
    await page.context().close();
  });

  it('gives the address of a view, which opens at it again; one that is none is passed over', async () => {
    const page = await open(residue, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.locator('#figure-density').getByText('Link', { exact: true }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^file:.*\.html#view=%7B/);
    const address = await page.evaluate(() => navigator.clipboard.readText());
    const seen = (): Promise<boolean> =>
      page.locator('#figure-density').evaluate((e) => e.getBoundingClientRect().top >= -1 && e.getBoundingClientRect().top < innerHeight);
    for (const [hash, there] of [
      ['#view=%7Bbroken', false],
      ['#view=[1]', false],
      [new URL(address).hash, true],
    ] as const) {
      await page.goto('about:blank');
      await page.goto(address.replace(/#.*/, hash));
      await page.waitForFunction(() => document.body.dataset.drawn !== undefined);
      await expect.poll(seen, { timeout: 5000 }).toBe(there);
    }
    await page.context().close();
  });

  it('shows texts of a model as texts', async () => {
    const hostile = '</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>';
    const bad = structuredClone(residue);
    bad.shell = { ...bad.shell, id: 'hostile', title: hostile, motivation: hostile };
    bad.notes = [hostile];
    bad.runs[bad.primary]!.tokens[3]!.text = hostile;
    bad.verdict!.sentence = hostile;
    const page = await open(bad);
    expect(await page.locator('h1').innerText()).toBe(hostile);
    expect(await page.title()).toBe(`hostile: ${hostile} · residue`);
    expect(await page.locator('img').count()).toBe(0);
    await page.context().close();
  });

  it('prints on white in dark mode, and reads as text without scripts', async () => {
    const page = await open(residue, { colorScheme: 'dark' });
    const pdf = join('test-results', 'report.pdf');
    await page.pdf({ path: pdf, format: 'A4', printBackground: true });
    expect(statSync(pdf).size).toBeGreaterThan(20_000);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(
      await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--vscode-editor-background').trim()),
    ).toBe('#ffffff');
    await page.setViewportSize({ width: 760, height: 900 });
    await page.evaluate(() => void dispatchEvent(new Event('beforeprint')));
    await page.screenshot({ path: 'test-results/report-print.png', fullPage: true });
    await page.context().close();
    const bare = await open(residue, { javaScriptEnabled: false });
    expect(await bare.locator('noscript pre').innerText()).toContain('Where was it lost');
    await bare.context().close();
  });
});
