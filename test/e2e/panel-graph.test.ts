import { describe, expect, it } from 'vitest';
import type { Residue } from '../../src/residue/types.js';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';
import { overflow, overlappingTexts, smallTexts } from './panel-harness/measures.js';

// The attribution graph in the panel's page alone, under its own Content-Security-Policy.
const hooks = usePanel();
let panel: PanelPage;
const open = async (options: Parameters<typeof hooks.open>[0] = {}): Promise<PanelPage> => (panel = await hooks.open(options));
const tip = (): Promise<string> => panel.page.locator('.tip').innerText();

/** A residue whose graph has a column for every token: heads of six layers at each, all read into the last. */
function graphed(): Residue {
  const residue = generateResidue({ seed: 2, layers: 6, heads: 8, length: 24 });
  const run = residue.runs[residue.primary]!;
  const graph = run.graph!;
  const [margin] = graph.nodes;
  const heads = Array.from({ length: 60 }, (_, i) => ({ layer: i % 6, head: (i * 5) % 8, pos: Math.floor(i / 3) + 3 }));
  const one = { effect: 0.2, rest: 0.01 };
  graph.nodes = [
    margin!,
    ...Array.from({ length: 24 }, (_, pos) => ({
      ...one,
      id: `embed@${pos}`,
      kind: 'embed' as const,
      layer: null,
      head: null,
      pos,
      influence: 0.1,
      rest: null,
    })),
    ...heads.map(({ layer, head, pos }, i) => ({
      ...one,
      id: `${layer}.${head}@${pos}`,
      kind: 'head' as const,
      layer,
      head,
      pos,
      influence: 0.5 - i / 200,
    })),
  ];
  graph.edges = heads.flatMap(({ layer, head, pos }, i) => [
    {
      source: `${layer}.${head}@${pos}`,
      target: 'margin',
      weight: (i % 2 ? -1 : 1) * (2 - i / 40),
      score: 0.2 - i / 400,
      tested: i % 2 ? -1 : 1,
    },
    { source: `embed@${pos - 1}`, target: `${layer}.${head}@${pos}`, weight: 0.2, score: 0.02, tested: i === 0 ? -0.3 : 0.2 },
  ]);
  return residue;
}

describe('the attribution graph', () => {
  for (const theme of ['dark', 'light', 'contrast'] as const)
    it(`${theme}, 400 px: scrolls in its own box, labels of layers staying put, nothing overlapping`, async () => {
      await open({ width: 400, theme });
      await panel.show(graphed());
      const box = panel.page.locator('.graph-box');
      await box.scrollIntoViewIfNeeded();
      await panel.page.screenshot({ path: `test-results/panel-graph-${theme}.png` });
      expect(await box.evaluate((e) => e.scrollWidth > e.clientWidth)).toBe(true);
      // Begins at the answer.
      expect(await box.evaluate((e) => e.scrollWidth - e.clientWidth - e.scrollLeft)).toBeLessThan(2);
      expect((await panel.page.locator('.graph-gutter').boundingBox())!.x).toBeCloseTo((await box.boundingBox())!.x, 0);
      expect(await panel.page.evaluate(overflow)).toBe(0);
      expect(await panel.page.evaluate(overlappingTexts)).toEqual([]);
      expect(await panel.page.evaluate(smallTexts)).toEqual([]);
    });

  it('draws fewer edges at a lower share, keeps the share, and exports the whole graph whatever is drawn', async () => {
    await open({ width: 900 });
    const residue = graphed();
    await panel.show(residue);
    const edges = panel.page.locator('.graph-edge');
    // At first no more than can be read.
    const first = await edges.count();
    expect(first).toBeLessThanOrEqual(60);
    const slider = panel.page.locator('[data-key="graphEdges"]');
    await slider.fill('100');
    expect(await edges.count()).toBe(120);
    await slider.fill('20');
    expect(await edges.count()).toBeLessThan(first);
    await slider.dispatchEvent('change');
    await expect.poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 }).toMatchObject({ view: { graphEdges: 0.2 } });
    await panel.page.locator('[data-key="graph-export"]').click();
    const saved = (await panel.posted('save'))[0]!;
    expect(saved).toMatchObject({ name: 'v1.MEMTRACE-graph.json', mime: 'application/json' });
    const exported = JSON.parse(saved.data as string) as { links: unknown[]; metadata: { prompt_tokens: string[] } };
    expect(exported.links).toHaveLength(120);
    expect(exported.metadata.prompt_tokens).toHaveLength(24);
  });

  it('tells sign by colour and dash, size by width, and marks an edge whose intervention went against it', async () => {
    await open({ width: 900 });
    const residue = graphed();
    const graph = residue.runs[residue.primary]!.graph!;
    await panel.show(residue);
    await panel.page.locator('[data-key="graphEdges"]').fill('100');
    const line = (i: number): ReturnType<PanelPage['page']['locator']> =>
      panel.page.locator(`[data-edge="${graph.edges[i]!.source} ${graph.edges[i]!.target}"].graph-edge path:nth-of-type(2)`);
    expect(await line(0).getAttribute('stroke-dasharray')).toBeNull();
    expect(await line(2).getAttribute('stroke-dasharray')).not.toBeNull();
    expect(await line(0).getAttribute('stroke')).not.toBe(await line(2).getAttribute('stroke'));
    const width = async (i: number): Promise<number> => Number(await line(i).getAttribute('stroke-width'));
    expect(await width(0)).toBeGreaterThan(await width(40));
    expect(await panel.page.locator('.graph-against').count()).toBe(1);
    expect(await line(1).getAttribute('stroke')).not.toBe(await line(3).getAttribute('stroke'));
  });

  it('moves along edges with the arrow keys, says nodes aloud, pins one, and lists its edges', async () => {
    await open({ width: 700, height: 1400 });
    const residue = graphed();
    await panel.show(residue);
    await panel.page.locator('.graph-plot').focus();
    await panel.page.keyboard.press('ArrowDown');
    expect(await tip()).toMatch(/^margin: “·red” over “·blue”/);
    await panel.page.keyboard.press('ArrowDown');
    expect(await tip()).toMatch(/^head 0\.0 at [^]*whole effect on the margin: \+0\.2 nats/);
    expect(await panel.page.locator('[aria-live=polite].sr').innerText()).toContain('head 0.0');
    await panel.page.keyboard.press('Enter');
    await panel.settled();
    await expect
      .poll(async () => (await panel.posted('view')).at(-1), { timeout: 5000 })
      .toMatchObject({ view: { head: '0.0', token: 3 } });
    expect(await panel.page.locator('.graph-node.pinned').getAttribute('data-node')).toBe('0.0@3');
    const rows = panel.page.locator('.graph-edges tbody tr');
    expect((await rows.allInnerTexts()).every((text) => text.includes('head 0.0'))).toBe(true);
    // An edge of the list lights up in the drawing.
    await rows.first().focus();
    const lit = await panel.page.locator('.graph-edge').evaluateAll((all) => all.filter((e) => e.getAttribute('opacity') === '1').length);
    expect(lit).toBe(1);
    await panel.page.keyboard.press('Escape');
    await panel.settled();
    expect(await panel.page.locator('.graph-node.pinned').count()).toBe(0);
    expect(await panel.page.locator('.graph-edges .note').first().innerText()).toContain('Strongest edges');
  });

  it('shows predicted beside observed on an edge, and marks nodes of a head that is marked elsewhere', async () => {
    await open({ width: 900, height: 3000 });
    const residue = graphed();
    await panel.show(residue);
    const strongest = residue.runs[residue.primary]!.graph!.edges[0]!;
    await panel.page
      .locator(`[data-edge="${strongest.source} ${strongest.target}"].graph-edge path`)
      .first()
      .dispatchEvent('pointermove', { clientX: 40, clientY: 300 });
    expect(await tip()).toMatch(/head 0\.0 at [^]*→ margin[^]*predicted: \+2 nats[^]*observed: \+1 nats lost[^]*Tested by intervention/);
    await panel.page.locator('tr[data-head="0.0"]').first().hover();
    await panel.settled();
    const ringed = await panel.page
      .locator('.graph-node')
      .evaluateAll((all) =>
        all.filter((e) => e.lastElementChild!.getAttribute('visibility') === 'visible').map((e) => e.getAttribute('data-node')),
      );
    expect(ringed.length).toBeGreaterThan(0);
    expect(ringed.every((id) => id!.startsWith('0.0@'))).toBe(true);
  });

  it('saves a picture that stands alone, and has its table', async () => {
    await open({ width: 700 });
    await panel.show(graphed());
    await panel.page.locator('[data-key="svg.graph"]').click();
    const saved = (await panel.posted('save'))[0]!;
    expect(saved).toMatchObject({ name: 'v1.MEMTRACE-graph.svg', mime: 'image/svg+xml' });
    const drawn = await panel.page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
      return {
        broken: parsed.querySelector('parsererror') !== null,
        paths: parsed.querySelectorAll('path[stroke]').length,
        text: parsed.documentElement.textContent,
      };
    }, saved.data as string);
    expect(drawn.broken).toBe(false);
    expect(drawn.paths).toBeGreaterThan(10);
    expect(drawn.text).toContain('margin');
    await panel.page.locator('[data-key="table.graph"]').click();
    await panel.settled();
    expect(await panel.page.locator('#figure-graph > .figure-table tbody tr').count()).toBe(120);
  });

  it('is computed on demand where the residue has none', async () => {
    await open();
    const residue = graphed();
    for (const run of residue.runs) delete run.graph;
    await panel.show(residue);
    await panel.page.locator('[data-key="graph-compute"]').click();
    // What was verified in full is not lost to it.
    expect(await panel.posted('run')).toEqual([{ type: 'run', graph: true, verify: true }]);
  });
});
