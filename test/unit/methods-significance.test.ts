import kstest from '@stdlib/stats-kstest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/methods/random.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import { ALPHA, benjaminiHochberg, clears, nullBand, pValue, spansInWords } from '../../src/methods/significance.js';

describe('a p-value', () => {
  it('counts the observed among its nulls', () => {
    expect(pValue(3, [1, 2, 3, 4])).toBe(3 / 5);
    expect(pValue(5, [1, 2, 3, 4])).toBe(1 / 5);
    expect(pValue(0, [1, 2, 3, 4])).toBe(1);
    expect(pValue(1, [])).toBe(1);
  });

  it('is uniform over 600 draws when observed and nulls are alike', () => {
    const random = new Random(11);
    const p = Array.from({ length: 600 }, () => {
      const all = Array.from({ length: 33 }, () => random.unit());
      // p lies on k/33: spread over its own step it is uniform exactly.
      return pValue(all[0]!, all.slice(1)) - random.unit() / 33;
    });
    expect(kstest(p, 'uniform', 0, 1).pValue).toBeGreaterThan(0.01);
    // The test can tell: observed values that are larger than their nulls fail it.
    const raised = Array.from({ length: 600 }, () => {
      const nulls = Array.from({ length: 32 }, () => random.unit());
      return pValue(random.unit() ** 0.7, nulls) - random.unit() / 33;
    });
    expect(kstest(raised, 'uniform', 0, 1).pValue).toBeLessThan(1e-4);
  });

  it('of a random span is uniform on any fixed values, sizes of signed ones included', () => {
    const random = new Random(5);
    const values = Array.from({ length: 400 }, () => random.unit() ** 3 - 0.2);
    const sum = ([start, end]: readonly [number, number]): number => values.slice(start, end).reduce((a, b) => a + b, 0);
    const p = Array.from({ length: 600 }, (_, seed) => {
      const start = 1 + random.below(397);
      const drawn = randomSpans(400, [start, start + 2], seed);
      return nullBand(sum([start, start + 2]), drawn.map(sum), '', 'size')!.p - random.unit() / 33;
    });
    expect(kstest(p, 'uniform', 0, 1).pValue).toBeGreaterThan(0.01);
  });
});

describe('Benjamini and Hochberg', () => {
  it('is what their procedure gives by hand', () => {
    // q(i) = min over j ≥ i of p(j) · m / j, in the order of p.
    expect(benjaminiHochberg([0.01, 0.02, 0.03, 0.04, 0.05]).map((q) => q.toFixed(6))).toEqual(Array(5).fill('0.050000'));
    const q = benjaminiHochberg([0.2, 0.008, 0.6, 0.03, 0.123]);
    [0.25, 0.04, 0.6, 0.075, 0.205].forEach((want, i) => expect(q[i]).toBeCloseTo(want, 12));
    expect(benjaminiHochberg([])).toEqual([]);
    expect(benjaminiHochberg([0.3])).toEqual([0.3]);
  });

  it('calls what the step-up rule calls, whatever the p-values', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }), (p) => {
        const q = benjaminiHochberg(p);
        const sorted = [...p].sort((a, b) => a - b);
        const last = sorted.findLastIndex((one, i) => one <= (ALPHA * (i + 1)) / p.length);
        const limit = last < 0 ? -1 : sorted[last]!;
        p.forEach((one, i) => {
          expect(q[i]!).toBeGreaterThanOrEqual(one - 1e-12);
          if (Math.abs(q[i]! - ALPHA) > 1e-9) expect(q[i]! <= ALPHA).toBe(one <= limit);
        });
      }),
    );
  });
});

describe('a band', () => {
  it('is the null in words and in numbers', () => {
    const band = nullBand(-4, [1, -2, 3, -1], '4 random spans', 'size')!;
    expect(band).toMatchObject({ of: '4 random spans', n: 4, median: 1.5, p: 1 / 5, sided: 'size' });
    expect(nullBand(-4, [1, -2, 3, -1], '')!.p).toBe(1);
    expect(nullBand(1, [], '')).toBeNull();
  });

  it('is cleared at 0.05, and by nothing where it is too coarse to be', () => {
    const of = (n: number, observed: number) => nullBand(observed, Array(n).fill(0) as number[], '');
    expect(clears(of(32, 1))).toBe(true);
    expect(clears(of(32, 0))).toBe(false);
    expect(clears(of(19, 1))).toBe(true);
    expect(clears(of(18, 1))).toBeNull();
    // Few as they are, the null reach it; of several tested together none is judged by so few.
    expect(clears(of(18, 0))).toBe(false);
    expect(clears(of(1, 0))).toBe(false);
    expect(clears({ ...of(7, 0)!, q: 1 })).toBeNull();
    expect(clears(null)).toBeNull();
  });
});

it('names random spans', () => {
  expect(spansInWords([[1, 3]])).toBe('1 random span of 2 tokens');
  expect(spansInWords(Array.from({ length: 32 }, (_, i) => [i, i + 1] as const))).toBe('32 random spans of 1 token');
});

it('draws random spans of equal length that overlap neither the span nor position 0, the same for the same seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 90 }), fc.nat(88), fc.integer({ min: 1, max: 12 }), fc.nat(1000), (length, from, width, seed) => {
      const start = Math.min(from, length - 1);
      const span = [start, Math.min(start + width, length)] as const;
      const drawn = randomSpans(length, span, seed);
      const size = span[1] - span[0];
      for (const [a, b] of drawn) {
        expect(b - a).toBe(size);
        expect(a).toBeGreaterThanOrEqual(1);
        expect(b).toBeLessThanOrEqual(length);
        expect(b <= span[0] || a >= span[1]).toBe(true);
      }
      expect(new Set(drawn.map(([a]) => a)).size).toBe(drawn.length);
      expect(randomSpans(length, span, seed)).toEqual(drawn);
      const room = Array.from({ length }, (_, a) => a).filter((a) => a >= 1 && a + size <= length && (a + size <= span[0] || a >= span[1]));
      expect(drawn.length).toBe(Math.min(32, room.length));
    }),
  );
});
