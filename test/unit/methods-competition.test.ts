import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { againstRest, bifurcationRow, flipDose, halfPoint, klDivergence, leadChanges } from '../../src/methods/competition.js';
import { logSoftmax } from '../../src/methods/lens.js';

const numbers = (n: number) => fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: n, maxLength: n });

describe('candidates', () => {
  it('bifurcate at the first row where two have risen', () => {
    expect(
      bifurcationRow([
        [0, 0.2, 0.3, 0.1],
        [0.5, 0.05, 0.1, 0.9],
        [0, 0, 0, 0],
      ]),
    ).toBe(2);
    expect(bifurcationRow([[0.9], [0.05]])).toBeNull();
    expect(bifurcationRow([[0.9, 0.9]])).toBeNull();
    expect(bifurcationRow([])).toBeNull();
  });

  it('change the lead as often as the leader is another one', () => {
    const rows = [
      [1, 0, 2, 0, 2],
      [0, 1, 1, 1, 1],
    ];
    expect(leadChanges(rows, 0)).toBe(4);
    expect(leadChanges(rows, 3)).toBe(1);
    expect(leadChanges(rows, 5)).toBe(0);
  });

  it('against the rest sum to nothing, whatever is added to all', () => {
    expect(againstRest([3, 1])).toEqual([2, -2]);
    expect(againstRest([3])).toEqual([3]);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }).chain(numbers), fc.double({ min: -9, max: 9, noNaN: true }), (values, shift) => {
        const plain = againstRest(values);
        expect(plain.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
        againstRest(values.map((v) => v + shift)).forEach((v, i) => expect(v).toBeCloseTo(plain[i]!, 6));
      }),
    );
  });
});

describe('doses', () => {
  it('flip at the least one from which the margin stays above 0', () => {
    expect(flipDose([1, 2, 3, 4], [-1, 1, -1, 2])).toBe(4);
    expect(flipDose([4, 2, 3, 1], [2, 1, 1, -1])).toBe(2);
    expect(flipDose([1, 2], [1, 1])).toBe(1);
    expect(flipDose([1, 2], [1, 0])).toBeNull();
  });

  it('are half way where a line and a step are', () => {
    expect(halfPoint([0, 0.5, 1], [0, 1, 2])).toBeCloseTo(0.5, 12);
    expect(halfPoint([0, 0.25, 1, 4], [-2, 2, 2, 9])).toBeCloseTo(0.125, 12);
    expect(halfPoint([1, 0], [5, 5])).toBeNull();
    expect(halfPoint([0.5, 1], [0, 1])).toBeNull();
  });
});

it('KL divergence is 0 of equals, positive otherwise, and what it is of two coins', () => {
  const coin = (p: number): number[] => [Math.log(p), Math.log(1 - p)];
  expect(klDivergence(coin(0.5), coin(0.25))).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 12);
  fc.assert(
    fc.property(numbers(5), numbers(5), (a, b) => {
      expect(klDivergence(logSoftmax(a), logSoftmax(a))).toBe(0);
      expect(klDivergence(logSoftmax(a), logSoftmax(b))).toBeGreaterThanOrEqual(0);
    }),
  );
});
