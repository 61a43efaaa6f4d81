import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/methods/random.js';
import { attentionRollout } from '../../src/methods/rollout.js';

/** Causal attention of random weights, [head, query, key]. */
function randomPattern(random: Random, heads: number, tokens: number): Float64Array {
  const pattern = new Float64Array(heads * tokens * tokens);
  for (let row = 0; row < heads * tokens; row++) {
    const query = row % tokens;
    const weights = Array.from({ length: query + 1 }, () => random.unit() ** 3);
    const sum = weights.reduce((a, b) => a + b, 0) || 1;
    weights.forEach((weight, k) => (pattern[row * tokens + k] = weight / sum));
  }
  return pattern;
}

/** The definition as it is written: the product of whole matrices. */
function byMatrices(patterns: readonly Float64Array[], heads: number, tokens: number): number[][] {
  const range = Array.from({ length: tokens }, (_, i) => i);
  const identity = range.map((i) => range.map((j) => Number(i === j)));
  return patterns.reduce((rollout, pattern) => {
    const mixed = range.map((q) =>
      range.map((k) => {
        let mean = 0;
        for (let h = 0; h < heads; h++) mean += pattern[(h * tokens + q) * tokens + k]! / heads;
        return 0.5 * mean + 0.5 * Number(q === k);
      }),
    );
    return mixed.map((row) => range.map((k) => row.reduce((sum, weight, m) => sum + weight * rollout[m]![k]!, 0)));
  }, identity);
}

it('is the row of the product of all layers, and sums to 1', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 7 }),
      fc.nat(),
      (layers, heads, tokens, seed) => {
        const random = new Random(seed);
        const patterns = Array.from({ length: layers }, () => randomPattern(random, heads, tokens));
        const whole = byMatrices(patterns, heads, tokens);
        for (let p = 0; p < tokens; p++) {
          const row = attentionRollout(patterns, heads, tokens, p);
          row.forEach((share, k) => expect(share).toBeCloseTo(whole[p]![k]!, 12));
          expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
        }
      },
    ),
  );
});

it('halves what stays at each layer, and moves the other half where attention looks', () => {
  const first = Float64Array.from([1, 0, 0, 1, 0, 0, 1, 0, 0]);
  expect([...attentionRollout([first], 1, 3, 2)]).toEqual([0.5, 0, 0.5]);
  expect([...attentionRollout([first, first], 1, 3, 2)]).toEqual([0.75, 0, 0.25]);
  const before = Float64Array.from([1, 0, 0, 1, 0, 0, 0, 1, 0]);
  expect([...attentionRollout([before, before], 1, 3, 2)]).toEqual([0.25, 0.5, 0.25]);
});
