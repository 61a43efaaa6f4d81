import { describe, expect, it } from 'vitest';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';
import { overflow, pixelsOf } from './panel-harness/measures.js';

// What interventions showed, in the panel's page alone: the patching map and the effects of ablations.
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
const hooks = usePanel();
let panel: PanelPage;
const open = async (options: Parameters<typeof hooks.open>[0] = {}): Promise<PanelPage> => (panel = await hooks.open(options));
const tip = (): Promise<string> => panel.page.locator('.tip').innerText();
const map = '#figure-patching .columns canvas';

describe('the patching map', () => {
  it('switches between the stream, attention, MLPs and heads, and keeps the choice', async () => {
    await open();
    await panel.show(residue);
    const picture = (): Promise<string> => panel.page.locator(map).evaluate((c) => (c as HTMLCanvasElement).toDataURL());
    const seen = new Set([await picture()]);
    for (const at of ['attn_out', 'mlp_out', 'z']) {
      await panel.page.locator(`[data-key="patching.${at}"]`).click();
      await panel.settled();
      await panel.page.waitForTimeout(100);
      seen.add(await picture());
      expect(await panel.page.locator(`[data-key="patching.${at}"]`).getAttribute('aria-pressed')).toBe('true');
    }
    expect(seen.size).toBe(4);
    await expect.poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 }).toMatchObject({ view: { patching: 'z' } });
    await panel.page.locator('[data-key="csv.patching"]').click();
    const heads = (await panel.posted('copy'))[0]!.text as string;
    expect(heads.split('\r\n')[0]).toBe('layer,head,recovery');
    expect(heads.trim().split('\r\n')).toHaveLength(1 + 6 * 8);
  });

  it('moves over layers and tokens with the arrow keys, says them aloud, and pins a head everywhere', async () => {
    await open({ height: 2600 });
    await panel.show(residue);
    await panel.page.locator(map).focus();
    await panel.page.keyboard.press('Home');
    await panel.page.keyboard.press('ArrowUp');
    await panel.page.keyboard.press('ArrowRight');
    expect(await tip()).toMatch(/layer 1 of 6[^]*position 1[^]*R = [^]*Tested by intervention/);
    expect(await panel.page.locator('[aria-live=polite].sr').innerText()).toContain('position 1');
    await panel.page.keyboard.press('Enter');
    await panel.settled();
    expect(await panel.page.locator('.token.pinned').getAttribute('data-token')).toBe('1');
    await panel.page.keyboard.press('Escape');
    await panel.page.locator('[data-key="patching.z"]').click();
    await panel.settled();
    await panel.page.locator(map).focus();
    await panel.page.keyboard.press('Home');
    await panel.page.keyboard.press('ArrowRight');
    await panel.page.keyboard.press('Enter');
    await panel.settled();
    expect(await tip()).toContain('head 0.1');
    expect(await panel.page.locator('#figure-attention .caption-title').innerText()).toContain('0.1');
  });

  it('marks the layer that is hovered in another chart', async () => {
    await open({ height: 7000 });
    await panel.show(residue);
    const blue = (): Promise<number> => panel.page.evaluate(pixelsOf, { selector: map, colour: [0, 127, 212] as [number, number, number] });
    const before = await blue();
    const box = (await panel.page.locator('#figure-margin canvas').boundingBox())!;
    await panel.page.mouse.move(box.x + box.width * 0.5, box.y + 60);
    await panel.settled();
    expect(await blue()).toBeGreaterThan(before);
  });

  it('has a table, fits 400 px, and scrolls a long prompt in its own box', async () => {
    await open({ width: 400 });
    await panel.show(generateResidue({ seed: 3, length: 300, layers: 12 }));
    await panel.page.locator('[data-key="table.patching"]').click();
    await panel.settled();
    expect(await panel.page.locator('#figure-patching tbody tr').count()).toBe(300);
    expect(await panel.page.evaluate(overflow)).toBe(0);
    expect(await panel.page.locator('#figure-patching .columns').evaluate((e) => e.scrollWidth > 2 * e.clientWidth)).toBe(true);
    expect(await panel.page.locator('#figure-patching .columns').evaluate((e) => e.scrollLeft)).toBeGreaterThan(0);
  });
});

it('shows every column of the effects at 400 px, with who made up the difference', async () => {
  await open({ width: 400 });
  await panel.show(residue);
  const box = panel.page.locator('#figure-effects .table-box');
  expect(await box.evaluate((e) => e.scrollWidth - e.clientWidth)).toBe(0);
  expect(await box.locator('thead').innerText()).toMatch(/predicted\s+zero\s+mean\s+resample/);
  expect(await box.locator('.repair').first().innerText()).toMatch(/^made up by mlp 5 [+−]/);
});

it('greys heads that do not clear their null, and says in the legend which null that is', async () => {
  await open({ width: 700 });
  const grey = (): Promise<number> =>
    panel.page.evaluate(pixelsOf, { selector: '#figure-heads canvas', colour: [117, 117, 117] as [number, number, number] });
  const made = structuredClone(residue);
  const run = made.runs[made.primary]!;
  const all = (q: number): number[][] => run.attribution!.head.map((row) => row.map(() => q));
  run.nulls!.contribution = { of: 'the other heads of its layer', n: 31, p: all(0.01), q: all(0.01) };
  await panel.send({ type: 'view', view: { writes: 'all' } });
  await panel.show(made);
  const before = await grey();
  run.nulls!.contribution = { ...run.nulls!.contribution, q: all(0.5) };
  await panel.show(made);
  await panel.settled();
  expect(await grey()).toBeGreaterThan(before + 100);
  expect(await panel.page.locator('#figure-heads .legend').innerText()).toContain(
    'grey: contributes no more than other heads of its layer',
  );
});

it('shows every column of the disruption and of the heads at 400 px', async () => {
  await open({ width: 400 });
  await panel.show(residue);
  for (const box of ['#figure-disruption .table-box', '.heads-table .table-box'])
    expect(await panel.page.locator(box).evaluate((e) => e.scrollWidth - e.clientWidth), box).toBe(0);
  expect(await panel.page.locator('.heads-table thead').innerText()).toMatch(/verdict/);
});

describe('asking for more', () => {
  it('verifies from the bar, the verdict and the place where the cause would stand, keeping the graph that was asked for', async () => {
    await open();
    const plain = structuredClone(residue);
    for (const run of plain.runs) {
      delete run.verification;
      delete run.graph;
    }
    plain.verdict!.confirmed = [];
    await panel.show(plain);
    for (const key of ['verify', 'verify-cause', 'chip.cause: not checked']) await panel.page.locator(`[data-key="${key}"]`).click();
    expect(await panel.posted('run')).toEqual(Array(3).fill({ type: 'run', verify: true }));
    await panel.show(residue);
    await panel.page.locator('[data-key="verify"]').click();
    expect((await panel.posted('run')).at(-1)).toEqual({ type: 'run', verify: true, graph: true });
    // Progress takes the place of the buttons, and can be cancelled.
    await panel.send({ type: 'progress', stage: 'probe: causal verification', done: 22.4, total: 100 });
    await panel.page.getByText('probe: causal verification: 22 of 100').waitFor();
    expect(await panel.page.locator('[data-key="verify"]').count()).toBe(0);
    await panel.page.locator('[data-key="cancel"]').click();
    expect(await panel.posted('cancel')).toHaveLength(1);
  });

  it('says why nothing runs in a workspace that is not trusted, until it is', async () => {
    await open();
    await panel.show(residue);
    await panel.send({ type: 'off', reason: 'Running shells is off in Restricted Mode.' });
    await panel.settled();
    for (const key of ['verify', 'run-again']) {
      const button = panel.page.locator(`[data-key="${key}"]`);
      expect(await button.getAttribute('title')).toBe('Running shells is off in Restricted Mode.');
      expect(await button.getAttribute('aria-disabled')).toBe('true');
      await button.click();
    }
    expect(await panel.posted('run')).toEqual([]);
    await panel.send({ type: 'off', reason: null });
    await panel.settled();
    await panel.page.locator('[data-key="verify"]').click();
    expect(await panel.posted('run')).toHaveLength(1);
  });
});
