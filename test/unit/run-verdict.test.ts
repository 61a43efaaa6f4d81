import { describe, expect, it } from 'vitest';
import { almostSaid, endedBy } from '../../src/methods/almost.js';
import { logSoftmax } from '../../src/methods/lens.js';
import type { RunTrace, Scores } from '../../src/residue/types.js';
import { matches } from '../../src/run/expect.js';
import { placeOf } from '../../src/run/place.js';
import { failureDensity, sentenceOf, verdictOf } from '../../src/run/verdict.js';

function trace(scores: Partial<Scores>, rest: Partial<RunTrace> = {}): RunTrace {
  const candidate = (text: string, id: number) => ({ text, ids: [id], logprob: -1, totalLogprob: -1, rank: 0 });
  return {
    name: 'probe',
    label: 'probe',
    vary: {},
    x: null,
    tokens: [],
    bosAdded: false,
    spans: {},
    position: 0,
    scores: {
      answer: candidate(' red', 1),
      rivals: [candidate(' blue', 2)],
      rivalsFromModel: false,
      strongest: 0,
      margin: 2.1,
      failed: false,
      tau: 0,
      entropy: 1,
      top: [{ id: 1, text: ' red', prob: 0.9, logprob: -0.1 }],
      ...scores,
    },
    ...rest,
  };
}
const lens = (margin: number[]) => ({ margin, answerLogprob: [], answerRank: [], rivalLogprob: [], entropy: [], top: [] });
const whole = (text: string, ids: number[], totalLogprob: number) => ({ text, ids, logprob: -1, totalLogprob, rank: 0 });
const says = (text: string, id: number) => [{ id, text, prob: 0.9, logprob: -0.1 }];
const collapse = (kind: 'lost' | 'never-formed', layer: number | null) =>
  ({ kind, layer, peak: 2, peakMargin: 1, noise: 0, evidence: 'observed' }) as const;

describe('the verdict in words', () => {
  it.each<[string, RunTrace]>([
    ['Did not fail: " red" wins by 2.1 nats; closest at layer 4 (0.3)', trace({}, { lens: lens([-1, 0.4, -2, 1, 0.304, 2, 2.1]) })],
    ['Did not fail: " red" wins by 2.1 nats; ahead only from layer 3 of 3', trace({}, { lens: lens([1, -1, -1, 2.1]) })],
    ['Did not fail: " red" wins by 2.1 nats', trace({})],
    ['Did not fail: " red" wins by 0.5 nats; yet the model says " move"', trace({ margin: 0.5, top: says(' move', 9) })],
    [
      'Failed: says " blue", should say " red"; lost at layer 4 of 6 (observed)',
      trace({ failed: true, top: says(' blue', 2) }, { collapse: collapse('lost', 4), lens: lens([0, 0, 0, 0, 0, 0, -1]) }),
    ],
    [
      'Failed: says "\\n", should say " red"; never formed, where the control forms at layer 2 of 6 (observed)',
      trace({ failed: true, top: says('\n', 5) }, { collapse: collapse('never-formed', 2) }),
    ],
    [
      'Failed: says " blue", should say " red"; never formed (observed)',
      trace({ failed: true, top: says(' blue', 2) }, { collapse: collapse('never-formed', null) }),
    ],
    // By the first tokens the answer is ahead, as a whole it is not, and the other way round.
    [
      'Did not fail: " red ball" wins by 2.1 nats; as whole strings " blue" is ahead of " red ball" (−5 against −9 nats)',
      trace({ answer: whole(' red ball', [1, 3], -9), rivals: [whole(' blue', [2], -5)] }),
    ],
    [
      'Failed: says " blue", should say " red ball"; as whole strings " red ball" is ahead of " blue sky" (−4 against −6 nats)',
      trace({
        ...{ failed: true, top: says(' blue', 2) },
        ...{ answer: whole(' red ball', [1, 3], -4), rivals: [whole(' blue sky', [2, 5], -6), whole(' green', [7], -8)] },
      }),
    ],
    ['Did not fail: " red ball" wins by 2.1 nats', trace({ answer: whole(' red ball', [1, 3], -4), rivals: [whole(' blue', [2], -5)] })],
    // The model says the answer's first token, and a rival is as probable.
    ['Failed: prefers " blue" to " red"', trace({ failed: true })],
  ])('%s', (sentence, run) => {
    expect(sentenceOf(run, run.lens ? run.lens.margin.length - 1 : 6)).toBe(sentence);
  });

  it('confirms only what an intervention has shown', () => {
    const command = (evidence: 'observed' | 'caused', effect: number) => ({
      name: 'INHIBIT',
      params: { span: 'fact' },
      evidence,
      findings: [],
      values: { effect },
      curves: [],
      tables: [],
    });
    const confirmed = (...commands: ReturnType<typeof command>[]): string[] =>
      verdictOf({ run: trace({}, { commands }), control: null, layers: 6, patterns: [], paraphrases: 0 }).confirmed;
    expect(confirmed(command('caused', -2.3))).toEqual(['the answer is read from "fact": cutting it off costs 2.3 nats']);
    expect(confirmed(command('caused', 1.5))).toEqual(['reading "fact" works against the answer: cutting it off gains 1.5 nats']);
    expect(confirmed(command('caused', 0.01), command('observed', -9))).toEqual([]);
  });

  it('takes the drop from the control and says what was not checked', () => {
    const verdict = verdictOf({
      run: trace({ margin: -1, failed: true }),
      control: trace({ margin: 3 }),
      layers: 6,
      patterns: [],
      paraphrases: 2,
    });
    expect(verdict).toMatchObject({ drop: 4, controlSucceeded: true, failed: true });
    expect(verdict.notChecked.join()).toMatch(/no activation of the control was patched/);
    expect(verdict.notChecked.join()).not.toMatch(/no control|no paraphrases/);
    const alone = verdictOf({ run: trace({}), control: null, layers: 6, patterns: [], paraphrases: 0 });
    expect(alone).toMatchObject({ drop: null, controlSucceeded: null });
    expect(alone.notChecked.join()).toMatch(/no control.*no paraphrases/);
  });
});

it('counts failing runs by vary value and over all', () => {
  const good = trace({});
  const bad = trace({ failed: true });
  const density = failureDensity([
    { probe: good, paraphrases: [good, bad] },
    { probe: bad, paraphrases: [bad, bad] },
  ]);
  expect(density).toMatchObject({ failing: 4, total: 6 });
  expect(density.share).toBeCloseTo(2 / 3, 12);
  expect(density.byRun.map(({ failing, total }) => [failing, total])).toEqual([
    [1, 3],
    [3, 3],
  ]);
  expect(density.byRun[1]!.interval[1]).toBe(1);
});

describe('expectations', () => {
  it.each<[Parameters<typeof matches>[0], Parameters<typeof matches>[1], boolean]>([
    [1, { below: 2 }, true],
    [2, { below: 2 }, false],
    [2, { above: 1, below: 3 }, true],
    [3, { above: 1, below: 3 }, false],
    [2, { between: [2, 5] }, true],
    [5.01, { between: [2, 5] }, false],
    [2, { equals: 2 }, true],
    ['a', { equals: 'a' }, true],
    [true, { equals: true }, true],
    ['lost', 'lost', true],
    ['lost', 'none', false],
    [2, 2, true],
    [null, { below: 2 }, false],
    [null, 'present', false],
    ['x', { below: 2 }, false],
    ['∞', { below: 2 }, false],
    ['∞', { above: 2 }, true],
    ['∞', { equals: '∞' }, true],
    [1, { equals: 1, below: 0 }, false],
  ])('%j against %j: %j', (got, want, passed) => expect(matches(got, want)).toBe(passed));

  it('finds lines and columns from 1', () => {
    const source = { text: 'a: 1\nbcd: 2\n', file: null };
    expect(placeOf(source, { start: 0, end: 1 })).toEqual({ line: 1, column: 1, endLine: 1, endColumn: 2 });
    expect(placeOf(source, { start: 5, end: 11 })).toEqual({ line: 2, column: 1, endLine: 2, endColumn: 7 });
    expect(placeOf({ ...source, file: 'f' }, { start: 10, end: 12 })).toEqual({ file: 'f', line: 2, column: 6, endLine: 3, endColumn: 1 });
  });
});

describe('almost said', () => {
  // Rows of a vocabulary of four, as probabilities.
  const rows = (...table: number[][]) => ({
    data: Float32Array.from(table.flatMap((p) => [...logSoftmax(p.map((x) => Math.log(x)))])),
    shape: [table.length, 4],
  });

  it('is what led in the later half and fell to less than a tenth', () => {
    const lens = rows(
      [0.97, 0.01, 0.01, 0.01],
      [0.01, 0.97, 0.01, 0.01],
      [0.1, 0.6, 0.2, 0.1],
      [0.1, 0.7, 0.1, 0.1],
      [0.02, 0.05, 0.03, 0.9],
    );
    const [only, ...others] = almostSaid(lens);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ id: 1, row: 3 });
    expect(only!.peakProb).toBeCloseTo(0.7, 5);
    expect(only!.finalProb).toBeCloseTo(0.05, 5);
  });

  it('is not what led weakly, early, or keeps a tenth', () => {
    expect(almostSaid(rows([0.9, 0.05, 0.03, 0.02], [0.02, 0.05, 0.03, 0.9], [0.02, 0.05, 0.03, 0.9]))).toEqual([]);
    expect(almostSaid(rows([0.3, 0.3, 0.2, 0.2], [0.7, 0.1, 0.1, 0.1], [0.08, 0.02, 0.2, 0.7]))).toEqual([]);
    const flat = { data: new Float32Array(3 * 20).fill(Math.log(0.05)), shape: [3, 20] };
    expect(almostSaid(flat)).toEqual([]);
  });

  it('was ended by the most negative part after its peak', () => {
    const terms = {
      head: [
        [-9, -9],
        [-1, 2],
        [-0.5, -3],
      ],
      mlp: [-9, -2, 1],
    };
    expect(endedBy(terms, 1)).toEqual({ component: 'head 2.1', contribution: -3 });
    expect(endedBy({ ...terms, mlp: [0, -4, 1] }, 1)).toEqual({ component: 'MLP 1', contribution: -4 });
    expect(endedBy(terms, 3)).toBeNull();
    expect(endedBy({ head: [[1]], mlp: [2] }, 0)).toBeNull();
  });
});
