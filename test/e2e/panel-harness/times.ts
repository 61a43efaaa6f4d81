import { statSync } from 'node:fs';
import { serializeResidue } from '../../../src/residue/write.js';
import { launch, PanelPage } from './harness.js';
import { generateResidue } from '../../helpers/residue-generator.js';
import { patternFor } from '../../helpers/residue-pattern.js';

export interface PanelTimes {
  /** From the page's navigation to the frame that shows the verdict and the first charts of a finished residue, ms. */
  first: number;
  /** Processor time of the main thread until then, ms. */
  firstBusy: number;
  /** A frame of the 1,024-token pattern while it is scrolled and pointed at: by the clock and in processor time, ms. */
  frame: number;
  frameBusy: number;
  /** The page's script and style sheet. */
  bytes: number;
}

const FRAMES = 120;

/** Measures fresh pages, one after the other. dist/webview.js must have been built. */
export async function measurePanel(pages: number): Promise<PanelTimes[]> {
  const browser = await launch();
  const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
  const json = serializeResidue(residue);
  const long = generateResidue({ length: 1024, layers: 6, heads: 8 });
  const data = patternFor(long, 3, 2);
  const bytes = ['dist/webview.js', 'dist/webview.css'].reduce((sum, file) => sum + statSync(file).size, 0);
  const times: PanelTimes[] = [];
  try {
    for (let i = 0; i < pages; i++) {
      const panel = await PanelPage.open(browser, { width: 700, height: 900, first: json });
      const busy = await panel.busy();
      const first = await panel.firstPaint();
      await panel.show(long);
      await panel.send({ type: 'view', view: { head: '3.2', pattern: true, section: 'figure-pattern' } });
      await panel.sendPattern({ run: long.runs[0]!.name, layer: 3, head: 2 }, data);
      const zoom = panel.page.locator('[data-key="zoom.pattern.+"]');
      for (let k = 0; k < 4; k++) await zoom.click();
      await panel.settled();
      const before = await panel.busy();
      const frame = await panel.frames(FRAMES);
      times.push({ first, firstBusy: busy, frame, frameBusy: ((await panel.busy()) - before) / FRAMES, bytes });
      if (panel.faults.length > 0) throw new Error(panel.faults.join('; '));
      await panel.close();
    }
  } finally {
    await browser.close();
  }
  return times;
}
