import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexOfIds, inductionScore, repetition, tailPeriod } from '../../src/methods/looping.js';
import { isTrapped, middleLayers, recursiveLooping } from '../../src/methods/patterns.js';

describe('tailPeriod', () => {
  it('finds the smallest period with its whole repetitions', () => {
    expect(tailPeriod([9, 1, 2, 1, 2, 1, 2])).toEqual({ period: 2, repeats: 3 });
    expect(tailPeriod([9, 2, 1, 2, 1, 2, 1, 2])).toEqual({ period: 2, repeats: 3 });
    expect(tailPeriod([5, 5, 5, 5])).toEqual({ period: 1, repeats: 4 });
    expect(tailPeriod([1, 2, 3, 1, 2, 3])).toBeNull();
    expect(tailPeriod([])).toBeNull();
  });

  it('agrees with brute force', () => {
    const brute = (ids: readonly number[]): { period: number; repeats: number } | null => {
      for (let period = 1; period <= ids.length; period++) {
        const unit = ids.slice(ids.length - period).join();
        let repeats = 0;
        while (
          ids.slice(ids.length - period * (repeats + 1), ids.length - period * repeats).join() === unit &&
          period * (repeats + 1) <= ids.length
        )
          repeats++;
        if (repeats >= 3) return { period, repeats };
      }
      return null;
    };
    const looping = fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
      )
      .map(([head, unit, times]) => [...head, ...Array.from({ length: times }, () => unit).flat()]);
    const any = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 24 });
    fc.assert(
      fc.property(fc.oneof(looping, any), (ids) => {
        expect(tailPeriod(ids)).toEqual(brute(ids));
      }),
      { seed: 6, numRuns: 2000 },
    );
  });
});

describe('repetition', () => {
  it('is the share of 4-grams that came before', () => {
    expect(repetition([1, 2, 3, 4, 5, 6])).toBe(0);
    expect(repetition([1, 1, 1, 1, 1, 1])).toBeCloseTo(2 / 3, 12);
    expect(repetition([1, 2, 3])).toBe(0);
    expect(repetition([1, 23, 4, 5, 12, 3, 4, 5])).toBe(0);
  });
});

describe('inductionScore', () => {
  const ids = [7, 8, 9, 7, 8, 9];
  const pattern = (attend: (q: number) => number): Float32Array => {
    const rows = new Float32Array(36);
    for (let q = 0; q < 6; q++) rows[q * 6 + attend(q)] = 1;
    return rows;
  };

  it('is 1 for a head that looks at what followed, 0 for one that looks elsewhere', () => {
    expect(
      inductionScore(
        pattern((q) => Math.max(0, q - 2)),
        ids,
        0,
      ),
    ).toBe(1);
    expect(
      inductionScore(
        pattern((q) => q),
        ids,
        0,
      ),
    ).toBe(0);
    expect(
      inductionScore(
        pattern((q) => Math.max(0, q - 3)),
        ids,
        0,
      ),
    ).toBe(0);
    expect(
      inductionScore(
        pattern(() => 0),
        [1, 2, 3, 4, 5, 6],
        0,
      ),
    ).toBe(0);
  });

  it('counts only queries from the generation on', () => {
    const first = pattern((q) => (q === 3 ? 1 : q));
    expect(inductionScore(first, ids, 0)).toBeCloseTo(1 / 3, 12);
    expect(inductionScore(first, ids, 4)).toBe(0);
  });
});

it('finds ids in ids', () => {
  expect(indexOfIds([1, 2, 3, 2, 3, 4], [2, 3, 4])).toBe(3);
  expect(indexOfIds([1, 2], [3])).toBeNull();
  expect(indexOfIds([1, 2], [])).toBeNull();
});

describe('recursive-looping', () => {
  const loop = { period: 2, repeats: 10, generated: 40 };

  it('needs a failed recall', () => {
    expect(recursiveLooping({ failed: true, loop, generated: true, trapped: null })).toMatchObject({ present: true, score: 0.5 });
    expect(recursiveLooping({ failed: false, loop, generated: true, trapped: null })).toMatchObject({ present: false, score: 0 });
  });

  it('is present with a quarter of the middle heads trapped', () => {
    const none = { failed: true, loop: null, generated: true };
    expect(recursiveLooping({ ...none, trapped: { heads: 3, of: 12 } }).present).toBe(true);
    expect(recursiveLooping({ ...none, trapped: { heads: 2, of: 12 } }).present).toBe(false);
    expect(recursiveLooping({ ...none, trapped: null }).present).toBe(false);
  });

  it('takes the middle half of the layers', () => {
    expect(middleLayers(6)).toEqual([2, 3, 4]);
    expect(middleLayers(8)).toEqual([2, 3, 4, 5]);
    expect(middleLayers(2)).toEqual([1]);
    expect(middleLayers(1)).toEqual([0]);
  });

  it('asks for both movements', () => {
    const control = { local: 0.2, span: 0.5 };
    expect(isTrapped({ local: 0.4, span: 0.1 }, control)).toBe(true);
    expect(isTrapped({ local: 0.4, span: 0.48 }, control)).toBe(false);
    expect(isTrapped({ local: 0.22, span: 0.1 }, control)).toBe(false);
  });
});
