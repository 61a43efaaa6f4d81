import { describe, expect, it } from 'vitest';
import { generateResidue } from '../helpers/residue-generator.js';
import type { PanelPage } from './panel-harness/harness.js';
import { usePanel } from './panel-harness/hooks.js';
import { overflow, overlappingTexts, smallTexts, unlabelledCanvases } from './panel-harness/measures.js';

// The panel's page alone in a real browser, under its own Content-Security-Policy: what it shows, in every width and theme.
const residue = generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
const hooks = usePanel();
let panel: PanelPage;
const open = async (options: Parameters<typeof hooks.open>[0] = {}): Promise<PanelPage> => (panel = await hooks.open(options));

describe('in every width and theme', () => {
  for (const theme of ['dark', 'light', 'contrast'] as const)
    for (const [width, height] of [
      [400, 700],
      [480, 700],
      [700, 900],
      [1000, 900],
    ] as const)
      it(`${theme}, ${width} px: whole, labelled, nothing overlapping or cut`, async () => {
        await open({ width, height, theme });
        await panel.show(residue);
        await panel.page.locator('tr[data-head]').first().click();
        await panel.page.locator('#figure-attention').waitFor();
        await panel.page.mouse.move(1, 1);
        await panel.settled();
        await panel.whole();
        await panel.page.screenshot({ path: `test-results/panel-${theme}-${width}.png`, fullPage: true });
        expect(await panel.page.locator('section[aria-labelledby] > h2').allInnerTexts()).toEqual([
          'Did it fail?',
          'Where was it lost?',
          'Which parts did it?',
          'What did it almost say?',
          'Does it hold?',
          'Provenance',
        ]);
        expect(await panel.page.locator('.note.bad').count()).toBe(0);
        expect(await panel.page.evaluate(overflow)).toBe(0);
        expect(await panel.page.evaluate(overlappingTexts)).toEqual([]);
        expect(await panel.page.evaluate(smallTexts)).toEqual([]);
        expect(await panel.page.evaluate(unlabelledCanvases)).toEqual([]);
        // Every canvas has been drawn on.
        const blank = await panel.page.evaluate(
          () =>
            [...document.querySelectorAll('canvas')].filter(
              (c) =>
                !c
                  .getContext('2d')!
                  .getImageData(0, 0, c.width, c.height)
                  .data.some((v) => v > 0),
            ).length,
        );
        expect(blank).toBe(0);
      });

  it('has the verdict and the whole margin chart on the first screen at 480 × 700', async () => {
    await open({ width: 480, height: 700 });
    await panel.show(residue);
    const box = await panel.page.locator('#figure-margin .canvas-box').boundingBox();
    expect(box!.y + box!.height).toBeLessThanOrEqual(700);
    expect(await panel.page.locator('.headline').isVisible()).toBe(true);
  });

  it('has one column under 560 px and two above 900 px', async () => {
    await open({ width: 1000 });
    await panel.show(residue);
    const side = async (): Promise<boolean> => {
      const a = (await panel.page.locator('[data-slot=tokens]').boundingBox())!;
      const b = (await panel.page.locator('[data-slot=margin]').boundingBox())!;
      return b.x > a.x + a.width - 1;
    };
    expect(await side()).toBe(true);
    await panel.page.setViewportSize({ width: 540, height: 800 });
    expect(await side()).toBe(false);
  });
});

describe('the protocol', () => {
  it('says ready once, and first', async () => {
    await open();
    const all = await panel.page.evaluate(() => (window as unknown as { posted: { type: string }[] }).posted.map((m) => m.type));
    expect(all).toEqual(['ready']);
  });

  it('says that a residue is drawn, each time, and does not keep the host waiting for one that cannot be', async () => {
    await open();
    await panel.show(residue);
    await expect.poll(() => panel.posted('drawn')).toHaveLength(1);
    await panel.send({ type: 'residueText', json: JSON.stringify({ ...residue, status: 'running' }), shellUri: 'file:///shell.yaml' });
    await expect.poll(() => panel.posted('drawn')).toHaveLength(2);
    await panel.send({ type: 'residueText', json: '{', shellUri: 'file:///shell.yaml' });
    await expect.poll(() => panel.posted('drawn')).toHaveLength(3);
    await panel.send({ type: 'progress', stage: 'probe: forward', done: 1, total: 2 });
    await panel.drawn();
    expect(await panel.posted('drawn')).toHaveLength(3);
  });

  it('ignores what is not of the protocol', async () => {
    await open();
    await panel.show(residue);
    const before = await panel.page.locator('main').innerText();
    for (const bad of [
      null,
      7,
      'residue',
      {},
      { type: 'eval', code: 'document.body.remove()' },
      { type: 'residue', shellUri: 'x', residue: { ...residue, runs: 'all' } },
      { type: 'residue', residue: null, shellUri: '' },
      { type: 'error' },
      { type: 'view', view: { shading: ['contribution'] } },
    ])
      await panel.send(bad);
    await panel.page.waitForTimeout(150);
    expect(await panel.page.locator('main').innerText()).toBe(before);
  });

  it('takes a residue as text, and ignores text that is none', async () => {
    await open();
    await panel.send({ type: 'residueText', json: JSON.stringify(residue), shellUri: 'file:///shell.yaml' });
    await panel.drawn();
    const before = await panel.page.locator('main').innerText();
    expect(before).toContain('Failed');
    for (const json of ['', '{', 'null', '{"runs":[]}', '"<b>"'])
      await panel.send({ type: 'residueText', json, shellUri: 'file:///shell.yaml' });
    await panel.page.waitForTimeout(150);
    expect(await panel.page.locator('main').innerText()).toBe(before);
  });

  it('survives a view that fits nothing', async () => {
    await open();
    await panel.send({
      type: 'view',
      view: { run: -4, head: 'x.y', token: 1e9, row: 77, span: '<b>', shading: '', unfolded: 'NaN,,', sort: 'constructor', scroll: -5 },
    });
    await panel.show(residue);
    expect(await panel.page.locator('.headline').innerText()).toContain('Failed');
    expect(await panel.page.locator('.note.bad').count()).toBe(0);
  });

  it('empty: one sentence and one button, which runs', async () => {
    await open();
    await panel.send({ type: 'empty' });
    await panel.page.locator('.empty').waitFor();
    expect(await panel.page.locator('.empty p').count()).toBe(1);
    expect(await panel.page.locator('vscode-button').count()).toBe(1);
    await panel.page.locator('vscode-button').click();
    expect(await panel.posted('run')).toHaveLength(1);
  });

  it('error: the sentence, the place as a link, and what can be done', async () => {
    await open();
    await panel.send({
      type: 'error',
      message: 'run[1].INHIBIT.span: no span is called "facts"; did you mean "fact"?',
      place: { file: 'a.shell.yaml', line: 17, column: 5 },
    });
    const banner = panel.page.locator('[role=alert]');
    await banner.waitFor();
    expect(await banner.innerText()).toContain('did you mean "fact"?');
    await banner.getByText('a.shell.yaml:17:5').click();
    expect(await panel.posted('reveal')).toEqual([{ type: 'reveal', line: 17, column: 5 }]);
    await banner.locator('vscode-button').click();
    expect(await panel.posted('run')).toHaveLength(1);
  });

  it('running: skeletons in place, then tokens, margin and the rest; cancel keeps what has arrived', async () => {
    await open();
    await panel.send({ type: 'progress', stage: 'probe: forward', done: 1, total: 4 });
    await panel.page.getByText('probe: forward: 1 of 4').waitFor();
    const bare = {
      name: '',
      label: 'probe',
      vary: {},
      x: null,
      bosAdded: true,
      spans: residue.runs[0]!.spans,
      position: 39,
      tokens: residue.runs[0]!.tokens,
    };
    const running = {
      ...residue,
      status: 'running',
      runs: [{ ...bare, name: 'probe' }],
      primary: 0,
      control: null,
      paraphrases: [],
      density: undefined,
      verdict: undefined,
      checks: [],
      expectations: [],
    };
    await panel.show(running);
    expect(await panel.page.locator('.token').count()).toBe(40);
    const skeletons = await panel.page.locator('main .skeleton').count();
    expect(skeletons).toBeGreaterThan(4);
    expect(await panel.page.locator('main canvas').count()).toBe(0);
    await panel.show({
      ...running,
      runs: [{ ...running.runs[0], scores: residue.runs[0]!.scores, lens: residue.runs[0]!.lens, collapse: residue.runs[0]!.collapse }],
    });
    expect(await panel.page.locator('#figure-margin canvas').count()).toBe(1);
    expect(await panel.page.locator('main .skeleton').count()).toBeLessThan(skeletons);
    await panel.page.getByText('Cancel', { exact: true }).click();
    expect(await panel.posted('cancel')).toHaveLength(1);
    await panel.show({ ...running, status: 'cancelled', cancelledAt: 'probe: salience' });
    expect(await panel.page.locator('.banner.cancelled').innerText()).toContain('cancelled at probe: salience');
    expect(await panel.page.locator('main .skeleton').count()).toBe(1); // the verdict, which nobody knows
    expect(await panel.page.locator('main').innerText()).toContain('Layer salience: not computed, cancelled at probe: salience.');
    // A run that fails half-way leaves no skeleton either, and keeps its tokens.
    await panel.show(running);
    await panel.send({ type: 'progress', stage: 'probe: lens', done: 2, total: 4 });
    await panel.send({ type: 'error', message: 'The engine ended.', place: null });
    await panel.page.getByText('The engine ended.').waitFor();
    await panel.settled();
    expect(await panel.page.locator('main').innerText()).toContain('Layer salience: not computed, cancelled at probe: lens.');
    expect(await panel.page.locator('.token').count()).toBe(40);
    expect(await panel.page.locator('progress').count()).toBe(0);
  });
});

describe('hostile strings', () => {
  const texts = [
    '<img src=x onerror=alert(1)>',
    '</script><script>alert(1)</script>',
    '\u202eevil\u202c',
    'שלום',
    '🙂👩‍👩‍👧',
    'x'.repeat(10_000),
    '${alert(1)}',
    '\u0000',
    ' ',
    '\n',
    "';--",
  ];

  it('are shown as text everywhere, and nothing of them runs', async () => {
    await open({ width: 400 });
    let dialogs = 0;
    panel.page.on('dialog', (d) => {
      dialogs++;
      void d.dismiss();
    });
    const hostile = generateResidue({ seed: 4, length: 33, texts, runs: 2 });
    const evil = texts[0]!;
    hostile.shell.title = evil;
    hostile.verdict!.sentence = `Failed: ${evil}`;
    hostile.notes = texts;
    for (const run of hostile.runs) {
      run.spans = { [evil]: [4, 6] };
      for (const key of ['attention'] as const) run[key]!.spans = { [evil]: Object.values(run[key]!.spans)[0]! };
      run.salience!.flow!.span = evil;
      run.commands![1]!.findings = texts;
      run.commands![1]!.tables[0]!.rows.push([evil, texts[5]!]);
      run.vary = { [evil]: texts[2]! };
      run.almostSaid![0]!.text = evil;
      run.generation!.tokens = texts;
    }
    await panel.show(hostile);
    for (const id of ['tokens', 'margin', 'heads', 'map']) await panel.page.locator(`[data-key="table.${id}"]`).click();
    await panel.settled();
    expect(await panel.page.locator('img, main script').count()).toBe(0);
    expect(await panel.page.locator('.strip .token').first().innerText()).toBe(evil);
    expect(await panel.page.locator('h1').innerText()).toBe(evil);
    expect(await panel.page.locator('.strip .token').nth(2).innerText()).toContain('⟨202E⟩evil');
    expect(await panel.page.locator('.strip .token').nth(3).innerText()).toBe('שלום');
    expect(await panel.page.locator('.strip .token').nth(5).innerText()).toContain('10,000 characters');
    expect(await panel.page.evaluate(overflow)).toBe(0);
    expect(await panel.page.locator('.note.bad').count()).toBe(0);
    expect(dialogs).toBe(0);
  });
});
