import kstest from '@stdlib/stats-kstest';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/methods/random.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import type { HeadVerdict } from '../../src/residue/types-heads.js';
import { verdictNulls } from '../../src/run/heads/nulls.js';
import type { Scene } from '../../src/run/heads/verdicts.js';
import { controlOfParaphrase } from '../../src/run/opinions/control.js';
import { judged } from '../../src/run/opinions/opinion.js';

const LENGTH = 50;
const HEADS = 3;

/** Two layers of heads that look and write at random; head 1.2 looks at and writes from the span as much more as asked. */
function scene(seed: number, more = 0): Scene {
  const random = new Random(seed);
  const span = [20, 21] as const;
  const grid = (boost: number) =>
    [0, 1].map((l) =>
      Array.from({ length: HEADS }, (_, h) =>
        Float32Array.from({ length: LENGTH }, (_, k) => random.unit() - 0.5 + (l === 1 && h === 2 && k === span[0] ? boost : 0)),
      ),
    );
  const [pattern, source] = [grid(more), grid(more)];
  return {
    span,
    nulls: randomSpans(LENGTH, span, seed),
    writes: { layers: pattern.map((rows) => ({ pattern: rows })) },
    terms: { source },
  } as unknown as Scene;
}

describe('the null of a verdict', () => {
  it.each(['qk-collapse', 'trace-drop', 'ghost'] as const)('of %s gives uniform p where labels are random', (verdict) => {
    const ps = Array.from({ length: 500 }, (_, i) => {
      const band = verdictNulls(scene(2 * i + 1), scene(2 * i + 2), 1)(verdict, 0, 0)!;
      // p is one of 97 values: spread over the step below it, so that it is continuous as the test wants.
      return band.p - new Random(i).unit() / (1 + band.n);
    });
    expect(kstest(ps, 'uniform', 0, 1).pValue).toBeGreaterThan(0.001);
  });

  it('tells a head that lost more than any does of random spans, adjusted over all heads', () => {
    const nullOf = verdictNulls(scene(1), scene(2, 9), 1);
    const lost = nullOf('qk-collapse', 1, 2)!;
    expect(lost).toMatchObject({ n: 32 * HEADS, sided: 'size', over: '6 heads', p: 1 / (1 + 32 * HEADS) });
    expect(lost.q).toBeCloseTo(6 / (1 + 32 * HEADS), 9);
    for (const head of [0, 1]) expect(nullOf('qk-collapse', 1, head)!.p).toBeGreaterThan(lost.p);
  });

  it('is none without a control, or where no random span has room', () => {
    expect(verdictNulls(scene(1), null, 1)('ov-misfire', 0, 0)).toBeNull();
    expect(verdictNulls({ ...scene(1), nulls: [] }, null, 1)('ghost', 0, 0)).toBeNull();
  });
});

describe('a verdict that is asked again', () => {
  const verdict = {
    layer: 1,
    head: 2,
    verdict: 'qk-collapse',
    test: { what: 'a patch', effect: 1.2, null95: null, confirmed: true },
  } as HeadVerdict;
  it('counts its test and each paraphrase that has a control of its own', () => {
    const of = (kind: 'qk-collapse' | 'none') => new Map([['1.2', { kind, silent: false }]]);
    const { opinion } = judged(verdict, [
      { name: 'paraphrase 1', verdicts: of('qk-collapse') },
      { name: 'paraphrase 2', verdicts: of('none') },
      { name: 'paraphrase 3', verdicts: null },
      { name: 'paraphrase 4', verdicts: new Map() },
    ]);
    expect(opinion).toMatchObject({ agree: 2, of: 4 });
    expect(opinion!.by.map(({ agrees }) => agrees)).toEqual([true, true, false, false]);
  });

  it('has none where nothing else was asked', () => {
    expect(judged({ ...verdict, test: null }).opinion).toBeUndefined();
    expect(judged({ ...verdict, verdict: 'none' }).opinion).toBeUndefined();
  });
});

describe('the control of a paraphrase', () => {
  const prompt = (id: number, answer: number) => ({ ids: [id], answer: { ids: [answer] } });
  const run = (id: number) => ({ paraphrases: [{ prompt: prompt(id, 9) }] });
  const context = (failed: boolean[], paraphrases: boolean[], control: object | null = null) =>
    ({
      plan: { runs: failed.map((_, k) => run(k)) },
      residue: {
        primary: failed.length - 1,
        runs: failed.map((f) => ({ scores: { failed: f } })),
        paraphrases: paraphrases.map((f) => ({ scores: { failed: f } })),
      },
      control,
      paraphrases: [{ prompt: prompt(failed.length - 1, 9) }],
      shell: { paraphrases: [0] },
    }) as never;

  it('is its own wording where neither it nor the probe fails', () => {
    expect(controlOfParaphrase(context([false, false, true], [true, false, true]), 0)!.prompt.ids).toEqual([1]);
  });

  it("is the shell's control only where both have one answer", () => {
    const control = (answer: number) => ({ prompt: prompt(50, answer), trace: { scores: { failed: false } } });
    expect(controlOfParaphrase(context([true], [true], control(9)), 0)!.prompt.ids).toEqual([50]);
    expect(controlOfParaphrase(context([true], [true], control(8)), 0)).toBeNull();
    expect(controlOfParaphrase(context([true], [true]), 0)).toBeNull();
  });
});
