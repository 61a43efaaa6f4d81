import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logSoftmax } from '../../src/methods/lens.js';
import type { CommandOutcome, RunTrace } from '../../src/residue/types.js';
import { PATTERNS } from '../../src/shell/schema.js';
import type { Detection, Sighting } from '../../src/run/patterns/detector.js';
import { instructionConflict } from '../../src/run/patterns/instruction-conflict.js';
import { recursiveLoopingDetector } from '../../src/run/patterns/recursive-looping.js';
import { attenuation, signalAttenuation } from '../../src/run/patterns/signal-attenuation.js';
import { randomPairs } from '../../src/run/nulls/splice.js';
import { DETECTORS } from '../../src/run/patterns/table.js';
import { temporalDislocation } from '../../src/run/patterns/temporal-dislocation.js';
import { valueCompetition } from '../../src/run/patterns/value-competition.js';
import { runTrace } from './residue-fixture.js';

const VOCAB = 40;
/** Lens rows in which token 0 (the answer) and token 1 (its rival) have these probabilities. */
const lensOf = (rows: readonly (readonly [number, number])[]): Sighting['lens'] => ({
  data: Float32Array.from(
    rows.flatMap(([a, b]) => [
      ...logSoftmax([Math.log(a), Math.log(b), ...Array<number>(VOCAB - 2).fill(Math.log((1 - a - b) / (VOCAB - 2)))]),
    ]),
  ),
  shape: [rows.length, VOCAB],
});
const candidate = (text: string, id: number) => ({ text, ids: [id], logprob: -1, totalLogprob: -1, rank: 0 });
const scores = (failed = true): NonNullable<RunTrace['scores']> => ({
  ...runTrace().scores!,
  answer: candidate(' park', 0),
  rivals: [candidate(' house', 1)],
  failed,
});

/** Six layers of one head: attention and contribution of a token by layer. */
const flat = { attention: Array<number>(6).fill(0.01), contribution: Array<number>(6).fill(0.001) };
function sighting(over: Partial<Sighting> = {}, trace: Partial<RunTrace> = {}, byToken: Record<number, typeof flat> = {}): Sighting {
  return {
    trace: runTrace({ scores: scores(), spans: {}, commands: [], generation: undefined, looping: undefined, ...trace }),
    family: 'memory',
    lens: lensOf([[0.5, 0.1]]),
    source: null,
    measure: ([start]) => {
      const { attention, contribution } = byToken[start] ?? flat;
      const mean = attention.reduce((a, b) => a + b, 0) / 6;
      const sum = contribution.reduce((a, b) => a + b, 0);
      return {
        attention: mean,
        flow: mean,
        contribution: sum,
        heads: { attention: attention.map((x) => [x]), contribution: contribution.map((x) => [x]) },
      };
    },
    random: () => Array.from({ length: 32 }, (_, i) => [20 + i, 21 + i] as const),
    trapped: null,
    special: new Set<number>(),
    seed: 1,
    ...over,
  };
}
const found = (result: ReturnType<(typeof valueCompetition)['detect']>): Detection => {
  if ('unmeasured' in result) throw new Error(result.unmeasured);
  return result;
};

it('there is a detector for each pattern that a shell may expect', () => {
  expect(DETECTORS.map(({ name }) => name)).toEqual(Object.keys(PATTERNS));
});

describe('recursive-looping', () => {
  const said = (ids: number[], loops: boolean, period: number | null, repeats: number): Partial<RunTrace> => ({
    generation: { ids, tokens: ids.map(String), text: '', stopped: 'length', temperature: 0, answerAt: null },
    looping: { loops, rep4: 0, period, repeats, carrier: null },
  });
  const loop = said([1, 2, 3, 9, 8, 9, 8, 9, 8, 9, 8, 9, 8], true, 2, 5);

  it('is a loop in a run that failed, more than the same tokens in random order make', () => {
    expect(found(recursiveLoopingDetector.detect(sighting({}, loop)))).toMatchObject({ present: true, null: { p: 1 / 33 } });
    expect(found(recursiveLoopingDetector.detect(sighting({}, { ...loop, scores: scores(false) })))).toMatchObject({
      present: false,
      score: 0,
    });
    expect(found(recursiveLoopingDetector.detect(sighting({}, said([1, 2, 3, 4], false, null, 0))))).toMatchObject({ present: false });
  });

  it('is trapping in a quarter of the heads and not below', () => {
    const at = (heads: number) =>
      found(recursiveLoopingDetector.detect(sighting({ trapped: { heads, of: 8, nulls: Array(32).fill(0) as number[] } })));
    expect(at(2).present).toBe(true);
    expect(at(1).present).toBe(false);
  });

  it('needs something to look at', () => {
    expect(recursiveLoopingDetector.detect(sighting())).toHaveProperty('unmeasured');
  });
});

describe('value-competition', () => {
  const at = (...rows: [number, number][]) => found(valueCompetition.detect(sighting({ lens: lensOf(rows) })));

  it('is two candidates of which neither wins', () => {
    expect(at([0.3, 0.1], [0.4, 0.35])).toMatchObject({ present: true, null: { p: 1 / 33 } });
    expect(at([0.3, 0.1], [0.8, 0.1]).present).toBe(false);
    expect(at([0.3, 0.1], [0.09, 0.08]).present).toBe(false);
    expect(at([0.3, 0.1], [0.101, 0.101]).present).toBe(true);
    expect(at([0.3, 0.1], [0.42, 0.205])).toMatchObject({ present: false, score: 0 });
  });

  it('is a margin that changes its sign twice in the later half, and ends open', () => {
    expect(at([0.1, 0.1], [0.1, 0.1], [0.02, 0.03], [0.03, 0.02], [0.02, 0.03]).present).toBe(true);
    // The same changes in the earlier half do not count.
    expect(at([0.02, 0.03], [0.03, 0.02], [0.02, 0.03], [0.02, 0.03], [0.02, 0.03], [0.02, 0.03], [0.02, 0.03]).present).toBe(false);
  });
});

describe('signal-attenuation', () => {
  const curve = (attention: number[], contribution: number[]) => ({
    heads: { attention: attention.map((x) => [x]), contribution: contribution.map((x) => [x]) },
  });

  it('is a signal that is taken back where the attention is kept', () => {
    const kept = [0.1, 0.4, 0.4, 0.4, 0.4, 0.3];
    expect(attenuation(curve(kept, [0, 2, -0.5, -0.5, -0.5, -0.1]))).toMatchObject({ present: true, peak: 2, layer: 1, lost: 1.6 });
    expect(attenuation(curve(kept, [0, 2, -0.5, -0.5, -0.5, 0.1]))!.present).toBe(false);
    expect(attenuation(curve([0.1, 0.4, 0.1, 0.1, 0.1, 0.1], [0, 2, -2, 0, 0, 0]))).toMatchObject({ present: false, lost: 0 });
    expect(attenuation(curve(kept, [0, 0.09, -0.09, 0, 0, 0]))).toMatchObject({ present: false, score: 0 });
    expect(attenuation(curve([1], [1]))).toBeNull();
  });

  it('is not a signal that was written and is there, though the last layers write nothing more', () => {
    expect(attenuation(curve([0.1, 0.4, 0.4, 0.4, 0.4, 0.4], [0, 2, 1, 0, 0, 0]))).toMatchObject({ present: false, peak: 3, end: 3 });
    expect(attenuation(curve([0.1, 0.4], [0, 2]))).toMatchObject({ present: false, kept: null, lost: 0 });
  });

  it('is held against what random spans lose', () => {
    const fading = { attention: Array<number>(6).fill(0.3), contribution: [0, 2, -1, -1, 0, 0] };
    const over = { source: 'fact' };
    const here = found(signalAttenuation.detect(sighting(over, { spans: { fact: [3, 4] } }, { 3: fading })));
    expect(here).toMatchObject({ present: true, null: { p: 1 / 33 } });
    const everywhere = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [i, fading]));
    expect(found(signalAttenuation.detect(sighting(over, { spans: { fact: [3, 4] } }, everywhere))).null!.p).toBe(1);
    expect(signalAttenuation.detect(sighting())).toHaveProperty('unmeasured');
  });
});

describe('temporal-dislocation', () => {
  const tokens = Array.from({ length: 69 }, (_, i) => ({ id: i === 3 ? 0 : 100 + i, text: ' x' }));
  const trace = { tokens, spans: { noon: [3, 4], night: [9, 10] } satisfies RunTrace['spans'] };
  const looks = (noon: number, night: number) => ({
    3: { ...flat, attention: Array<number>(6).fill(noon) },
    9: { ...flat, attention: Array<number>(6).fill(night) },
  });

  it('is attention on another moment than the one that holds the answer', () => {
    const at = (noon: number, night: number) =>
      found(temporalDislocation.detect(sighting({ family: 'temporal' }, trace, looks(noon, night))));
    expect(at(0.1, 0.3)).toMatchObject({ present: true, score: 0.75, null: { p: 1 / 33 } });
    expect(at(0.3, 0.1)).toMatchObject({ present: false, score: 0.25 });
  });

  it('takes anchors, the right one and changes from REMEMBER and SHIFT', () => {
    const command = (name: string, params: object, values: CommandOutcome['values']): CommandOutcome => ({
      ...{ name, params: params as CommandOutcome['params'], values },
      ...{ evidence: 'observed', findings: [], curves: [], tables: [] },
    });
    const remember = command('REMEMBER', { spans: ['noon', 'night'] }, { right: 'night', written: 'night' });
    const at = (...commands: CommandOutcome[]) => found(temporalDislocation.detect(sighting({}, { ...trace, commands }, looks(0.1, 0.3))));
    expect(at(remember).present).toBe(false);
    expect(at(remember, command('SHIFT', {}, { attendedChanges: true }))).toMatchObject({ present: true, score: 1 });
    expect(temporalDislocation.detect(sighting({}, trace))).toHaveProperty('unmeasured');
  });

  it('does not take the right moment for unwritten where its tokens stand in another as well', () => {
    const remember: CommandOutcome = {
      ...{ name: 'REMEMBER', params: { spans: ['noon', 'night'] }, values: { right: 'noon', written: 'night' } },
      ...{ evidence: 'observed', findings: [], curves: [], tables: [] },
    };
    const present = (night: number) => {
      const said = { ...trace, tokens: tokens.map((token, i) => (i === 9 ? { ...token, id: night } : token)), commands: [remember] };
      const wide = { ...said, spans: { noon: [3, 4], night: [9, 11] } satisfies RunTrace['spans'] };
      return found(temporalDislocation.detect(sighting({}, wide, looks(0.3, 0.1)))).present;
    };
    expect(present(109)).toBe(true);
    expect(present(tokens[3]!.id)).toBe(false);
  });
});

describe('instruction-conflict', () => {
  const at = (values: CommandOutcome['values']) =>
    instructionConflict.detect(
      sighting({}, { commands: [{ name: 'SPLICE', params: {}, evidence: 'caused', findings: [], values, curves: [], tables: [] }] }),
    );

  it('is mutual suppression, or an output far from both', () => {
    const base = { jsToA: 0.1, jsToB: 0.5, jsBetween: 0.6, projectionA: 0.9, projectionB: 0.2 };
    expect(found(at(base))).toMatchObject({ present: false });
    expect(found(at({ ...base, jsToA: 0.31 }))).toMatchObject({ present: true });
    expect(found(at({ ...base, jsToA: 0.3 }))).toMatchObject({ present: false });
    expect(found(at({ ...base, projectionA: 0.49 }))).toMatchObject({ present: true });
    expect(instructionConflict.detect(sighting())).toEqual({ unmeasured: 'it needs SPLICE in `run`' });
  });

  it('is not made of instructions that say the same, however far apart noise is relative to noise', () => {
    const same = { jsToA: 4.2e-5, jsToB: 2.4e-5, jsBetween: 8.7e-6, projectionA: 1.02, projectionB: 1.01 };
    expect(found(at(same))).toMatchObject({ present: false, score: 0 });
    // Both alone say one thing, and together another.
    expect(found(at({ ...same, jsToA: 0.6, jsToB: 0.5 }))).toMatchObject({ present: true, score: 1 });
    expect(found(at({ ...same, jsToA: 0.6, jsToB: 0.5, jsBetween: 0 }))).toMatchObject({ present: true, score: 1 });
    expect(found(at({ ...same, jsToA: 0, jsToB: 0, jsBetween: 0 }))).toMatchObject({ present: false, score: 0 });
  });

  it('has a null of pairs that overlap neither the instructions nor one another, nor hold the ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 40 }),
        fc.nat(),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 99 }),
        (tokens, start, la, lb, seed) => {
          const a: [number, number] = [1 + (start % tokens), 1 + (start % tokens) + la];
          const b: [number, number] = [a[1], a[1] + lb];
          fc.pre(b[1] < tokens);
          const pairs = randomPairs(tokens, [a, b], seed);
          expect(pairs.length).toBeLessThanOrEqual(32);
          expect(new Set(pairs.map(String)).size).toBe(pairs.length);
          for (const [one, other] of pairs) {
            expect([one[1] - one[0], other[1] - other[0]]).toEqual([la, lb]);
            const taken = [a, b, one, other].flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
            expect(new Set(taken).size).toBe(taken.length);
            expect(Math.min(...one, ...other)).toBeGreaterThan(0);
            expect(Math.max(one[1], other[1])).toBeLessThan(tokens);
          }
        },
      ),
    );
  });
});

it('scores are shares, whatever the lens', () => {
  const share = fc.double({ min: 1e-6, max: 0.49, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(share, share), { minLength: 2, maxLength: 9 }), (rows) => {
      const { score, present } = found(valueCompetition.detect(sighting({ lens: lensOf(rows) })));
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1 + 1e-9);
      if (present) expect(score).toBeGreaterThan(0);
    }),
  );
});
