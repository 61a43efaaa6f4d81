import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/methods/random.js';
import { quantile, standardDeviation, topIndexes, wilson } from '../../src/methods/statistics.js';

describe('wilson', () => {
  // Values of statsmodels.stats.proportion.proportion_confint(k, n, method='wilson').
  it.each([
    [0, 10, 0, 0.277532799862889],
    [5, 10, 0.236593090512564, 0.763406909487436],
    [8, 10, 0.490162471536642, 0.943317848545625],
    [10, 10, 0.722467200137111, 1],
    [1, 1, 0.206549314377237, 1],
  ])('%i of %i', (k, n, low, high) => {
    const interval = wilson(k, n);
    expect(interval[0]).toBeCloseTo(low, 6);
    expect(interval[1]).toBeCloseTo(high, 6);
  });

  it('agrees with Newcombe (1998), table I, method 3', () => {
    expect(wilson(81, 263).map((x) => x.toFixed(4))).toEqual(['0.2553', '0.3662']);
    expect(wilson(15, 148).map((x) => x.toFixed(4))).toEqual(['0.0624', '0.1605']);
    expect(wilson(0, 20).map((x) => x.toFixed(4))).toEqual(['0.0000', '0.1611']);
    expect(wilson(1, 29).map((x) => x.toFixed(4))).toEqual(['0.0061', '0.1718']);
  });

  it('holds the share, is symmetric, and shrinks as evidence grows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const k = Math.round(n * share);
        const [low, high] = wilson(k, n);
        const [a, b] = wilson(n - k, n);
        const [low4, high4] = wilson(4 * k, 4 * n);
        expect(low).toBeLessThanOrEqual(k / n);
        expect(high).toBeGreaterThanOrEqual(k / n);
        expect(1 - b).toBeCloseTo(low, 12);
        expect(1 - a).toBeCloseTo(high, 12);
        expect(high4 - low4).toBeLessThan(high - low);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('says nothing of nothing', () => expect(wilson(0, 0)).toEqual([0, 1]));
});

describe('quantile', () => {
  it('interpolates as numpy does', () => {
    expect(quantile([3, 1, 2, 4], 0.95)).toBeCloseTo(3.85, 12);
    expect(quantile([7], 0.5)).toBe(7);
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('topIndexes', () => {
  it('agrees with a stable sort, whatever is skipped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 29 })),
        (values, k, skip) => {
          const skipped = new Set(skip);
          const sorted = values.map((_, i) => i).filter((i) => !skipped.has(i)); // prettier-ignore
          sorted.sort((a, b) => values[b]! - values[a]! || a - b);
          expect(topIndexes(values, k, skipped)).toEqual(sorted.slice(0, k));
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe('Random', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const draw = (seed: number): number[] =>
      Array.from(
        { length: 8 },
        (
          (random) => () =>
            random.next()
        )(new Random(seed)),
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(0)).not.toEqual(draw(2 ** 32));
    expect(new Set(draw(0)).size).toBe(8);
  });

  it('steps as the published algorithm does', () => {
    // xoshiro128** 1.1 from the state {1, 2, 3, 4}: the authors' C code gives these.
    const random = new Random(0);
    (random as unknown as { state: Uint32Array }).state.set([1, 2, 3, 4]);
    expect([random.next(), random.next(), random.next(), random.next()]).toEqual([11520, 0, 5927040, 70819200]);
  });

  it('is even over [0, n)', () => {
    const random = new Random(3);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++;
    const chi2 = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0);
    expect(chi2).toBeLessThan(22.46); // 99.9 % of 6 degrees of freedom
    const units = Array.from({ length: 10_000 }, () => random.unit());
    expect(Math.abs(units.reduce((a, b) => a + b) / units.length - 0.5)).toBeLessThan(0.01);
    expect(standardDeviation(units)).toBeCloseTo(Math.sqrt(1 / 12), 2);
  });

  it('samples without repetition, each number equally often', () => {
    const random = new Random(4);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6000; i++) {
      const sample = random.sample(6, 2);
      expect(new Set(sample).size).toBe(2);
      for (const s of sample) counts[s]!++;
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
    expect(random.sample(3, 9)).toEqual([0, 1, 2]);
  });
});
