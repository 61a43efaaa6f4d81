import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { logSoftmax, margin } from '../../src/methods/lens.js';
import { median } from '../helpers/median.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import { packageRoot } from '../../src/paths.js';
import type { Residue } from '../../src/residue/types.js';
import { pairScores } from '../../src/run/nulls/splice.js';
import type { StageContext } from '../../src/run/stage.js';
import { measuredHooks, traceRun } from '../../src/run/trace.js';
import type { PreparedPrompt } from '../../src/run/types.js';
import { openPath, runText } from '../helpers/shells.js';

const SHELL = `format: 1
shell: tried
family: memory
prompt: "Tom has a [[fact|red]] ball. They walk for a while. They walk for a while. They walk for a while. They walk for a while. Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
paraphrases:
  - prompt: "Anna has a [[fact|blue]] cup. They walk for a while. Q: What color is Anna's cup? A:"
    answer: " blue"
    rivals: [" red", " green"]
run:
  - INHIBIT: { span: fact, layers: [1, 2, 3] }
`;

let model: Model;
let residue: Residue;
beforeAll(async () => {
  model = await openPath(`${packageRoot()}/media/models/pocket`);
  residue = await runText(model, SHELL, { seed: 4 });
});
afterAll(() => model?.close());

describe('a knockout beside its null', () => {
  it('is the same knockout of random spans, each by a full forward', async () => {
    const run = residue.runs[0]!;
    const ids = run.tokens.map(({ id }) => id);
    const answer = run.scores!.answer.ids[0]!;
    const rivals = run.scores!.rivals.map((r) => r.ids[0]!);
    const marginOf = async (keys: number[]): Promise<number> => {
      const edits = keys.length
        ? [{ kind: 'knockout' as const, layers: [1, 2, 3], heads: 'all' as const, queries: [ids.length - 1], keys }]
        : [];
      return margin(logSoftmax((await model.run(ids, { edits })).logits!.data), answer, rivals);
    };
    const base = await marginOf([]);
    const effects: number[] = [];
    for (const [start] of randomSpans(ids.length, run.spans['fact']!, 4)) effects.push(Math.abs((await marginOf([start])) - base));
    const { nulls, values } = run.commands![0]!;
    expect(nulls!['effect']!.n).toBe(effects.length);
    expect(nulls!['effect']!.median).toBeCloseTo(median(effects), 3);
    const reached = effects.filter((e) => e >= Math.abs(values['effect'] as number)).length;
    expect(nulls!['effect']!.p).toBeCloseTo((1 + reached) / (1 + effects.length), 9);
  });

  it('is asked again with the values set to zero and in each paraphrase', () => {
    const { opinions } = residue.runs[0]!.commands![0]!;
    expect(opinions!['effect']!.by.map(({ name }) => name)).toEqual(['its values set to zero', 'paraphrase 1']);
    expect(opinions!['effect']!.of).toBe(2);
  });
});

describe('claims', () => {
  it('say what holds and what is stable, each from its own evidence', () => {
    for (const one of residue.claims!) {
      if (one.null && one.null.n >= 19) expect(one.holds, one.name).toBe((one.null.q ?? one.null.p) <= 0.05);
      else if (one.null && one.null.q === undefined && one.null.p > 1.5 / (1 + one.null.n)) expect(one.holds, one.name).toBe(false);
      else expect(one.holds, one.name).toBeNull();
      expect(one.stable, one.name).toBe(one.opinion ? one.opinion.agree === one.opinion.of : null);
    }
    expect(residue.claims!.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'failure',
        ...(residue.runs[0]!.scores!.failed ? ['collapse'] : []),
        'span.fact.attention',
        'span.fact.flow',
        'span.fact.contribution',
      ]),
    );
    const refuted = residue.claims!.filter(({ holds, evidence }) => evidence === 'caused' && holds === false);
    for (const { sentence } of refuted) expect(residue.verdict!.confirmed).not.toContain(sentence);
  });

  it('ask of the paraphrase what it says when it is run on its own', async () => {
    const alone = await runText(
      model,
      SHELL.replace(/prompt: "Tom.*/, `prompt: "Anna has a [[fact|blue]] cup. They walk for a while. Q: What color is Anna's cup? A:"`)
        .replace(/control:.*\n/, '')
        .replace('answer: " red"\nrivals: [" blue", " green"]', 'answer: " blue"\nrivals: [" red", " green"]')
        .replace(/paraphrases:[^]*?run:/, 'run:'),
      { seed: 4 },
    );
    const { attribution, collapse } = alone.runs[0]!;
    const order = attribution!.head
      .flatMap((row, l) => row.map((c, h) => ({ name: `head.${l}.${h}.contribution`, c })))
      .sort((a, b) => Math.abs(b.c) - Math.abs(a.c));
    const heads = residue.claims!.filter(({ name }) => name.endsWith('.contribution') && name.startsWith('head.'));
    expect(heads).toHaveLength(8);
    for (const { name, value, opinion } of heads) {
      const rank = order.findIndex((one) => one.name === name);
      expect(opinion!.by[0]!.says).toContain(`number ${rank + 1} of ${order.length}`);
      expect(opinion!.by[0]!.agrees, name).toBe(rank < 8 && Math.sign(order[rank]!.c) === Math.sign(value));
    }
    const told = residue.claims!.find(({ name }) => name === 'collapse');
    if (told) expect(told.opinion!.by[0]!.agrees).toBe(collapse!.kind === residue.runs[0]!.collapse!.kind);
  });

  it('are nulls too where the prompt has no room', async () => {
    const short = await runText(model, 'format: 1\nshell: tried\nfamily: memory\nprompt: "[[fact|Tom has a red]] ball"\nanswer: "."\n');
    expect(short.runs[0]!.nulls!.spans).toEqual({});
    expect(short.verdict!.notChecked.join()).toMatch(/no room for random ones/);
  });
});

describe('the null of instruction conflict', () => {
  const splice = (positions: string): string => `format: 1
shell: tried
family: instruction
prompt: "[[a|Rule: answer with the color.]] [[b|Rule: answer with the thing.]] Tom has a red ball in the park. Anna is at home. Q: What about Tom? A:"
answer: " red"
rivals: [" ball", " park"]
paraphrases: ["[[a|Rule: answer with the color.]] [[b|Rule: answer with the thing.]] Sam has a green hat in the barn. Q: What about Sam? A:"]
run: [SPLICE: { a: a, b: b, positions: ${positions} }]
`;
  it.each(['kept', 'closed'] as const)('measures of the instructions themselves what SPLICE does (%s)', async (positions) => {
    const found = await runText(model, splice(positions), { seed: 2 });
    const run = found.runs[0]!;
    const pattern = found.verdict!.patterns.find(({ name }) => name === 'instruction-conflict')!;
    expect(pattern.null!.n).toBeGreaterThan(10);
    expect(pattern.opinion!.of).toBe(1);
    const prompt = { ids: run.tokens.map(({ id }) => id), spans: run.spans } as PreparedPrompt;
    const traced = await traceRun(model, prompt, measuredHooks(model));
    const subject = { prompt, traced: () => Promise.resolve(traced) } as unknown as StageContext['subject'];
    const [score] = await pairScores({ model, subject }, [[run.spans['a']!, run.spans['b']!]], positions);
    expect(score).toBeCloseTo(pattern.score, 4);
  });
});
