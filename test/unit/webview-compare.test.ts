import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareResidues } from '../../src/compare/compare.js';
import { comparisonIn } from '../../src/residue/guards.js';
import { isComparison } from '../../src/residue/guards-comparison.js';
import type { Comparison } from '../../src/residue/types-comparison.js';
import type { Residue } from '../../src/residue/types.js';
import { serializePlain } from '../../src/residue/write.js';
import {
  alignedItems,
  change,
  curveModel,
  differencesModel,
  dosesTable,
  headsTable,
  standingOf,
  testWords,
} from '../../webview/model/compare.js';
import { comparedDoses } from '../../webview/model/compare-doses.js';
import { generateResidue } from '../helpers/residue-generator.js';

const compare = (a: Residue, b: Residue): Comparison =>
  compareResidues({ residue: a, file: 'a.residue.json' }, { residue: b, file: null }, { created: '' });
const other = (options: Parameters<typeof generateResidue>[0]): Residue => {
  const residue = generateResidue(options);
  residue.provenance.model.id = 'another';
  residue.provenance.model.files[0]!.sha256 = 'd'.repeat(64);
  return residue;
};
const a = generateResidue({ seed: 1, runs: 4, paraphrases: 6, layers: 6 });
const b = other({ seed: 2, runs: 4, paraphrases: 6, layers: 9 });
const comparison = compare(a, b);

describe('a comparison on its way to the page', () => {
  it('passes as the engine writes it, of any two shapes', () => {
    expect(isComparison(comparison)).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 2, max: 9 }), fc.boolean(), (seed, layers, control) => {
        const made = compare(a, other({ seed, layers, runs: 1 + (seed % 3), control }));
        expect(comparisonIn({ type: 'comparison', json: serializePlain(made) })).not.toBeNull();
      }),
      { numRuns: 12 },
    );
  });

  it('is stopped where something that a view reads is broken', () => {
    for (const json of ['', '{', 'null', '[]', '{"kind":"comparison"}', JSON.stringify(a)])
      expect(comparisonIn({ type: 'comparison', json })).toBeNull();
    for (const bad of [
      { curves: null },
      { tokens: { ...comparison.tokens, pairs: [[1]] } },
      { differences: [{}] },
      { a: { ...comparison.a, tokens: 'Tom' } },
    ])
      expect(isComparison({ ...comparison, ...bad })).toBe(false);
  });
});

describe('what the page says of a comparison', () => {
  it('greys what is not beyond chance or could not be tested, and says which', () => {
    const test = { over: 'wordings', design: 'pairs', n: [8, 8], mean: 1, p: 0.0004, smallest: 0.004, q: 0.03 } as const;
    const made = { ...test, n: [8, 8] as [number, number] };
    expect(standingOf(made)).toBe('clear');
    expect(standingOf({ ...made, q: 0.06 })).toBe('chance');
    expect(standingOf(null)).toBe('open');
    expect(testWords(made)).toBe('q = 0.03, p < 0.001 over 8 wordings');
    expect(testWords({ ...made, q: 0.2, over: 'all runs', design: 'groups', n: [8, 5] })).toBe(
      'q = 0.2, p < 0.001 over 8 and 5 runs: may be chance',
    );
    expect(testWords(null, 'one run')).toBe('not tested: one run');
    const { rows, table } = differencesModel(comparison);
    expect(rows.map(({ difference }) => difference)).toEqual(comparison.differences);
    rows.forEach(({ difference, standing }) =>
      expect(standing).toBe(difference.test ? (difference.test.q <= 0.05 ? 'clear' : 'chance') : 'open'),
    );
    expect(table.rows[0]!.slice(3, 6)).toEqual([comparison.a.margin, comparison.b.margin, comparison.differences[0]!.difference]);
    expect([change(0.25, 'share'), change(-1.5, 'nats'), change(null, 'nats'), change(0, 'nats')]).toEqual(['+25 pp', '−1.5', '–', '0']);
  });

  it('puts models of different depth on one axis, and marks the layers of the first', () => {
    const model = curveModel(comparison, 'margin')!;
    expect(model.xs).toEqual(comparison.curves[0]!.difference.x);
    expect(model.rows.filter((row) => row !== null)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(model.table.rows.filter((row) => row[1] !== null)).toHaveLength(7);
    expect(model.table.rows.filter((row) => row[2] !== null)).toHaveLength(10);
    expect(model.tips.at(-1)!.join(' ')).toContain('layer 6 of 6, and 9 of 9');
    expect(curveModel(comparison, 'causal.mlp')!.aria).toContain('Tested by intervention');
    expect(curveModel(comparison, 'nonsense')!.curve.name).toBe('margin');
    expect(curveModel({ ...comparison, curves: [] }, 'margin')).toBeNull();
  });

  it('lists every head once, and every dose that both have', () => {
    const { heads } = comparison;
    expect(headsTable(comparison).rows).toHaveLength(heads!.pairs.length + heads!.unmatched.a.length + heads!.unmatched.b.length);
    expect(dosesTable(comparison).rows.map((row) => row[5])).toEqual(comparison.doses.map(({ difference }) => difference));
    expect(headsTable({ ...comparison, heads: null }).rows).toEqual([]);
  });

  it('sets doses in the order of their numbers, with what rewording alone makes of each margin', () => {
    const turned = { ...comparison, doses: [...comparison.doses].reverse() };
    const model = comparedDoses(turned)!;
    expect(model.numeric).toBe(true);
    expect(model.x).toEqual([...model.x].sort((p, q) => p - q));
    model.x.forEach((x, i) => {
      const dose = comparison.doses.find((d) => d.x === x)!;
      expect([model.a.margin[i], model.b.margin[i]]).toEqual([dose.a.margin, dose.b.margin]);
      expect(model.tips[i]!.join()).toContain(dose.b.failed ? 'fails' : 'does not fail');
    });
    const moved = comparison.differences.map((d) => (d.name === 'margin' ? { ...d, wording: { pairs: 9, p95: 0.5, beyond: true } } : d));
    const known = comparedDoses({ ...comparison, differences: moved })!;
    known.b.intervals.forEach((interval, i) => expect(interval).toEqual([known.b.margin[i]! - 0.5, known.b.margin[i]! + 0.5]));
    const unknown = comparison.differences.map((d) => ({ ...d, wording: null }));
    expect(comparedDoses({ ...comparison, differences: unknown })!.a.intervals.every((interval) => interval === null)).toBe(true);
    // Without numbers to stand at they stand in a row.
    const named = comparison.doses.map((d) => ({ ...d, x: null }));
    expect(comparedDoses({ ...comparison, doses: named })!.x).toEqual(named.map((_, i) => i));
    expect(comparedDoses({ ...comparison, doses: [] })).toBeNull();
  });
});

describe('tokens beside each other', () => {
  const aligned = (p: string[], q: string[], pairs: [number, number][]): Comparison => ({
    ...comparison,
    a: { ...comparison.a, tokens: p.map((text, id) => ({ text, id })) },
    b: { ...comparison.b, tokens: q.map((text, id) => ({ text, id })) },
    tokens: { ...comparison.tokens, pairs },
  });

  it('stand in order, each with its counterpart or alone, however a leading space is written', () => {
    const items = alignedItems(
      aligned(
        ['Tom', ' has', ' a', ' red'],
        ['Tom', '▁has', ' blue'],
        [
          [0, 0],
          [1, 1],
          [3, 2],
        ],
      ),
    );
    expect(items).toEqual([
      { kind: 'pair', a: 0, b: 0, same: true },
      { kind: 'pair', a: 1, b: 1, same: true },
      { kind: 'pair', a: 2, b: null, same: false },
      { kind: 'pair', a: 3, b: 2, same: false },
    ]);
  });

  it('fold long stretches that are equal or on one side alone, and lose none', () => {
    const words = Array.from({ length: 40 }, (_, i) => `w${i}`);
    const items = alignedItems(
      aligned(
        words,
        ['w0', 'w39'],
        [
          [0, 0],
          [39, 1],
        ],
      ),
    );
    expect(items.filter((i) => i.kind === 'fold')).toEqual([{ kind: 'fold', count: 32, of: 'A' }]);
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.array(fc.tuple(fc.nat(59), fc.nat(59))), (n, m, raw) => {
        const texts = (k: number): string[] => Array.from({ length: k }, (_, i) => `w${i}`);
        const made = alignedItems(aligned(texts(n), texts(m), raw));
        const count = (side: 'a' | 'b', only: 'A' | 'B'): number =>
          made.reduce(
            (sum, item) =>
              sum + (item.kind === 'fold' ? (item.of === 'equal' || item.of === only ? item.count : 0) : item[side] === null ? 0 : 1),
            0,
          );
        expect([count('a', 'A'), count('b', 'B')]).toEqual([n, m]);
      }),
    );
  });
});
