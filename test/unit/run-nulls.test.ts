import { describe, expect, it } from 'vitest';
import { flowShare, spanMass } from '../../src/methods/attention.js';
import { Random } from '../../src/methods/random.js';
import { measurer, nullSection, type Readings } from '../../src/run/nulls/spans.js';

const LENGTH = 60;

/** Two layers of three heads that read everything alike, but for one head that reads token 7. */
function readings(seed: number, signal: number): Readings {
  const random = new Random(seed);
  const grid = (of: (l: number, h: number, k: number) => number): Float32Array[][] =>
    [0, 1].map((l) => [0, 1, 2].map((h) => Float32Array.from({ length: LENGTH }, (_, k) => of(l, h, k))));
  const boost = (l: number, h: number, k: number): number => (l === 1 && h === 2 && k === 7 ? signal : 0);
  const pattern = grid((l, h, k) => random.unit() / LENGTH + boost(l, h, k));
  const source = grid((l, h, k) => random.unit() - 0.5 - boost(l, h, k) * 4);
  const norms = grid((l, h, k) => random.unit() + 8 * boost(l, h, k));
  return {
    writes: { layers: pattern.map((rows) => ({ pattern: rows })) } as never,
    terms: { source, head: source.map((layer) => layer.map((row) => row.reduce((a, b) => a + b, 0))) } as never,
    norms,
  };
}

describe('measures of any span', () => {
  it('are what the methods give for it', () => {
    const from = readings(1, 0.5);
    for (const span of [
      [7, 8],
      [3, 20],
      [59, 60],
    ] as const) {
      const { attention, flow, contribution, heads } = measurer(from)(span);
      const masses = from.writes.layers.map((layer) => layer.pattern.map((row) => spanMass(row, span)));
      heads.attention.forEach((layer, l) => layer.forEach((x, h) => expect(x).toBeCloseTo(masses[l]![h]!, 6)));
      expect(attention).toBeCloseTo(masses.flat().reduce((a, b) => a + b, 0) / 6, 6);
      expect(flow).toBeCloseTo((flowShare(from.norms[0]!, span) + flowShare(from.norms[1]!, span)) / 2, 6);
      const parts = from.terms.source.map((layer) => layer.map((row) => spanMass(row, span)));
      expect(contribution).toBeCloseTo(
        parts.flat().reduce((a, b) => a + b, 0),
        5,
      );
    }
  });
});

describe('nulls of a run', () => {
  it('tell a span that is read from random ones, in sum and head by head', () => {
    const { spans } = nullSection(readings(2, 0.8), { fact: [7, 8] }, LENGTH, 3);
    const fact = spans['fact']!;
    expect(fact.drawn).toHaveLength(32);
    expect(fact.attention.p).toBe(1 / 33);
    expect(fact.flow.p).toBe(1 / 33);
    // Against the answer: its size counts, whatever its sign.
    expect(fact.contribution.p).toBe(1 / 33);
    expect(fact.headAttention).toMatchObject({ n: 96, of: '32 random spans of 1 token in the 3 heads of its layer' });
    expect(fact.headAttention.p[1]![2]).toBe(1 / 97);
    expect(fact.headAttention.p.flat().filter((p) => p === 1 / 97)).toHaveLength(1);
    fact.headAttention.q.flat().forEach((q, i) => expect(q).toBeGreaterThanOrEqual(fact.headAttention.p.flat()[i]! - 1e-12));
  });

  it('find nothing where there is nothing', () => {
    const found = Array.from({ length: 200 }, (_, seed) => {
      const { spans } = nullSection(readings(seed, 0), { fact: [7, 8] }, LENGTH, seed);
      return spans['fact']!.contribution.p <= 0.05;
    }).filter(Boolean).length;
    // 1 of 33 is expected, 6 of 200; 15 or more would come once in a thousand.
    expect(found).toBeLessThan(16);
  });

  it('have no entry for a span that leaves no room, and none for heads without others', () => {
    const { spans, contribution } = nullSection(readings(1, 0), { all: [1, 60], half: [0, 40] }, LENGTH, 0);
    expect(Object.keys(spans)).toEqual([]);
    expect(contribution!.n).toBe(2);
    const alone = readings(1, 0);
    const one = { ...alone, terms: { ...alone.terms, head: [[1], [2]] } };
    expect(nullSection(one, {}, LENGTH, 0).contribution).toBeNull();
  });
});
