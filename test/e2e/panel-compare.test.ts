import { describe, expect, it } from 'vitest';
import { compareResidues } from '../../src/compare/compare.js';
import { serializePlain } from '../../src/residue/write.js';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';
import { overflow, overlappingTexts, pixelsOf, smallTexts, unlabelledCanvases } from './panel-harness/measures.js';

// A comparison in the panel's page alone, under its own Content-Security-Policy.
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
const second = generateResidue({ seed: 5, runs: 5, paraphrases: 8, layers: 9 });
second.provenance.model.id = 'another model';
second.provenance.model.files[0]!.sha256 = 'd'.repeat(64);
const comparison = compareResidues({ residue, file: null }, { residue: second, file: 'b.residue.json' }, { created: '' });
// The generator's wordings do not vary with the dose; a shell's do.
comparison.differences.find(({ name }) => name === 'margin')!.wording = { pairs: 56, p95: 0.5, beyond: true };
const message = { type: 'comparison', json: serializePlain(comparison) };

const hooks = usePanel();
let panel: PanelPage;
const open = async (options: Parameters<typeof hooks.open>[0] = {}): Promise<PanelPage> => {
  panel = await hooks.open(options);
  await panel.show(residue);
  await panel.send(message);
  await panel.settled();
  return panel;
};

describe('a comparison', () => {
  for (const theme of ['dark', 'light', 'contrast'] as const)
    for (const width of [400, 900])
      it(`${theme}, ${width} px: whole, labelled, nothing overlapping or cut`, async () => {
        await open({ width, theme });
        await panel.whole();
        await panel.settled();
        await panel.page.locator('#compare').screenshot({ path: `test-results/panel-compare-${theme}-${width}.png` });
        expect(await panel.page.locator('.note.bad').count()).toBe(0);
        expect(await panel.page.evaluate(overflow)).toBe(0);
        expect(await panel.page.evaluate(overlappingTexts)).toEqual([]);
        expect(await panel.page.evaluate(smallTexts)).toEqual([]);
        expect(await panel.page.evaluate(unlabelledCanvases)).toEqual([]);
      });

  it('is a section of its own that comes into sight, greys what is not beyond chance, and goes when it is closed', async () => {
    await open({ width: 700 });
    const section = panel.page.locator('#compare');
    expect(await section.locator('h2').innerText()).toBe('How does it differ?');
    expect((await section.boundingBox())!.y).toBeLessThan(300);
    expect(await section.locator('.finding').allInnerTexts()).toEqual(comparison.findings);
    const clear = comparison.differences.filter(({ test }) => test !== null && test.q <= 0.05).length;
    expect(await section.locator('[data-difference].doubtful').count()).toBe(comparison.differences.length - clear);
    expect(await section.locator('[data-difference]').count()).toBe(comparison.differences.length);
    await panel.page.locator('[data-key="compare-other"]').click();
    await panel.page.locator('[data-key="compare-close"]').click();
    expect(await panel.posted('compare')).toEqual([
      { type: 'compare', with: 'choose' },
      { type: 'compare', with: 'none' },
    ]);
    await panel.settled();
    expect(await section.count()).toBe(0);
    await panel.page.locator('[data-key="compare"]').click();
    expect((await panel.posted('compare')).at(-1)).toEqual({ type: 'compare', with: 'choose' });
  });

  it('marks the layers of the first side everywhere, and moves over depths with the arrow keys', async () => {
    await open({ width: 700, height: 1600 });
    const canvas = panel.page.locator('#figure-curves canvas');
    await canvas.focus();
    await panel.page.keyboard.press('Home');
    expect(await panel.page.locator('.tip').innerText()).toContain('depth 0: layer 0 of 6, and 0 of 9');
    await panel.page.keyboard.press('End');
    expect(await panel.page.locator('.tip').innerText()).toMatch(/depth 1: layer 6 of 6, and 9 of 9[^]*difference: [^]*Read off/);
    await panel.page.keyboard.press('Enter');
    await expect.poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 }).toMatchObject({ view: { row: 6 } });
  });

  it('draws dose and response of both in one chart, with intervals, and tells them by key', async () => {
    await open({ width: 700, height: 1600 });
    const canvas = panel.page.locator('#figure-doses canvas');
    expect(await panel.page.locator('#figure-doses .legend').innerText()).toMatch(/A: [^]*B: another model[^]*rewording alone/);
    await canvas.focus();
    await panel.page.keyboard.press('Home');
    const dose = comparison.doses[0]!;
    const tip = await panel.page.locator('.tip').innerText();
    for (const [name, value] of Object.entries(dose.vary)) expect(tip).toContain(`${name} = ${value}`);
    expect(tip).toContain(dose.a.failed ? 'fails' : 'does not fail');
    expect(tip).toMatch(/B − A: [^]*rewording alone: up to/);
    await panel.page.locator('[data-key="table.doses"]').click();
    await panel.settled();
    expect(await panel.page.locator('#figure-doses tbody tr').count()).toBe(comparison.doses.length);
    // Both lines, in their own colours.
    for (const colour of [
      [212, 212, 212],
      [177, 128, 215],
    ] as [number, number, number][])
      expect(await panel.page.evaluate(pixelsOf, { selector: '#figure-doses canvas', colour })).toBeGreaterThan(40);
  });

  it('switches curves, and copies differences as CSV', async () => {
    await open({ width: 700 });
    await panel.page.locator('#figure-curves vscode-dropdown').click();
    await panel.page.locator('#figure-curves vscode-option').last().click();
    await panel.settled();
    expect(await panel.page.locator('#figure-curves .evidence').innerText()).toBe('tested by intervention');
    await panel.page.locator('[data-key="csv.differences"]').click();
    const lines = ((await panel.posted('copy'))[0]!.text as string).trim().split('\r\n');
    expect(lines).toHaveLength(1 + comparison.differences.length);
    expect(lines[0]).toContain('another model');
    for (const id of ['curves', 'aligned', 'differences', 'compared-heads', 'doses']) {
      await panel.page.locator(`[data-key="table.${id}"]`).click();
      await panel.page.locator(`#figure-${id} > .figure-table table`).last().waitFor();
    }
  });

  it('is back after a reload, and gone with another shell', async () => {
    await open({ width: 700 });
    await panel.page.waitForFunction(() => sessionStorage.getItem('state')?.includes('"comparison":{'));
    await panel.page.reload();
    await panel.drawn();
    expect(await panel.page.locator('#compare').count()).toBe(1);
    await panel.show(residue, 'file:///another.yaml');
    expect(await panel.page.locator('#compare').count()).toBe(0);
  });
});
