import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { CancelledError, InputError } from '../../src/errors.js';
import { logSoftmax } from '../../src/methods/lens.js';
import { checkResidue } from '../../src/residue/read.js';
import { serializeResidue } from '../../src/residue/write.js';
import type { Residue } from '../../src/residue/types.js';
import { mapPositions } from '../../src/run/map.js';
import type { PreparedPrompt, RunProgress } from '../../src/run/types.js';
import { packageRoot } from '../../src/paths.js';
import { openPath, runText } from '../helpers/shells.js';

const POCKET = `${packageRoot()}/media/models/pocket`;

const HEAD = 'format: 1\nshell: tried\nfamily: memory\n';
const COMMANDS = `run:
  - ANCHOR: { span: fact, inject: { layers: [1, 3], scale: 2 } }
  - RECALL: {}
  - INHIBIT: { span: fact, rate: 0.25 }
`;
const VARIED = `${HEAD}prompt: "Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
vary:
  walk: { repeat: "They walk for a while. ", times: [0, 3, 6] }
paraphrases:
  - prompt: "Anna has a [[fact|blue]] cup. {{walk}}Q: What color is Anna's cup? A:"
    answer: " blue"
    rivals: [" red", " green"]
  - "Sam has a [[fact|red]] hat. {{walk}}Q: What color is Sam's hat? A:"
  - "Sam has a [[fact|red]] hat. Q: What color is Sam's hat? A:"
${COMMANDS}generate: { tokens: 6 }
expect:
  - failure: absent
  - INHIBIT.effect: { below: 0 }
  - margin: { below: -100 }
`;

let model: Model;
beforeAll(async () => {
  model = await openPath(POCKET);
});
afterAll(() => model?.close());

const text = (residue: Residue): string => serializeResidue(residue);
/** Everything but the time stamp. */
const body = (residue: Residue): string => text({ ...residue, created: '' });
const valid = (residue: Residue): void => void expect(() => checkResidue(JSON.parse(text(residue)))).not.toThrow();

describe('a shell with everything', () => {
  let residue: Residue;
  const events: RunProgress[] = [];
  const partials: Residue[] = [];
  beforeAll(async () => {
    residue = await runText(model, VARIED, { onProgress: (e) => events.push(e), onPartial: (r) => partials.push(r), seed: 5 });
  });

  it('has a run for each value, with its name, dose and commands', () => {
    valid(residue);
    expect(residue.runs.map(({ name, x, vary }) => [name, x, vary])).toEqual([
      ['probe.walk=0', 0, { walk: '0' }],
      ['probe.walk=3', 3, { walk: '3' }],
      ['probe.walk=6', 6, { walk: '6' }],
    ]);
    for (const run of residue.runs) {
      expect(run.commands!.map(({ name, evidence }) => [name, evidence])).toEqual([
        ['ANCHOR', 'caused'],
        ['RECALL', 'observed'],
        ['INHIBIT', 'caused'],
      ]);
      expect(run.salience!.causal).not.toBeNull();
      expect(run.map!.complete).toBe(true);
      expect(run.generation!.ids).toHaveLength(6);
    }
    expect(residue.paraphrases.map(({ name }) => name)).toEqual(
      [0, 3, 6].flatMap((walk) => [1, 2, 3].map((n) => `paraphrase.${n}.walk=${walk}`)),
    );
    expect(residue.density).toMatchObject({ failing: 0, total: 12, share: 0 });
    expect(residue.primary).toBe(2);
  });

  it('judges by the numbers it shows', () => {
    expect(residue.verdict).toMatchObject({ failed: false, controlSucceeded: true });
    const run = residue.runs[2]!;
    expect(residue.verdict!.drop).toBeCloseTo(residue.control!.scores!.margin - run.scores!.margin, 9);
    expect(residue.verdict!.sentence).toMatch(/^Did not fail: " red" wins by [\d.]+ nats; closest at layer \d \([\d.]+\)$/);
    expect(run.collapse).toMatchObject({ kind: 'none', layer: null, evidence: 'observed' });
    expect(residue.expectations.map(({ path, passed, line }) => [path, passed, line])).toEqual([
      ['failure', true, 22],
      ['INHIBIT.effect', true, 23],
      ['margin', false, 24],
    ]);
    expect(residue.expectations[2]!.message).toMatch(/^margin is [\d.]+, but below -100 was expected$/);
  });

  it('draws 16 subsets for a rate below 1', () => {
    const { values, findings } = residue.runs[0]!.commands![2]!;
    expect(values['spread']).toBeGreaterThan(0);
    expect(findings[0]).toMatch(/^Cutting a random 25 % .* 16 draws\)\.$/);
  });

  it('tells how far it is, never backwards, and ends with everything done', () => {
    let last = 0;
    for (const { done, total, stage } of events) {
      expect(done, stage).toBeGreaterThanOrEqual(last);
      expect(done, stage).toBeLessThanOrEqual(total);
      last = done;
    }
    expect(events.at(-1)).toMatchObject({ stage: 'done', done: events[0]!.total });
  });

  it('shows tokens first, then margins, then the rest', () => {
    expect(partials[0]!.runs.every(({ tokens, scores }) => tokens.length > 0 && !scores)).toBe(true);
    for (const partial of partials) valid(partial);
    const counts = partials.map(({ runs }) => runs.filter(({ scores }) => scores).length);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(partials.some(({ runs }) => runs[0]!.lens && !runs[0]!.attribution)).toBe(true);
    expect(partials.every(({ status }) => status === 'running')).toBe(true);
  });

  it('gives the same bytes again, from a model opened anew, and others with another seed', async () => {
    const again = await openPath(POCKET);
    try {
      expect(body(await runText(again, VARIED, { seed: 5 }))).toBe(body(residue));
      const other = await runText(again, VARIED, { seed: 6 });
      expect(other.provenance.seed).toBe(6);
      expect(other.runs[0]!.commands![2]!.values['effect']).not.toBe(residue.runs[0]!.commands![2]!.values['effect']);
    } finally {
      await again.close();
    }
  });

  it('runs only the commands that are asked for', async () => {
    const some = await runText(model, VARIED, { commands: [0], seed: 5 });
    expect(some.runs[0]!.commands!.map(({ name }) => name)).toEqual(['ANCHOR']);
    expect(some.expectations.map(({ path }) => path)).toEqual(['failure', 'margin']);
    expect(some.notes).toContain('Not run, so not checked: INHIBIT.effect.');
  });
});

describe('ANCHOR', () => {
  it('adds what it says it adds', async () => {
    const residue = await runText(model, VARIED, { commands: [0] });
    const run = residue.runs[1]!;
    const [start, end] = run.spans['fact']!;
    const ids = run.tokens.map(({ id }) => id);
    const plain = await model.run(ids, { hooks: ['blocks.3.hook_resid_pre'] });
    const { data, shape } = plain.get('blocks.3.hook_resid_pre');
    const d = shape[2]!;
    const value = Float32Array.from({ length: d }, (_, i) => {
      let sum = 0;
      for (let k = start; k < end; k++) sum += data[k * d + i]!;
      return (2 * sum) / (end - start);
    });
    const edited = await model.run(ids, { edits: [{ kind: 'add', at: 'resid_pre', layer: 3, positions: [ids.length - 1], value }] });
    const row = logSoftmax(edited.logits!.data);
    const { answer, rivals } = run.scores!;
    const margin = row[answer.ids[0]!]! - Math.max(...rivals.map((r) => row[r.ids[0]!]!));
    const curve = run.commands![0]!.curves.at(-1)!;
    expect(curve.x).toEqual([1, 3]);
    expect(curve.series[0]!.y[1]).toBeCloseTo(margin, 3);
    expect(curve.series[1]!.y[1]).toBeCloseTo(run.scores!.margin, 3);
  });
});

describe('answers and rivals', () => {
  it("takes the model's own top tokens where none are named, and fails where the answer is not first", async () => {
    const prompt = `prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"\n`;
    const right = await runText(model, `${HEAD}${prompt}answer: " red"\n`);
    const wrong = await runText(model, `${HEAD}${prompt}answer: " blue"\n`);
    for (const residue of [right, wrong]) {
      valid(residue);
      const { scores } = residue.runs[0]!;
      expect(scores!.rivalsFromModel).toBe(true);
      expect(scores!.rivals).toHaveLength(5);
      const ids = scores!.rivals.map(({ ids }) => ids[0]!);
      expect(ids).not.toContain(scores!.answer.ids[0]);
      for (const id of ids) expect(model.tokenizer.specialIds.has(id)).toBe(false);
      expect(residue.notes.some((note) => note.includes('names no rivals'))).toBe(true);
      expect(residue.verdict!.controlSucceeded).toBeNull();
      expect(residue.verdict!.notChecked.length).toBeGreaterThan(1);
    }
    expect(right.verdict!.failed).toBe(false);
    expect(wrong.verdict).toMatchObject({
      failed: true,
      sentence: expect.stringMatching(/^Failed: says " red", should say " blue"; /) as string,
    });
    expect(wrong.runs[0]!.collapse!.kind).not.toBe('none');
  });

  it('scores whole strings by the sum of their tokens, one token at a time', async () => {
    const prompt = 'Tom has a red ball. Q: What color is';
    const residue = await runText(
      model,
      `${HEAD}prompt: "${prompt}"\nanswer: " Tom's ball? A: red"\nrivals: [" Anna's ball?", " a", " the cup? A:"]\n`,
    );
    valid(residue);
    const { answer, rivals } = residue.runs[0]!.scores!;
    expect(new Set([answer, ...rivals].map(({ ids }) => ids.length)).size).toBeGreaterThan(2);
    const start = residue.runs[0]!.tokens.map(({ id }) => id);
    for (const { ids, totalLogprob, logprob } of [answer, ...rivals]) {
      let sum = 0;
      const context = [...start];
      for (const id of ids) {
        sum += logSoftmax((await model.run(context)).logits!.data)[id]!;
        context.push(id);
      }
      expect(totalLogprob).toBeCloseTo(sum, 3);
      if (ids.length === 1) expect(totalLogprob).toBe(logprob);
    }
  });
});

describe('generation', () => {
  const sampled = (seed: number): string =>
    `${HEAD}prompt: "Tom has a red ball."\nanswer: " Tom"\ngenerate: { tokens: 12, temperature: 1.5, seed: ${seed} }\n`;
  it('is sampled by its seed and says when the answer comes', async () => {
    const ids = async (seed: number, run = 0): Promise<number[]> => {
      const [only] = (await runText(model, sampled(seed), { seed: run })).runs;
      const { ids, answerAt } = only!.generation!;
      const at = ids.indexOf(only!.scores!.answer.ids[0]!);
      expect(answerAt).toBe(at < 0 ? null : at);
      return ids;
    };
    const first = await ids(1);
    expect(await ids(1)).toEqual(first);
    expect(await ids(2)).not.toEqual(first);
    expect(await ids(1, 9)).not.toEqual(first);
  });
});

describe('work that would take long', () => {
  it('ablates layers in the run of the headline alone, and says so', async () => {
    const shell = VARIED.replace('[0, 3, 6]', '[64, 70, 74]')
      .replace(/paraphrases:[\s\S]*?run:/, 'run:')
      .replace(COMMANDS, '')
      .replace(/generate[\s\S]*/, '');
    const residue = await runText(model, shell);
    valid(residue);
    const measured = residue.runs.map(({ salience }) => salience!.causal !== null);
    expect(measured).toEqual([0, 1, 2].map((i) => i === residue.primary));
    expect(residue.control!.salience!.causal).toBeNull();
    expect(residue.notes.join()).toMatch(/run of the headline alone/);
  });

  it('covers the end of the prompt and the spans first where a map of all would cost too much', () => {
    const spec = { ...model.spec, nLayers: 29, vocabSize: 50_000, dModel: 1000 };
    const prompt = { ids: new Array<number>(100).fill(1), spans: { fact: [10, 12] } } as unknown as PreparedPrompt;
    // 3e10 / (30 · 50,000 · 1,000) = 20 positions: the last 8, the span with two either side (6), then 6 more backwards.
    expect(mapPositions({ spec }, { prompt })).toEqual([8, 9, 10, 11, 12, 13, ...Array.from({ length: 14 }, (_, i) => 86 + i)]);
    expect(mapPositions({ spec: { ...spec, vocabSize: 1e9 } }, { prompt })).toEqual([99]);
    expect(mapPositions({ spec: { ...spec, vocabSize: 10_000 } }, { prompt })).toHaveLength(100);
  });
});

describe('shells at the edge', () => {
  it.each<[string, string]>([
    ['one token, no span', `${HEAD}prompt: {tokens: [5]}\nanswer: {tokens: [7]}\nrun: [{ RECALL: {} }]\n`],
    [
      'a span on the answer position',
      `${HEAD}prompt: {tokens: [1, 40, 50, 60], spans: {fact: [3, 4]}}\nanswer: {tokens: [7]}\n${COMMANDS}`,
    ],
    ['a span on the first token', `${HEAD}prompt: {tokens: [1, 40, 50, 60], spans: {fact: [0, 1]}}\nanswer: {tokens: [7]}\n${COMMANDS}`],
    ['an answer that is special', `${HEAD}prompt: "Tom has a red ball."\nanswer: {tokens: [0]}\n`],
    [
      'a control without the span',
      `${HEAD}prompt: "Tom has a [[fact|red]] ball. A:"\ncontrol: "Tom has a ball. A:"\nanswer: " red"\n${COMMANDS}`,
    ],
    ['controls that differ', VARIED.replace('ball. Q: What', 'ball. {{walk}}Q: What').replace(/paraphrases:[\s\S]*?run:/, 'run:')],
  ])('%s', async (_name, shell) => {
    const residue = await runText(model, shell);
    valid(residue);
    for (const check of residue.checks) expect(check.passed, JSON.stringify(check)).toBe(true);
    expect(body(await runText(model, shell))).toBe(body(residue));
  });

  it('names controls that differ by their values, and shows the one of the headline', async () => {
    const names: string[] = [];
    const shell = VARIED.replace('ball. Q: What', 'ball. {{walk}}Q: What');
    const residue = await runText(model, shell, { onArrays: async (name) => void names.push(name) });
    expect(names).toEqual(['control.walk=0', 'probe.walk=0', 'control.walk=3', 'probe.walk=3', 'control.walk=6', 'probe.walk=6']);
    expect(residue.control!.name).toBe('control.walk=6');
  });

  it('a span that only some values bring is measured where it is', async () => {
    const shell = `${HEAD}prompt: "Tom has a ball. {{more}}Q: What color is Tom's ball? A:"
answer: " red"
vary:
  more: { without: "", with: "Tom has a [[fact|red]] ball. " }
${COMMANDS}`;
    const residue = await runText(model, shell);
    valid(residue);
    const inhibit = residue.runs.map(({ commands }) => commands![2]!);
    expect(inhibit[0]!.values['effect']).toBeNull();
    expect(inhibit[0]!.findings[0]).toMatch(/no span "fact"/);
    expect(inhibit[1]!.values['effect']).toBeLessThan(0);
  });

  it.each<[string, string, RegExp, number]>([
    [
      'a prompt beyond the context',
      `${HEAD}prompt: "${'word '.repeat(700)}"\nanswer: " red"\n`,
      /tokens, but the model's context holds 512/,
      4,
    ],
    ['ids beyond the vocabulary', `${HEAD}prompt: {tokens: [1, 822]}\nanswer: " red"\n`, /vocabulary ends at 821/, 4],
    [
      'a layer that is not there',
      `${VARIED}`.replace('rate: 0.25', 'layers: [1, 6]'),
      /There is no layer 6: the model's layers are 0 to 5/,
      19,
    ],
    ['a head that is not there', `${VARIED}`.replace('rate: 0.25', 'heads: [8]'), /There is no head 8/, 19],
    [
      'a span that is all there is',
      `${HEAD}prompt: {tokens: [1, 2], spans: {fact: [0, 2]}}\nanswer: " red"\nrun: [{ INHIBIT: { span: fact } }]\n`,
      /span is the whole prompt/,
      6,
    ],
  ])('%s is told in one sentence with its line', async (_name, shell, message, line) => {
    let began = false;
    const error = await runText(model, shell, { onPartial: () => (began = true) }).then(
      () => null,
      (e: unknown) => e,
    );
    expect(began).toBe(false);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(message);
    expect((error as InputError).place).toMatchObject({ line, file: 'test.shell.yaml' });
  });

  it('a run that would take more memory than allowed says what it needs', async () => {
    const small = await openPath(POCKET, { memoryBudget: 2 ** 20 });
    try {
      await expect(runText(small, VARIED)).rejects.toThrow(/needs .* memory .* allowed/);
    } finally {
      await small.close();
    }
  });
});

describe('cancelling', () => {
  it.each(['control: attribution', 'probe.walk=0: INHIBIT', 'probe.walk=3: generation', 'probe.walk=6: mean ablation'])(
    'at "%s" keeps what has arrived',
    async (where) => {
      const controller = new AbortController();
      let aborted = false;
      let after = 0;
      const residue = await runText(model, VARIED, {
        signal: controller.signal,
        onProgress: ({ stage }) => {
          if (aborted) after++;
          else if (stage.startsWith(where)) {
            aborted = true;
            controller.abort();
          }
        },
      });
      expect(aborted).toBe(true);
      // Not one more batch is run.
      expect(after).toBe(0);
      valid(residue);
      expect(residue.status).toBe('cancelled');
      expect(residue.cancelledAt!.startsWith(where)).toBe(true);
      expect(residue.control!.scores).toBeDefined();
      expect(residue.verdict).toBeUndefined();
      if (where.startsWith('probe.walk=3')) {
        expect(residue.runs[0]!.commands).toHaveLength(3);
        expect(residue.runs[1]!.attribution).toBeDefined();
        expect(residue.runs[1]!.generation).toBeUndefined();
        expect(residue.runs[2]!.scores).toBeUndefined();
      }
    },
  );

  it('before anything was measured is a CancelledError', async () => {
    await expect(runText(model, VARIED, { signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
  });
});
