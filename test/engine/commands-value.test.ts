import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model } from '../../src/engine/api.js';
import { InputError } from '../../src/errors.js';
import { klDivergence } from '../../src/methods/competition.js';
import { Random } from '../../src/methods/random.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import { quantile } from '../../src/methods/statistics.js';
import { packageRoot } from '../../src/paths.js';
import { checkResidue } from '../../src/residue/read.js';
import type { CommandOutcome, Residue, RunTrace } from '../../src/residue/types.js';
import { serializeResidue } from '../../src/residue/write.js';
import { parseShell } from '../../src/shell/parse.js';
import { expectKindsApart } from '../helpers/evidence.js';
import { lastLogits, logSoftmax, openReferenced, REFERENCED } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';
import { openPath, runText } from '../helpers/shells.js';

const HEAD = 'format: 1\nshell: tried\nfamily: value\n';
const list = (ids: readonly number[]): string => `[${ids.join(', ')}]`;
const commandOf = (run: RunTrace, name: string): CommandOutcome => run.commands!.find((one) => one.name === name)!;
const column = (outcome: CommandOutcome, table: number, label: string): unknown[] => {
  const { columns, rows } = outcome.tables[table]!;
  return rows.map((row) => row[columns.findIndex((c) => c.label === label)]);
};

/** Each command on every family, against plain full forwards with the edits written out, and against PyTorch's numbers. */
describe.each(REFERENCED)('the commands of values and salience on %s', (name) => {
  let model: Model;
  let reference: Reference;
  let residue: Residue;
  let run: RunTrace;
  let ids: number[];
  let span: [number, number];
  let answer: number;
  let rival: number;
  const margin = async (edits: Edit[] = []): Promise<number> => {
    const logits = lastLogits(await model.run(ids, { edits }));
    return logits[answer]! - logits[rival]!;
  };
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
    const { probe, control } = reference.json.prompts;
    ({ ids, span, answer } = probe);
    rival = probe.rivals[0]!;
    const prompt = (p: typeof probe): string => `{tokens: ${list(p.ids)}, spans: {fact: ${list(p.span)}}}`;
    residue = await runText(
      model,
      `${HEAD}prompt: ${prompt(probe)}
control: ${prompt(control)}
answer: {tokens: [${answer}]}
rivals: [{tokens: [${rival}]}]
run:
  - ISOLATE: { candidates: [{tokens: [${answer}]}, {tokens: [${rival}]}, {tokens: [${answer}, ${rival}, ${answer}]}] }
  - ISOLATE: {}
  - STABILIZE: { doses: [1, 2, 4] }
  - YIELD: { samples: 6, tokens: 5 }
  - SENSE: { span: fact }
  - WEIGHT: { span: fact, by: [0, 0.5, 2] }
  - CANCEL: { below: 0.5 }
`,
    );
    run = residue.runs[0]!;
  });
  afterAll(() => model?.close());

  it('keep what is read off and what is tested apart', () => expectKindsApart(run.commands!));

  it('leave a residue that is one, and tell the two kinds of evidence apart', () => {
    expect(() => checkResidue(JSON.parse(serializeResidue(residue)))).not.toThrow();
    expect(run.commands!.map((one) => [one.name, one.evidence])).toEqual([
      ['ISOLATE', 'observed'],
      ['ISOLATE', 'observed'],
      ['STABILIZE', 'caused'],
      ['YIELD', 'observed'],
      ['SENSE', 'observed'],
      ['WEIGHT', 'caused'],
      ['CANCEL', 'caused'],
    ]);
    for (const { values, measures } of run.commands!) expect(Object.keys(measures!)).toEqual(Object.keys(values));
    expect(commandOf(run, 'WEIGHT').measures!['predicted']).toEqual({ unit: 'nats per unit', evidence: 'observed' });
  });

  it('ISOLATE reads whole candidates, token by token, and splits heads as PyTorch does', async () => {
    const [three, two] = run.commands!.filter((one) => one.name === 'ISOLATE') as [CommandOutcome, CommandOutcome];
    let whole = 0;
    const said = [...ids];
    for (const id of [answer, rival, answer]) {
      whole += logSoftmax(lastLogits(await model.run(said)))[id]!;
      said.push(id);
    }
    const last = three.curves[0]!.series[2]!.y.at(-1)!;
    expect(Math.log(last)).toBeCloseTo(whole, 3);
    const dla = reference.arrays('probe/dla.head');
    const nHeads = model.spec.nHeads;
    // Of two candidates the contribution is that to their difference; columns stand in the order of the output.
    const labels = two.tables[0]!.rows.map(([candidate]) => candidate);
    const at = labels.indexOf(JSON.stringify(run.scores!.answer.text)) + 1;
    for (const row of two.tables[1]!.rows) {
      const [layer, head] = String(row[0]).split('.').map(Number) as [number, number];
      expect(row[at]).toBeCloseTo(dla.data[layer * nHeads + head]!, 3);
    }
  });

  it('STABILIZE scales the heads that PyTorch finds to support the answer', async () => {
    const outcome = commandOf(run, 'STABILIZE');
    const dla = reference.arrays('probe/dla.head');
    const heads = [...dla.data].flatMap((c, i) =>
      c > 0 ? [{ layer: Math.floor(i / model.spec.nHeads), head: i % model.spec.nHeads }] : [],
    );
    expect(outcome.values['heads']).toBe(heads.length);
    for (const [i, dose] of [1, 2, 4].entries()) {
      const edits = heads.map((one): Edit => ({ kind: 'scale-head', ...one, scale: dose, positions: [ids.length - 1] }));
      expect(outcome.curves[0]!.series[0]!.y[i]).toBeCloseTo(await margin(edits), 2);
    }
    expect(outcome.values['p']).toBeGreaterThan(0);
    expect(outcome.values['p']).toBeLessThanOrEqual(1);
  });

  it('YIELD draws what the model draws with the same random numbers', async () => {
    const texts = column(commandOf(run, 'YIELD'), 2, 'text');
    expect(texts).toHaveLength(6);
    for (const [i, text] of texts.entries()) {
      const { ids: drawn } = await model.generate(ids, { maxTokens: 5, temperature: 1, seed: (i + 1) * 2 ** 32 });
      const end = drawn.findIndex((id) => /[.!?\n]/.test(model.tokenizer.token(id)));
      const kept = end < 0 ? drawn : drawn.slice(0, end + 1);
      expect(text).toBe(JSON.stringify(model.tokenizer.decode(kept, { continuation: true })));
    }
    const { resolved, contradictory, null: none } = commandOf(run, 'YIELD').values as Record<string, number>;
    expect(resolved! + contradictory! + none!).toBeCloseTo(1, 12);
  });

  it("SENSE sums PyTorch's contributions over the span, and reads its words off PyTorch's lens", () => {
    const { values, curves } = commandOf(run, 'SENSE');
    const source = reference.arrays('probe/dla.head_source');
    const T = ids.length;
    let sum = 0;
    source.data.forEach((c, i) => (sum += i % T >= span[0] && i % T < span[1] ? c : 0));
    expect(values['contribution']).toBeCloseTo(sum, 3);
    const lens = reference.arrays('probe/lens.logprobs');
    const vocab = lens.shape[1]!;
    for (const [l, y] of curves[3]!.series[0]!.y.entries()) {
      const own = [...new Set(ids.slice(...span))].reduce((p, id) => p + Math.exp(lens.data[l * vocab + id]!), 0);
      expect(y).toBeCloseTo(own, 3);
    }
  });

  it("WEIGHT scales the span's values as PyTorch does; by 1 it is no change", async () => {
    const { values, curves } = commandOf(run, 'WEIGHT');
    expect(curves[0]!.x).toEqual([0, 0.5, 1, 2]);
    for (const [i, prompt] of ['probe', 'control'].entries()) {
      const y = curves[0]!.series[i]!.y;
      [...reference.arrays(`${prompt}/scale_values`).data].forEach((want, k) => expect(y[[0, 1, 3][k]!]).toBeCloseTo(want, 2));
    }
    expect(curves[0]!.series[0]!.y[2]).toBeCloseTo(run.scores!.margin, 3);
    const keys = ids.map((_, i) => i).slice(...span);
    const cut = (layer: number, scale: number): Edit => ({
      kind: 'scale-values',
      layers: [layer],
      heads: 'all',
      queries: [ids.length - 1],
      keys,
      scale,
    });
    for (const [i, y] of curves[1]!.series[0]!.y.entries()) expect(y).toBeCloseTo((await margin([cut(i, 0)])) - (await margin()), 2);
    const spans = randomSpans(ids.length, span, 0);
    const effect = Math.abs(values['effect'] as number);
    let beyond = 0;
    for (const [start, end] of spans) {
      const at = ids.map((_, i) => i).slice(start, end);
      const edits = curves[1]!.x.map((l): Edit => ({
        kind: 'scale-values',
        layers: [l],
        heads: 'all',
        queries: [ids.length - 1],
        keys: at,
        scale: 0,
      }));
      if (Math.abs((await margin(edits)) - run.scores!.margin) >= effect) beyond++;
    }
    expect(spans.length).toBeGreaterThan(0);
    expect(values['p']).toBeCloseTo((1 + beyond) / (1 + spans.length), 9);
    const ends = await Promise.all([0.95, 1.05].map((w) => margin(model.spec.nLayers > 0 ? curves[1]!.x.map((l) => cut(l, w)) : [])));
    expect(values['slope']).toBeCloseTo((ends[1]! - ends[0]!) / 0.1, 1);
  });

  it('CANCEL zeroes the heads under the quantile, and replaces them by their mean over the control', async () => {
    const outcome = commandOf(run, 'CANCEL');
    const { nHeads } = model.spec;
    const salience = [...reference.arrays('probe/dla.head').data].map(Math.abs);
    const limit = quantile(salience, 0.5);
    const heads = salience.flatMap((s, i) => (s < limit ? [{ layer: Math.floor(i / nHeads), head: i % nHeads }] : []));
    expect(outcome.values['heads']).toBe(heads.length);
    const clean = logSoftmax(lastLogits(await model.run(ids)));
    const zero = heads.map((one): Edit => ({ kind: 'scale-head', ...one, scale: 0, positions: 'all' }));
    const row = logSoftmax(lastLogits(await model.run(ids, { edits: zero })));
    expect(outcome.values['kl']).toBeCloseTo(klDivergence(clean, row), 2);
    const twin = await model.run(reference.json.prompts.control.ids, { hooks: ['blocks.*.attn.hook_z'] });
    const mean = heads.map(({ layer, head }): Edit => {
      const { data, shape } = twin.get(`blocks.${layer}.attn.hook_z`);
      const [, T, , d] = shape as [number, number, number, number];
      const value = Float32Array.from({ length: d }, (_, i) => {
        let sum = 0;
        for (let t = 0; t < T; t++) sum += data[(t * nHeads + head) * d + i]!;
        return sum / T;
      });
      return { kind: 'replace', at: 'z', layer, head, positions: 'all', value };
    });
    expect(outcome.values['meanEffect']).toBeCloseTo((await margin(mean)) - (await margin()), 2);
  });
});

describe('on the bundled model', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openPath(`${packageRoot()}/media/models/pocket`);
  });
  afterAll(() => model?.close());
  const PROMPT = `prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"\n`;

  it('CANCEL below 0 changes nothing', async () => {
    const residue = await runText(model, `${HEAD}${PROMPT}answer: " red"\nrivals: [" blue"]\nrun:\n  - CANCEL: { below: 0 }\n`);
    expect(commandOf(residue.runs[0]!, 'CANCEL').values).toMatchObject({ heads: 0, top1Kept: true, p: null });
    for (const key of ['kl', 'effect', 'meanEffect', 'answerEffect'])
      expect(commandOf(residue.runs[0]!, 'CANCEL').values[key]).toBeCloseTo(0, 4);
  });

  it('YIELD gives the same samples again, the first of more are the fewer, and another seed gives others', async () => {
    const texts = async (samples: number, seed: number): Promise<unknown[]> => {
      const shell = `${HEAD}${PROMPT}answer: " red"\nrivals: [" blue"]\nrun:\n  - YIELD: { samples: ${samples}, temperature: 3 }\n`;
      return column(commandOf((await runText(model, shell, { seed })).runs[0]!, 'YIELD'), 2, 'text');
    };
    const eight = await texts(8, 1);
    expect(await texts(8, 1)).toEqual(eight);
    expect((await texts(40, 1)).slice(0, 8)).toEqual(eight);
    expect(await texts(8, 2)).not.toEqual(eight);
    expect(new Random(2 ** 32).next()).not.toBe(new Random(2 ** 33).next());
  });

  it.each<[string, string]>([
    ['no control and no rivals', `${PROMPT}answer: " red"\n`],
    ['a control without the span', `${PROMPT}control: "Tom has a ball. A:"\nanswer: " red"\n`],
    ['one token', 'prompt: {tokens: [5], spans: {fact: [0, 1]}}\nanswer: {tokens: [7]}\n'],
    ['answers of several tokens', `${PROMPT}answer: " red ball."\nrivals: [" blue ball."]\n`],
    [
      'a span that the probe lacks',
      `prompt: "Tom has a ball. {{more}}A:"\nanswer: " red"\nvary: { more: { no: "", yes: "It is [[fact|red]]. " } }\n`,
    ],
  ])('run on %s, the same each time', async (_name, shell) => {
    const text = `${HEAD}${shell}run:\n  - ISOLATE: {}\n  - STABILIZE: { at: all }\n  - YIELD: { samples: 3 }\n  - SENSE: { span: fact }\n  - WEIGHT: { span: fact, at: all }\n  - CANCEL: {}\n`;
    const residue = await runText(model, text);
    expect(() => checkResidue(JSON.parse(serializeResidue(residue)))).not.toThrow();
    for (const run of residue.runs) expect(run.commands).toHaveLength(6);
    expect(serializeResidue({ ...(await runText(model, text)), created: '' })).toBe(serializeResidue({ ...residue, created: '' }));
  });

  it('name no head for candidates that begin alike, and hold no gain against random sets where nothing is scaled up', async () => {
    const commands = '  - ISOLATE: { candidates: [" red ball", " red kite"] }\n  - STABILIZE: { doses: [0, 0.5] }\n';
    const { runs } = await runText(model, `${HEAD}${PROMPT}answer: " red"\nrivals: [" blue"]\nrun:\n${commands}`);
    const [isolate, stabilize] = runs[0]!.commands!;
    expect(isolate!.findings.slice(2)).toEqual([
      'No head or MLP writes for the first token of " red ball" against those of the other candidates.',
      'No head or MLP writes for the first token of " red kite" against those of the other candidates.',
    ]);
    expect(stabilize!.values).toMatchObject({ gain: null, p: null });
    expect(stabilize!.nulls).toBeUndefined();
    expect(stabilize!.findings.join()).toMatch(/^No dose above 1 is given, so the \d+ heads that support " red" were not scaled up/);
    expect(stabilize!.curves[0]!.x).toEqual([0, 0.5, 1]);
  });

  it.each<[string, string, RegExp]>([
    ['a candidate beyond the vocabulary', 'ISOLATE: { candidates: [{tokens: [9]}, {tokens: [99999]}] }', /token id 99999/],
    ['a candidate named twice', 'YIELD: { candidates: [" red", " red"] }', /named twice/],
    ['a layer that is not there', 'WEIGHT: { span: fact, layers: [77] }', /There is no layer 77/],
    ['a candidate beyond the vocabulary to stabilize', 'STABILIZE: { candidate: {tokens: [99999]} }', /token id 99999/],
  ])('refuse %s before anything is run', async (_name, call, message) => {
    const shell = `${HEAD}${PROMPT}answer: " red"\nrun:\n  - ${call}\n`;
    await expect(runText(model, shell)).rejects.toThrow(message);
    await expect(runText(model, shell)).rejects.toThrow(InputError);
  });

  it.each([
    'ISOLATE: { candidates: [" red"] }',
    'STABILIZE: { doses: [-1] }',
    'STABILIZE: { candidate: "" }',
    'YIELD: { samples: 0 }',
    'YIELD: { temperature: 0 }',
    'YIELD: { until: never }',
    'SENSE: {}',
    'WEIGHT: { span: fact, by: [1e9] }',
    'WEIGHT: { span: fact, at: nowhere }',
    'CANCEL: { below: 2 }',
    'CANCEL: { span: nobody }',
  ])('a shell with %s is refused with one sentence', (call) => {
    const { shell, diagnostics } = parseShell(`${HEAD}${PROMPT}answer: " red"\nrun:\n  - ${call}\n`);
    expect(shell).toBeNull();
    expect(diagnostics[0]!.message).toMatch(/^[^\n]+[.?]$/);
  });
});
