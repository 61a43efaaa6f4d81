import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model, RunOptions } from '../../src/engine/api.js';
import { cutEdits, cutTogether } from '../../src/commands/inhibit.js';
import { logSoftmax, margin } from '../../src/methods/lens.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import { packageRoot } from '../../src/paths.js';
import { formatMarkdown } from '../../src/residue/markdown.js';
import { checkResidue } from '../../src/residue/read.js';
import { formatReport } from '../../src/residue/report.js';
import type { Claim, Residue } from '../../src/residue/types.js';
import { serializeResidue } from '../../src/residue/write.js';
import { placesElsewhere } from '../../src/run/nulls/shift.js';
import { costsOrGains } from '../../src/run/opinions/opinion.js';
import { openPath, runText } from '../helpers/shells.js';

const SHELL = `format: 1
shell: claiming
family: memory
prompt: "Tom has a [[fact|red]] ball. Anna has a [[other|blue]] ball. [[walk|They walk for a while.]] They walk for a while. Q: What color is Tom's cup? A:"
answer: " red"
rivals: [" blue", " green", " unknown"]
paraphrases:
  - "Tom has a [[fact|red]] hat. Anna has a [[other|blue]] ball. [[walk|They walk for a while.]] They walk for a while. Q: What color is Tom's cup? A:"
run:
  - ANCHOR: { span: fact, inject: { layers: [2, 3], scale: 1.5 } }
  - INHIBIT: { span: fact }
  - INHIBIT: { span: fact, rate: 0.5 }
  - STABILIZE: { candidate: " red" }
  - WEIGHT: { span: fact }
  - WEIGHT: { span: other, at: all }
  - CANCEL: { span: fact }
  - SHIFT: { between: [fact, other], gaps: [32] }
  - NULLIFY: { span: walk, other: fact }
  - NULLIFY: { span: fact, other: walk }
`;

describe('what the interventions of commands claim', () => {
  let model: Model;
  let residue: Residue;
  const named = (name: string): Claim => residue.claims!.find((one) => one.name === name)!;

  beforeAll(async () => {
    model = await openPath(`${packageRoot()}/media/models/pocket`);
    residue = await runText(model, SHELL);
  });
  afterAll(() => model?.close());

  /** Margin at the last token of a prompt, every token run. */
  async function marginOf(ids: readonly number[], options: RunOptions = {}): Promise<number> {
    const { answer, rivals } = residue.runs[0]!.scores!;
    const result = await model.run(ids, { ...options, logits: 'last' });
    const got = margin(
      logSoftmax(result.logits!.data),
      answer.ids[0]!,
      rivals.map(({ ids: [first] }) => first!),
    );
    result.release();
    return got;
  }
  const idsOf = ({ tokens }: { tokens: readonly { id: number }[] }): number[] => tokens.map(({ id }) => id);

  it('stands with the value that it is about, its unit, its null and its second opinion, one name each', () => {
    const names = residue.claims!.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const told = (name: string) => {
      const { value, unit, null: band, opinion } = named(name);
      return { value, unit, n: band?.n ?? null, asked: opinion?.of ?? 0 };
    };
    const value = (at: number, key: string) => residue.runs[0]!.commands![at]!.values[key];
    expect(told('ANCHOR.injectEffect')).toEqual({ value: value(0, 'injectEffect'), unit: 'nats', n: 32, asked: 1 });
    expect(told('INHIBIT.2.effect')).toEqual({ value: value(2, 'effect'), unit: 'nats', n: 32, asked: 2 });
    expect(told('STABILIZE.gain')).toEqual({ value: value(3, 'gain'), unit: 'nats', n: 32, asked: 1 });
    expect(told('WEIGHT.effect')).toEqual({ value: value(4, 'effect'), unit: 'nats', n: 32, asked: 1 });
    expect(told('WEIGHT.2.effect')).toEqual({ value: value(5, 'effect'), unit: 'nats', n: 32, asked: 1 });
    expect(told('SHIFT.effect')).toEqual({ value: value(7, 'effect'), unit: 'nats', n: 29, asked: 1 });
    expect(told('NULLIFY.2.effect')).toEqual({ value: value(9, 'effect'), unit: 'nats', n: 32, asked: 1 });
    expect(named('WEIGHT.effect').null!.p).toBe(value(4, 'p'));
    expect(named('STABILIZE.gain').null!.p).toBe(value(3, 'p'));
    expect(named('STABILIZE.gain').sentence).toMatch(/^the heads that support " red" carry it/);
    expect(named('INHIBIT.2.effect').sentence).toContain('cutting a random 50 % of the heads off from it costs');
    expect(() => checkResidue(JSON.parse(serializeResidue(residue)))).not.toThrow();
  });

  it('is asked again in the paraphrase as a whole forward pass of it says', async () => {
    const ids = idsOf(residue.paraphrases[0]!);
    const [start] = residue.paraphrases[0]!.spans['fact']!;
    const base = await marginOf(ids);
    const all = { layers: 'all', heads: 'all' } as const;
    const without = await marginOf(ids, {
      edits: [{ kind: 'scale-values', ...all, queries: [ids.length - 1], keys: [start], scale: 0 }],
    });
    expect(named('WEIGHT.effect').opinion!.by).toMatchObject([{ name: 'paraphrase 1', agrees: true, says: costsOrGains(without - base) }]);
    const positions = ids.map((_, i) => (i < residue.paraphrases[0]!.spans['other']![0] ? i : i + 32));
    const moved = await marginOf(ids, { positions });
    expect(named('SHIFT.effect').opinion!.by[0]!.says).toBe(costsOrGains(moved - base));
  });

  it('is held against random spans that are treated alike', async () => {
    const run = residue.runs[0]!;
    const ids = idsOf(run);
    const base = await marginOf(ids);
    const traced = await model.run(ids, { hooks: ['blocks.2.hook_resid_pre', 'blocks.3.hook_resid_pre'], logits: 'none' });
    const gains: number[] = [];
    for (const [start] of randomSpans(ids.length, run.spans['fact']! as [number, number], 0)) {
      const at: number[] = [];
      for (const layer of [2, 3]) {
        const { data, shape } = traced.get(`blocks.${layer}.hook_resid_pre`);
        const width = shape.at(-1)!;
        const value = data.slice(start * width, (start + 1) * width).map((x) => 1.5 * x);
        at.push(await marginOf(ids, { edits: [{ kind: 'add', at: 'resid_pre', layer, positions: [ids.length - 1], value }] }));
      }
      gains.push(Math.max(...at) - base);
    }
    traced.release();
    const { value, null: band } = named('ANCHOR.injectEffect');
    expect(band!.n).toBe(gains.length);
    expect(band!.p).toBeCloseTo((1 + gains.filter((gain) => gain >= value).length) / (1 + gains.length), 12);
  });

  it('is held against the same draws of heads on random spans where a part of the heads is cut', async () => {
    const run = residue.runs[0]!;
    const ids = idsOf(run);
    const base = await marginOf(ids);
    const sets = cutTogether(model.spec, { span: 'fact', rate: 0.5 }, 0);
    expect(sets).toHaveLength(16);
    const effectOf = async (start: number): Promise<number> => {
      let sum = 0;
      for (const set of sets) sum += await marginOf(ids, { edits: cutEdits(set, ids.length - 1, [start]) });
      return sum / sets.length - base;
    };
    const [start] = run.spans['fact']! as [number, number];
    const { value, null: band } = named('INHIBIT.2.effect');
    expect(await effectOf(start)).toBeCloseTo(value, 4);
    const sizes: number[] = [];
    for (const [other] of randomSpans(ids.length, [start, start + 1], 0)) sizes.push(Math.abs(await effectOf(other)));
    expect(band!.n).toBe(sizes.length);
    expect(band!.p).toBeCloseTo((1 + sizes.filter((size) => size >= Math.abs(value)).length) / (1 + sizes.length), 12);
  });

  it('is held against a gap as large that does not lie between the two spans', async () => {
    const run = residue.runs[0]!;
    const ids = idsOf(run);
    const base = await marginOf(ids);
    const [fact, other] = [run.spans['fact']!, run.spans['other']!] as [[number, number], [number, number]];
    const places = placesElsewhere(ids.length, fact, other, 0);
    const sizes: number[] = [];
    for (const at of places) sizes.push(Math.abs((await marginOf(ids, { positions: ids.map((_, i) => (i < at ? i : i + 32)) })) - base));
    const { value, null: band } = named('SHIFT.effect');
    expect(band!.n).toBe(places.length);
    expect(band!.p).toBeCloseTo((1 + sizes.filter((size) => size >= Math.abs(value)).length) / (1 + sizes.length), 12);
    expect(band!.of).toBe(`the same gap before ${places.length} other tokens, not between the two`);
  });

  it('draws each place of a gap once, and none between the spans or before everything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 60 }), fc.nat(), fc.nat(), fc.nat(), (tokens, a, b, seed) => {
        const [one, two] = [a % tokens, b % tokens];
        fc.pre(one !== two);
        const places = placesElsewhere(tokens, [one, one + 1], [two, two + 1], seed);
        const outside = tokens - 1 - (Math.max(one, two) - Math.max(1, Math.min(one, two) + 1) + 1);
        expect(new Set(places).size).toBe(Math.min(32, outside));
        expect(places.length).toBe(Math.min(32, outside));
        for (const at of places) {
          expect(at).toBeGreaterThan(0);
          expect(at).toBeLessThan(tokens);
          expect(at <= Math.min(one, two) || at > Math.max(one, two)).toBe(true);
        }
      }),
      { seed: 7 },
    );
  });

  it('is marked wherever it stands when it fails its null or its second opinion', () => {
    const within = residue.claims!.filter(
      ({ evidence, holds, name }) => evidence === 'caused' && holds === false && !name.endsWith('.verdict'),
    );
    expect(within.map(({ name }) => name)).toEqual(expect.arrayContaining(['ANCHOR.injectEffect', 'STABILIZE.gain', 'NULLIFY.effect']));
    for (const { sentence } of within) expect(residue.verdict!.confirmed).not.toContain(sentence);
    const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
    const report = flat(formatReport(residue, { width: 100 }));
    const markdown = flat(formatMarkdown(residue)).replaceAll('\\', '');
    for (const { sentence, null: band } of within)
      for (const text of [report, markdown]) {
        const [, after] = text.split(new RegExp(`not confirmed: ${sentence.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')} \\(`, 'i'));
        expect(after).toMatch(new RegExp(`^p = ${band!.p.toFixed(3)}, within its null`));
      }
    // The command's own section says it too.
    expect(report).toMatch(/NULLIFY \{"span":"walk".*? effect: p = 0\.\d+, within its null; 0 of 1 agree, unstable/);
    expect(markdown).toMatch(/NULLIFY\.effect: p = 0\.\d+, within its null; 0 of 1 agree, unstable/);
    // A command with both kinds of evidence does not call tested what was read off.
    expect(markdown).not.toMatch(/ANCHOR \(tested by intervention\): The heads write/);
    expect(markdown).toMatch(/ANCHOR: The heads write .* \(read off\)\./);
  });

  it('is no cause where the few random spans that there is room for do as much', async () => {
    const short = await runText(
      model,
      `format: 1
shell: short
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Anna's ball? A:"
answer: " blue"
run:
  - INHIBIT: { span: fact }
  - WEIGHT: { span: fact }
`,
    );
    for (const name of ['INHIBIT.effect', 'WEIGHT.effect']) {
      const { null: band, holds, sentence } = short.claims!.find((one) => one.name === name)!;
      expect(band!.n).toBeLessThan(19);
      expect(band!.p).toBeGreaterThan(0.1);
      expect(holds).toBe(false);
      expect(short.verdict!.confirmed).not.toContain(sentence);
    }
  });

  it('marks the ghosts of CANCEL as the verdicts of heads mark them', () => {
    const run = residue.runs[0]!;
    const cancelled = run.commands!.find(({ name }) => name === 'CANCEL')!;
    const table = cancelled.tables.find(({ title }) => title.startsWith('Ghost heads'))!;
    const at = (label: string): number => table.columns.findIndex((column) => column.label === label);
    const doubtful = table.rows.filter((row) => row[at('doubt')] === 'within its null').map(([head]) => head);
    expect(doubtful.length).toBeGreaterThan(0);
    for (const { layer, head, verdict, null: band } of run.headVerdicts!.heads) {
      const row = table.rows.find(([name]) => name === `${layer}.${head}`);
      if (verdict !== 'ghost' || !row) continue;
      expect(row[at('q of its attention')]).toBeCloseTo(band!.q!, 6);
    }
    expect(cancelled.findings.at(-1)).toMatch(/Within their null, judged as picked from all heads: /);
  });

  it('does not tell a share of what has turned against the answer, nor that what is ahead wins from once on', async () => {
    const other = await runText(
      model,
      `format: 1
shell: turned
family: salience
prompt: "[[first|Tom]] has a red ball. Q: What color is Tom's ball? [[last|A:]]"
answer: " red"
rivals: [" blue"]
run:
  - SENSE: { span: last }
  - STABILIZE: {}
`,
    );
    const [sense, stabilize] = other.runs[0]!.commands!;
    expect(sense!.values['contribution']).toBeLessThan(0);
    expect(sense!.findings[0]).toMatch(/nothing of it is left at the end, where it stands at −0\.\d+ nats, against the answer\.$/);
    expect(stabilize!.values['dose']).toBe(1);
    expect(other.claims!.find(({ name }) => name === 'STABILIZE.gain')!.sentence).toMatch(/carry it: scaled up they gain [\d.]+ nats$/);
  });
});
