import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeadNulls } from '../../src/residue/types-claims.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { disruptionModel } from '../../webview/model/disruption.js';
import { headsModel, labelled, patternOf, sortHeads, verdictText } from '../../webview/model/heads.js';
import { propagationModel } from '../../webview/model/propagation.js';
import { shapeModel } from '../../webview/model/shape.js';
import { densityText, doseModel, dotModel } from '../../webview/model/hold.js';
import { FLOOR, mapModel, MEASURES } from '../../webview/model/map.js';
import { marginModel } from '../../webview/model/margin.js';
import { METHODS, patternAnchor } from '../../src/method-anchors.js';
import { salienceModel } from '../../webview/model/salience.js';
import { stripModel, type StripItem } from '../../webview/model/tokens.js';
import { closest, headline, verdictModel } from '../../webview/model/verdict.js';
import { rowName, select } from '../../webview/model/view.js';
import { generateResidue } from '../helpers/residue-generator.js';

const failing = (): Residue => generateResidue({ seed: 2, runs: 5, paraphrases: 8 });
const texts = (residue: Residue): string[] => verdictModel(residue).chips.map((c) => c.text);

describe('verdict', () => {
  it('says where it was lost, and marks it observed', () => {
    const residue = failing();
    const model = verdictModel(residue);
    const layer = residue.runs[residue.primary]!.collapse!.layer;
    expect(model.failed).toBe(true);
    expect(model.headline).toBe('Failed: says " blue", should say " red"');
    expect(model.chips[0]).toMatchObject({ kind: 'observed', text: `lost at layer ${layer} of 6 (observed)` });
    expect(model.chips.filter((c) => c.kind === 'caused').map((c) => c.text)).toEqual(
      residue.verdict!.confirmed.map((text) => `${text} · p = 0.030; 8 of 8 agree`),
    );
    // A diagnosis that other tests do not bear out is not drawn as one that is settled.
    const { diagnosis } = residue.verdict!;
    const chip = `qk-collapse: ${diagnosis!.sentence.replace(/\.$/, '')}`;
    expect(model.chips.find((c) => c.text.startsWith(chip))).toMatchObject({
      kind: 'unchecked',
      text: `${chip} · 1 of 2 other tests agree, unstable`,
    });
    diagnosis!.opinion = { agree: 2, of: 2, by: [] };
    diagnosis!.null = { of: 'random spans', n: 32, median: 0, p95: 1, sided: 'size', p: 0.2, q: 0.4 };
    expect(verdictModel(residue).chips.find((c) => c.text.startsWith(chip))).toMatchObject({
      kind: 'unchecked',
      text: `${chip} · q = 0.400, within its null; 2 of 2 other tests agree`,
    });
    diagnosis!.null.q = 0.01;
    expect(verdictModel(residue).chips.find((c) => c.text.startsWith(chip))).toMatchObject({ kind: 'caused' });
  });

  it('shows a shell that did not fail as plainly, with the closest approach', () => {
    const residue = generateResidue({ failed: false });
    const run = residue.runs[0]!;
    run.lens!.margin = [-1, 0.5, 2, 0.3, 1, 2, 2.1];
    const model = verdictModel(residue);
    expect(model.failed).toBe(false);
    expect(model.headline).toMatch(/^Did not fail: /);
    expect(model.chips[0]!.text).toBe('closest at layer 3 (0.3 nats)');
    expect(closest([-1, -2], 0)).toBeNull();
    expect(headline(run)).toMatch(/^Did not fail: " red" wins by/);
  });

  it('moves what the sentence says of the layer into the first chip', () => {
    const residue = failing();
    residue.verdict!.sentence = 'Did not fail: "; lost at layer" wins by 2.1 nats; closest at layer 4 (0.3)';
    const model = verdictModel(residue);
    expect(model.headline).toBe('Did not fail: "; lost at layer" wins by 2.1 nats');
    expect(model.chips[0]).toMatchObject({ kind: 'observed', text: 'closest at layer 4 (0.3)' });
  });

  it('counts only the paraphrases at the vary values of the headline’s run', () => {
    const residue = failing();
    residue.paraphrases.forEach((p, i) => (p.vary = { walk: i < 3 ? residue.runs[residue.primary]!.vary.walk! : 'another' }));
    expect(texts(residue).find((t) => t.includes('paraphrases'))).toMatch(/ of 3 paraphrases agree/);
  });

  it('says what was not checked', () => {
    const residue = failing();
    residue.verdict!.confirmed = [];
    // What was tested and brought nothing back is not what nobody tested.
    expect(texts(residue)).toContain('cause: none confirmed');
    for (const run of residue.runs) delete run.verification;
    expect(texts(residue)).toContain('cause: not checked');
    expect(texts(residue)).toContain('not checked: nulls');
    residue.verdict!.notChecked.push('a second opinion: only one kind of ablation was used');
    expect(texts(residue)).toContain('not checked: nulls, a second opinion');
    expect(verdictModel(residue).chips.find((c) => c.text === 'cause: not checked')).toMatchObject({
      kind: 'unchecked',
      action: { verify: true },
    });
  });

  it('counts paraphrases that agree with the headline, whichever way it went', () => {
    const residue = failing();
    const agree = residue.paraphrases.filter((p) => p.scores!.failed).length;
    expect(texts(residue)).toContain(`${agree} of 8 paraphrases agree, unstable`);
    residue.verdict!.failed = false;
    expect(texts(residue)).toContain(`${8 - agree} of 8 paraphrases agree, unstable`);
  });

  it('warns of a control that fails, of broken expectations and of broken identities', () => {
    const residue = failing();
    residue.control!.scores!.failed = true;
    residue.expectations[0]!.passed = false;
    residue.checks[0]!.passed = false;
    const warnings = verdictModel(residue).chips.filter((c) => c.kind === 'warning');
    expect(warnings.map((c) => c.text)).toEqual([
      expect.stringMatching(/^the control fails too/),
      '1 of 1 expectations fail',
      '1 identity checks fail',
    ]);
    expect(warnings[1]!.action).toEqual({ reveal: 24 });
  });

  it('has a headline from the scores before the verdict is written, and none before them', () => {
    const residue = failing();
    delete residue.verdict;
    expect(verdictModel(residue).headline).toBe('So far: failed: says " blue", should say " red"');
    residue.runs[residue.primary]!.scores!.top = [{ id: 99, text: ' move', prob: 0.2, logprob: Math.log(0.2) }];
    expect(verdictModel(residue).headline).toBe('So far: failed: says " move", should say " red"');
    for (const run of residue.runs) delete run.scores;
    expect(verdictModel(residue).headline).toBeNull();
  });
});

describe('methods', () => {
  it('opens headings that the methods page has', () => {
    const page = readFileSync('docs/methods.md', 'utf8');
    const slugs = [...page.matchAll(/^#+ (.*)$/gm)].map((m) =>
      m[1]!
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replace(/ /g, '-'),
    );
    for (const anchor of [...Object.values(METHODS), patternAnchor('recursive-looping')]) expect(slugs).toContain(anchor);
  });
});

describe('selection', () => {
  it('falls back where a kept view does not fit the residue', () => {
    const residue = failing();
    const s = select(residue, { run: 99, prompt: 'elsewhere', shading: 'pink', head: '77.1', row: -1, token: 1.5, span: 'nowhere' });
    expect(s).toMatchObject({
      index: residue.primary,
      prompt: 'probe',
      shading: 'attention',
      span: 'fact',
      pinned: { row: null, head: null, token: null },
    });
    expect(select(residue, { run: 0, head: '5.7', row: 6, token: 3, prompt: 'control' })).toMatchObject({
      index: 0,
      prompt: 'control',
      shown: residue.control,
      pinned: { row: 6, head: [5, 7], token: 3 },
    });
  });

  it('names rows after the block that wrote them', () => {
    expect(rowName(0, 6)).toBe('layer 0 (embeddings)');
    expect(rowName(4, 6)).toBe('layer 4 of 6 (after blocks.3)');
  });
});

describe('token strip', () => {
  const indexes = (items: StripItem[]): number[] =>
    items.flatMap((i) => (i.kind === 'token' ? [i.index] : Array.from({ length: i.to - i.from }, (_, k) => i.from + k)));

  it('shows a short prompt whole, with spans and the shading relative to the largest', () => {
    const run = generateResidue({ length: 40 }).runs[0]!;
    const model = stripModel(run, 'contribution', new Set(), null);
    expect(model.items.every((i) => i.kind === 'token')).toBe(true);
    const shades = model.items.map((i) => (i.kind === 'token' ? i.shade! : 0));
    expect(Math.max(...shades.map(Math.abs))).toBeCloseTo(1, 10);
    const at = shades.findIndex((s) => Math.abs(s) === Math.max(...shades.map(Math.abs)));
    expect(Math.sign(shades[at]!)).toBe(Math.sign(run.attribution!.byToken[at]!));
    expect(model.items.filter((i) => i.kind === 'token' && i.spans.includes('fact'))).toHaveLength(2);
    expect(model.legend).toContain('nats');
    expect(model.candidates.map((c) => c.role)).toEqual(['answer', 'rival', 'rival']);
    expect(model.candidates[1]!.strongest).toBe(true);
  });

  it('folds unmarked stretches of a long prompt, never a span, an end or the pinned token; unfolding shows them', () => {
    const run = generateResidue({ length: 1024 }).runs[0]!;
    const model = stripModel(run, 'attention', new Set(), 500);
    const folds = model.items.filter((i) => i.kind === 'fold');
    expect(folds.length).toBeGreaterThan(0);
    expect(model.items.length).toBeLessThan(100);
    const shown = new Set(model.items.flatMap((i) => (i.kind === 'token' ? [i.index] : [])));
    for (const must of [0, 1023, 500, ...run.spans.fact!.map((x, k) => x - k)]) expect(shown).toContain(must);
    const first = folds[0]!;
    const open = stripModel(run, 'attention', new Set([first.from]), 500);
    expect(open.items.filter((i) => i.kind === 'fold')).toHaveLength(folds.length - 1);
  });

  it('covers every token exactly once, in order (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.option(fc.integer({ min: 0, max: 399 })),
        (length, seed, pinned) => {
          const run = generateResidue({ seed, length, layers: 2, heads: 2 }).runs[0]!;
          const { items } = stripModel(run, 'value-weighted', new Set(), pinned !== null && pinned < length ? pinned : null);
          expect(indexes(items)).toEqual(run.tokens.map((_, i) => i));
        },
      ),
      { seed: 11, numRuns: 60 },
    );
  });

  it('shows what the model says where that is neither the answer nor a rival, and the likeliest rivals first', () => {
    const run = generateResidue().runs[0]!;
    run.scores!.rivals[1]!.logprob = -0.1;
    run.scores!.top = [{ id: 99, text: ' move', prob: 0.2, logprob: Math.log(0.2) }];
    const { candidates } = stripModel(run, 'attention', new Set(), null);
    expect(candidates.map((c) => `${c.role}${c.text}`)).toEqual(['answer red', 'said move', 'rival green', 'rival blue']);
    expect(candidates[3]!.strongest).toBe(true);
  });

  it('has no shading where there is none', () => {
    const run = generateResidue().runs[0]!;
    delete run.attention;
    const model = stripModel(run, 'attention', new Set(), null);
    expect(model.legend).toBeNull();
    expect(model.items.every((i) => i.kind === 'token' && i.shade === null)).toBe(true);
  });
});

describe('margin', () => {
  it('holds both lines, the collapse point and what each row says', () => {
    const residue = failing();
    const run = residue.runs[residue.primary]!;
    const model = marginModel(run, residue.control, 6)!;
    expect(model.rows).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(model.probe).toBe(run.lens!.margin);
    expect(model.control).toBe(residue.control!.lens!.margin);
    expect(model.collapse).toEqual({
      row: run.collapse!.layer,
      margin: run.lens!.margin[run.collapse!.layer!],
      label: `lost at layer ${run.collapse!.layer}`,
    });
    expect(model.tips[3]![0]).toBe('layer 3 of 6 (after blocks.2)');
    expect(model.aria).toMatch(/Read off/);
    expect(model.table.rows).toHaveLength(7);
  });

  it('marks no collapse where there was none, and is null before the lens', () => {
    const residue = generateResidue({ failed: false, control: false });
    expect(marginModel(residue.runs[0]!, null, 6)).toMatchObject({ collapse: null, control: null });
    // A line for each rival, the strongest first; the margin is the least of them.
    const { candidates, probe } = marginModel(residue.runs[0]!, null, 6)!;
    expect(candidates.map(({ label, strongest }) => [label, strongest])).toEqual([
      ['“·blue”', true],
      ['“·green”', false],
    ]);
    probe.forEach((m, l) => expect(Math.min(...candidates.map(({ y }) => y[l]!))).toBeCloseTo(m!, 4));
    residue.runs[0]!.lens!.margin = [];
    expect(marginModel(residue.runs[0]!, null, 6)).toBeNull();
    delete residue.runs[0]!.lens;
    expect(marginModel(residue.runs[0]!, null, 6)).toBeNull();
  });
});

describe('parts', () => {
  it('keeps observed and caused salience apart', () => {
    const model = salienceModel(failing().runs[0]!)!;
    expect(model.multiples.map((m) => [m.id, m.evidence])).toEqual([
      ['direct', 'observed'],
      ['flow', 'observed'],
      ['causal', 'caused'],
    ]);
    const run = failing().runs[0]!;
    run.salience!.flow = null;
    expect(salienceModel(run)!.multiples.map((m) => m.id)).toEqual(['direct', 'causal']);
  });

  it('has every head with its attention to the chosen span', () => {
    const run = failing().runs[0]!;
    const model = headsModel(run, 'fact')!;
    expect(model.points).toHaveLength(48);
    const p = model.points.find((x) => x.layer === 2 && x.head === 3)!;
    expect(p.attention).toBe(run.attention!.spans.fact!.attention[2]![3]);
    expect(p.contribution).toBe(run.attribution!.head[2]![3]);
    expect(headsModel(run, null)!.points.every((x) => x.attention === null)).toBe(true);
  });

  it('draws a head faint that does not clear its null: of its contribution, or, in layers of few heads, of all it has to do with the span', () => {
    const run = failing().runs[0]!;
    const fill = (q: number): number[][] => run.attribution!.head.map((row) => row.map(() => q));
    const nulls = (n: number, q: number): HeadNulls => ({ of: 'others', n, p: fill(q), q: fill(q) });
    const span = run.nulls!.spans.fact!;
    const faint = (): (boolean | number)[] => {
      const { nullOf, points } = headsModel(run, 'fact')!;
      return [['contribution', 'span', null].indexOf(nullOf), points.every((p) => p.faint), points.some((p) => p.faint)];
    };
    run.nulls!.contribution = nulls(31, 0.2);
    expect(faint()).toEqual([0, true, true]);
    run.nulls!.contribution = nulls(31, 0.01);
    expect(faint()).toEqual([0, false, false]);
    // With 7 other heads no p can be below 1/8: the span's nulls decide.
    run.nulls!.contribution = nulls(7, 0.2);
    span.headAttention = nulls(256, 0.2);
    span.headContribution = nulls(256, 0.2);
    expect(faint()).toEqual([1, true, true]);
    span.headAttention.q[2]![3] = 0.04;
    expect(
      headsModel(run, 'fact')!
        .points.filter((p) => !p.faint)
        .map(({ name }) => name),
    ).toEqual(['2.3']);
    delete run.nulls;
    expect(faint()).toEqual([2, false, false]);
  });

  it('joins the effects of single heads that INHIBIT has tested on the same span', () => {
    const run = failing().runs[0]!;
    const [, effect] = run.commands![1]!.tables[0]!.rows[2]!;
    const model = headsModel(run, 'fact')!;
    expect(model.tested).toBe(true);
    expect(model.points.find((p) => p.name === '2.0')!.effect).toBe(effect);
    expect(model.points.find((p) => p.name === '2.1')!.effect).toBeNull();
    run.commands![1]!.params = { span: 'question' };
    expect(headsModel(run, 'fact')!.tested).toBe(false);
  });

  it('sorts by any column, both ways, missing last, and loses none (property)', () => {
    const { points } = headsModel(failing().runs[0]!, 'fact')!;
    points[5]!.attention = null;
    for (const key of ['head', 'attention', 'flow', 'fromSpan', 'contribution', 'effect'] as const)
      for (const descending of [true, false]) {
        const sorted = sortHeads(points, key, descending);
        expect(new Set(sorted)).toEqual(new Set(points));
        const values = sorted.map((p) => (key === 'head' ? p.layer * 100 + p.head : p[key])).filter((v) => v !== null);
        expect(values).toEqual([...values].sort((a, b) => (descending ? b - a : a - b)));
        if (key === 'attention') expect(sorted[sorted.length - 1]).toBe(points[5]);
      }
    expect(labelled(points, 2).length).toBeLessThanOrEqual(6);
  });

  it('finds the pattern of a head, or says it has none', () => {
    const run = failing().runs[0]!;
    const row = run.attention!.rows[3]!;
    expect(patternOf(run, [row.layer, row.head])).toBe(row.pattern);
    run.attention!.rows = [];
    expect(patternOf(run, [0, 0])).toBeNull();
  });
});

describe('map', () => {
  const cells = (f: (row: number, column: number) => number): number[][] => [0, 1, 2].map((row) => [0, 1].map((column) => f(row, column)));
  const mapped = (map: Partial<NonNullable<RunTrace['map']>>): RunTrace => ({
    ...generateResidue({ length: 20, layers: 2 }).runs[0]!,
    map: { positions: [3, 19], complete: true, answerLogprob: cells(() => -1), ...map },
  });

  it('puts log-probabilities on one log ramp with a floor', () => {
    const values = [0, FLOOR, FLOOR * 2, FLOOR / 2, NaN, -Infinity];
    const model = mapModel(mapped({ answerLogprob: cells((row, column) => values[2 * row + column]!) }))!;
    [1, 0, 0, 0.5, 0, 0].forEach((want, i) => expect(model.at(i >> 1, i % 2), `${values[i]}`).toBeCloseTo(want));
    expect(model.at(7, 7)).toBe(0);
  });

  it('shows the measure that is asked for where the residue has it, else the probability', () => {
    const run = mapped({
      answerRank: cells((row) => [999, 9, 0][row]!),
      entropy: cells((row, column) => 2 * row + column),
      norm: cells((row) => 10 ** row),
      nullShare: null,
    });
    expect(mapModel(run)!.measures.map(({ value }) => value)).toEqual(['probability', 'rank', 'entropy', 'norm']);
    const rank = mapModel(run, 'rank')!;
    // First in full colour, whatever the last is; of what is best the latest row's.
    expect([0, 1, 2].map((row) => rank.at(row, 0))).toEqual([0, expect.closeTo(1 - Math.log(10) / Math.log(1000)), 1]);
    expect(rank.aria).toContain('best at layer 2');
    expect(rank.tip(0, 1).join(' ')).toContain('999 more probable');
    const norm = mapModel(run, 'norm')!;
    expect([0, 1, 2].map((row) => norm.at(row, 0))).toEqual([0, expect.closeTo(0.5), 1]);
    expect(norm.hue).toBe('none');
    expect(mapModel(run, 'entropy')!.at(2, 1)).toBe(1);
    for (const wanted of ['nullShare', 'constructor', 7, null]) expect(mapModel(run, wanted)!.measure).toBe('probability');
    expect(mapModel(mapped({}), 'rank')!.measures).toHaveLength(1);
  });

  it('keeps every measure of equal cells on the ramp', () => {
    const run = mapped({ answerRank: cells(() => 0), entropy: cells(() => 0), norm: cells(() => 0), nullShare: cells(() => 0) });
    for (const measure of MEASURES) {
      const value = mapModel(run, measure)!.at(1, 1);
      expect(value >= 0 && value <= 1, `${measure}: ${value}`).toBe(true);
    }
  });

  it('labels columns by token and knows the answer position', () => {
    const run = generateResidue({ length: 20, layers: 3 }).runs[0]!;
    run.map = {
      positions: [3, 19],
      complete: false,
      answerLogprob: [
        [-9, -8],
        [-7, -6],
        [-5, -4],
        [-3, -0.5],
      ],
    };
    const model = mapModel(run)!;
    expect(model).toMatchObject({ rows: 4, answerColumn: 1, complete: false });
    expect(model.aria).toContain('at layer 3, position 19');
    expect(model.tip(3, 1).join(' ')).toContain('60.7 %');
  });
});

describe('does it hold', () => {
  it('has a dose per run at its number, with the interval of its density', () => {
    const residue = failing();
    const model = doseModel(residue)!;
    expect(model.numeric).toBe(true);
    expect(model.x).toEqual([0, 20, 40, 60, 80]);
    expect(model.labels[2]).toBe('walk = 40');
    expect(model.density![4]!.interval).toEqual(residue.density!.byRun[4]!.interval);
    expect(model.table.rows).toHaveLength(5);
    residue.runs[1]!.x = null;
    expect(doseModel(residue)).toMatchObject({ numeric: false, x: [0, 1, 2, 3, 4] });
    expect(doseModel(generateResidue())).toBeNull();
  });

  it('has at each dose how far rewording alone moves the margin, where the wordings were run at that dose', () => {
    const residue = failing();
    expect(doseModel(residue)!.wordings).toEqual([null, null, null, null, null]);
    for (const p of residue.paraphrases.slice(0, 3)) p.vary = { walk: '20' };
    const margins = [residue.runs[1]!, ...residue.paraphrases.slice(0, 3)].map((r) => r.scores!.margin);
    expect(doseModel(residue)!.wordings).toEqual([null, { low: Math.min(...margins), high: Math.max(...margins), n: 4 }, null, null, null]);
  });

  it('has the headline’s run among the paraphrases', () => {
    const residue = failing();
    const model = dotModel(residue, residue.runs[residue.primary]!)!;
    expect(model.dots).toHaveLength(9);
    expect(model.dots.filter((d) => d.headline)).toHaveLength(1);
    expect(dotModel(generateResidue(), null)).toBeNull();
    expect(densityText(residue)).toMatch(/^\d+ of 13 runs fail: /);
  });
});

describe('what became of the heads', () => {
  const run = generateResidue({ layers: 4, heads: 3 }).runs[0]!;

  it('stands beside each head that has a verdict, with whether its test confirmed it', () => {
    const model = headsModel(run, 'fact')!;
    const text = (name: string) => verdictText(model.points.find((p) => p.name === name)!);
    expect([text('1.0'), text('2.1'), text('3.2'), text('0.0')]).toEqual([
      'qk-collapse',
      'ghost (not confirmed), within its null, unstable',
      '–',
      '–',
    ]);
    expect(
      sortHeads(model.points, 'verdict', true)
        .slice(0, 3)
        .map(({ name }) => name),
    ).toEqual(['1.0', '2.1', '3.2']);
    expect(model.table.columns).toHaveLength(model.table.rows[0]!.length);
    expect(headsModel(run, null)!.points.every(({ verdict }) => verdict === null)).toBe(true);
  });

  it('is told of attention as means, differences and the head that changed most', () => {
    const model = disruptionModel(run)!;
    expect(model.rows.map(({ name }) => name)).toContain('to fact');
    expect(model.rows.every(({ most }) => most !== null)).toBe(true);
    expect(model.table.rows).toHaveLength(12);
    const alone = disruptionModel({ ...run, disruption: { ...run.disruption!, entropy: { ...run.disruption!.entropy, control: null } } })!;
    expect(alone.rows[0]).toMatchObject({ control: '–', difference: '–', most: null });
    expect(disruptionModel({ ...run, disruption: undefined })).toBeNull();
  });

  it('is told of errors by the layer at which they are made', () => {
    const model = propagationModel(run)!;
    expect(model.rows).toBe(5);
    expect(model.curves.every(({ from, y }) => from + y.length === 5)).toBe(true);
    expect(model.table.rows.map((row) => row.length)).toEqual(model.table.rows.map(() => model.table.columns.length));
    expect(propagationModel({ ...run, propagation: undefined })).toBeNull();
  });

  it('is told in small numbers, and nothing of what nobody measured', () => {
    const residue = generateResidue({ layers: 4, heads: 3 });
    expect(shapeModel(residue, run)!.facts.map(({ name }) => name)).toEqual(['trace complexity', 'logit-null share', 'null-space volume']);
    const large = { ...run, shape: { ...run.shape!, logitNull: null } };
    expect(shapeModel({ ...residue, nullSpace: undefined }, large)!.facts.at(-1)!.value).toBe('not measured');
    expect(shapeModel(residue, { ...run, shape: undefined })).toBeNull();
    const nothing = { reason: 'end-of-text' as const, endOfText: { token: '</s>', terms: run.attribution! }, entropy: run.attribution! };
    expect(shapeModel(residue, { ...run, nothing })!.nothing.join(' ')).toMatch(/would end the text.*<\/s>.*entropy/);
  });
});
