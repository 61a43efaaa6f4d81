import { mkdirSync, readFileSync } from 'node:fs';
import { generateResidue } from '../../helpers/residue-generator.js';
import { buildPage, launch, PanelPage } from './harness.js';
import { THEMES } from './themes.js';

// Pictures of the panel in every width and theme, for looking: `npx tsx … [residue.json …]`. Without files: generated ones.
const files = process.argv.slice(2);
const residues: [string, unknown][] = files.length
  ? files.map((f) => [f.replace(/^.*\//, '').replace(/\..*$/, ''), JSON.parse(readFileSync(f, 'utf8'))])
  : [
      ['small', generateResidue({ length: 40, runs: 5, paraphrases: 8 })],
      ['large', generateResidue({ length: 1024, layers: 30, heads: 9 })],
    ];
const SIZES: [number, number][] = [
  [400, 700],
  [480, 700],
  [700, 900],
  [1000, 900],
];
mkdirSync('test-results', { recursive: true });
buildPage();
const browser = await launch();
for (const [name, residue] of residues)
  for (const theme of Object.keys(THEMES) as (keyof typeof THEMES)[])
    for (const [width, height] of SIZES) {
      const panel = await PanelPage.open(browser, { width, height, theme });
      const time = await panel.show(residue);
      if (await panel.page.locator('tr[data-head]').count()) await panel.page.locator('tr[data-head]').first().click();
      await panel.page.mouse.move(2, 2);
      await panel.page.waitForTimeout(150);
      await panel.whole();
      await panel.page.screenshot({ path: `test-results/panel-${name}-${theme}-${width}.png`, fullPage: true });
      await panel.page.evaluate(() => scrollTo(0, 0));
      if (width === 480) await panel.page.screenshot({ path: `test-results/panel-${name}-${theme}-first.png` });
      process.stdout.write(`${name} ${theme} ${width}: ${time} ms ${panel.faults.join(' | ')}\n`);
      await panel.close();
    }
await browser.close();
