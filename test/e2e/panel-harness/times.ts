import { statSync } from 'node:fs';
import { serializeResidue } from '../../../src/residue/write.js';
import { launch, PanelPage } from './harness.js';
import { servePage } from './serve.js';
import { generateResidue } from '../../helpers/residue-generator.js';
import { patternFor } from '../../helpers/residue-pattern.js';

export interface PanelTimes {
  /**
   * By the clock, ms: from the page's navigation, in a browser that has started and opened the window, until a reader sees the verdict
   * and every chart of the first window (700 × 900 px). Within: the page's files from memory over HTTP on this machine, without any
   * cache; compiling and running them; the page's `ready`, the answer to it (500 KB of residue as text), reading and checking that,
   * drawing, painting without a GPU. Not within: what VS Code takes to make the webview and to hand its files over.
   */
  first: number;
  /** Processor time of the main thread until that was known, ms: some of what is drawn after the first paint is in it. */
  firstBusy: number;
  /** A frame of the 1,024-token pattern while it is scrolled and pointed at: by the clock and in processor time, ms. */
  frame: number;
  frameBusy: number;
  /** The page's scripts and style sheet. */
  bytes: number;
}

const FRAMES = 120;

/** Measures fresh pages, one after the other. The page must have been bundled. */
export async function measurePanel(pages: number): Promise<PanelTimes[]> {
  const browser = await launch();
  const server = await servePage();
  const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
  const json = serializeResidue(residue);
  const long = generateResidue({ length: 1024, layers: 6, heads: 8 });
  const data = patternFor(long, 3, 2);
  const bytes = ['dist/webview.js', 'dist/webview-rest.js', 'dist/webview-controls.js', 'dist/webview.css'].reduce(
    (sum, file) => sum + statSync(file).size,
    0,
  );
  const times: PanelTimes[] = [];
  try {
    for (let i = 0; i < pages; i++) {
      const panel = await PanelPage.open(browser, { width: 700, height: 900, first: json, origin: server.origin });
      const first = await panel.firstPaint();
      const busy = await panel.busy();
      await panel.drawn();
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
    server.close();
  }
  return times;
}
