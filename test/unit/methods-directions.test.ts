import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attendedAnchor, largest, ownTokens } from '../../src/methods/anchors.js';
import { cosine, difference, isDirection, jointFit, norm, shareAlong } from '../../src/methods/directions.js';
import { jensenShannon } from '../../src/methods/divergence.js';
import { repeatedBlocks, repeatedEnd } from '../../src/methods/induction.js';
import { logSoftmax } from '../../src/methods/lens.js';

const finite = fc.double({ min: -40, max: 40, noNaN: true });
const pair = (length: number) => fc.tuple(...[0, 1].map(() => fc.array(finite, { minLength: length, maxLength: length })));
const size = fc.integer({ min: 2, max: 12 });

describe('Jensen-Shannon divergence', () => {
  it('is symmetric, in [0, ln 2], and 0 of a distribution with itself', () => {
    fc.assert(
      fc.property(size.chain(pair), ([x, y]) => {
        const [p, q] = [logSoftmax(x!), logSoftmax(y!)];
        const js = jensenShannon(p, q);
        expect(js).toBeGreaterThanOrEqual(0);
        expect(js).toBeLessThanOrEqual(Math.LN2);
        expect(jensenShannon(q, p)).toBeCloseTo(js, 12);
        expect(jensenShannon(p, p)).toBeCloseTo(0, 12);
      }),
    );
  });

  it('equals the entropy of the average minus the average entropy, and ln 2 where no token is shared', () => {
    const [p, q] = [
      [0.5, 0.25, 0.25],
      [0.1, 0.1, 0.8],
    ];
    const h = (d: number[]): number => -d.reduce((a, x) => a + x * Math.log(x), 0);
    const mixed = p.map((x, i) => (x + q[i]!) / 2);
    expect(jensenShannon(p.map(Math.log), q.map(Math.log))).toBeCloseTo(h(mixed) - (h(p) + h(q)) / 2, 12);
    expect(jensenShannon([0, -Infinity], [-Infinity, 0])).toBeCloseTo(Math.LN2, 12);
    expect(() => jensenShannon([0], [0, -Infinity])).toThrow(RangeError);
  });
});

describe('directions', () => {
  it('finds the coefficients that a change was made of, and what is left over', () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        fc.pre(Math.abs(a) + Math.abs(b) > 1e-3);
        const [dA, dB] = [
          [1, 0.5, 0, 0],
          [0.5, 2, 0, 0],
        ];
        const change = dA.map((x, i) => a * x + b * dB[i]!);
        const fit = jointFit(change, dA, dB)!;
        expect(fit.a).toBeCloseTo(a, 6);
        expect(fit.b).toBeCloseTo(b, 6);
        expect(fit.unexplained).toBeCloseTo(0, 6);
      }),
    );
    expect(jointFit([1, 0, 1], [1, 0, 0], [0, 1, 0])!.unexplained).toBeCloseTo(0.5, 12);
    expect(jointFit([1, 1], [1, 0], [2, 0])).toBeNull();
    expect(jointFit([0, 0], [1, 0], [0, 1])).toBeNull();
  });

  it('is whole along itself, has no angle to nothing, and rounding is no direction', () => {
    expect(shareAlong([2, 4], [2, 4])).toBe(1);
    expect(shareAlong([1, 0], [0, 0])).toBeNull();
    expect(cosine([1, 0], [-3, 0])).toBe(-1);
    expect(cosine([1, 0], [0, 0])).toBeNull();
    expect(norm(difference([4, 5], [1, 1]))).toBe(5);
    expect(isDirection([1e-6, 0], [1, 0])).toBe(false);
    expect(isDirection([1e-3, 0], [1, 0])).toBe(true);
  });
});

describe('anchors', () => {
  it('own what no other has, and what may be said where each has some', () => {
    const anchors = [
      [1, 2, 9],
      [1, 3, 8],
    ];
    expect(ownTokens(anchors, new Set())).toEqual([
      [2, 9],
      [3, 8],
    ]);
    expect(ownTokens(anchors, new Set([9, 8]))).toEqual([[9], [8]]);
    expect(ownTokens(anchors, new Set([9]))).toEqual([
      [2, 9],
      [3, 8],
    ]);
    expect(ownTokens([[1], [1]], new Set())).toEqual([[], []]);
  });

  it('are attended to only beyond what even attention would give', () => {
    expect(attendedAnchor([0.3, 0.2], [1, 1], 10)).toBe(0);
    expect(attendedAnchor([0.3, 0.2], [3, 1], 10)).toBeNull();
    expect(largest([null, null])).toBeNull();
    expect(largest([null, -2, -3])).toBe(1);
  });
});

describe('repetition', () => {
  it('follows the longest earlier stretch, the latest of equal ones', () => {
    expect(repeatedEnd([1, 2, 3, 9, 2, 4, 1, 2])).toEqual({ follower: 2, length: 2 });
    expect(repeatedEnd([2, 5, 2, 6, 2])).toEqual({ follower: 3, length: 1 });
    expect(repeatedEnd([1, 2, 3])).toBeNull();
    expect(repeatedEnd([7])).toBeNull();
  });

  it('draws one block from the seed, and repeats it', () => {
    const pool = Array.from({ length: 50 }, (_, i) => i + 10);
    const ids = repeatedBlocks(pool, 25, 4, [1], 3);
    expect(ids).toHaveLength(101);
    expect(ids[0]).toBe(1);
    for (let i = 26; i < 101; i++) expect(ids[i]).toBe(ids[i - 25]);
    expect(new Set(ids).size).toBe(26);
    expect(repeatedBlocks(pool, 25, 4, [1], 3)).toEqual(ids);
    expect(repeatedBlocks(pool, 25, 4, [1], 4)).not.toEqual(ids);
    expect(repeatedBlocks([5, 6], 4, 2, [], 1)).toHaveLength(8);
  });
});
