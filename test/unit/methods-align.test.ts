import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignPrompts, pairsIn, type Alignable } from '../../src/methods/align.js';
import { FAMILIES, loadReference } from '../helpers/reference.js';

const prompt = (words: string, spans: Alignable['spans'] = {}): Alignable => ({
  ids: words.split(' ').map((word) => [...word].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7)),
  spans,
});
const pairs = (control: Alignable, probe: Alignable): string =>
  alignPrompts(control, probe)
    .map(({ control: c, probe: p, by }) => `${c}-${p}${by[0]}`)
    .join(' ');

describe('alignment of control and probe', () => {
  it('skips what only one of them has', () => {
    expect(pairs(prompt('a b q r'), prompt('a b x y x y q r'))).toBe('0-0t 1-1t 2-6t 3-7l');
    expect(pairs(prompt('a b x y x y q r'), prompt('a b q r'))).toBe('0-0t 1-1t 6-2t 7-3l');
  });

  it('pairs a span by name though its tokens differ, from its end backwards', () => {
    const control = prompt('the big red ball . q', { fact: [1, 3] });
    const probe = prompt('the tiny old blue ball . q', { fact: [1, 4] });
    expect(pairs(control, probe)).toBe('0-0t 1-2s 2-3s 3-4t 4-5t 5-6l');
  });

  it('pairs spans that come in another order, and what it can of the rest', () => {
    const control = prompt('a b c d', { one: [0, 1], two: [2, 3] });
    const probe = prompt('c b a d', { one: [2, 3], two: [0, 1] });
    expect(pairs(control, probe)).toBe('2-0s 1-1t 0-2s 3-3l');
  });

  it('always pairs the answer positions, though one of them ends in a span', () => {
    expect(pairs(prompt('a b', { end: [1, 2] }), prompt('a c d', { end: [1, 2] }))).toBe('0-0t 1-2l');
  });

  it.each(FAMILIES)("finds the pairs of %s's reference that do not depend on taste", (family) => {
    const { prompts, pair } = loadReference(family).json as unknown as {
      prompts: Record<'control' | 'probe', { ids: number[]; span: [number, number] }>;
      pair: { align: [number, number, string][] };
    };
    const of = ({ ids, span }: (typeof prompts)['probe']): Alignable => ({ ids, spans: { span } });
    const got = alignPrompts(of(prompts.control), of(prompts.probe));
    const wanted = pair.align.filter(([, , what]) => what === 'span' || what === 'last');
    expect(wanted.length).toBeGreaterThan(1);
    for (const [probe, control] of wanted) expect(got).toContainEqual(expect.objectContaining({ probe, control }));
  });

  // Few different tokens, so that common subsequences are neither trivial nor empty.
  const side = fc
    .record({ ids: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 24 }), a: fc.nat(23), b: fc.nat(23) })
    .map(({ ids, a, b }): Alignable => {
      const [start, end] = [Math.min(a, b, ids.length - 1), Math.min(Math.max(a, b), ids.length - 1) + 1];
      return { ids, spans: { fact: [start, end] } };
    });

  it('uses each position once, by the rules, and with as many tokens as can be had', () => {
    fc.assert(
      fc.property(side, side, (control, probe) => {
        const all = alignPrompts(control, probe);
        expect(new Set(all.map((x) => x.probe)).size).toBe(all.length);
        expect(new Set(all.map((x) => x.control)).size).toBe(all.length);
        expect(all.at(-1)).toEqual({ probe: probe.ids.length - 1, control: control.ids.length - 1, by: 'last' });
        const tokens = all.filter((x) => x.by === 'token');
        tokens.forEach((x, i) => {
          expect(control.ids[x.control]).toBe(probe.ids[x.probe]);
          if (i > 0) expect(x.control).toBeGreaterThan(tokens[i - 1]!.control);
        });
        for (const { probe: p, control: c } of all.filter((x) => x.by === 'span')) {
          expect(probe.spans.fact![1] - p).toBe(control.spans.fact![1] - c);
        }
      }),
      { seed: 2, numRuns: 400 },
    );
  });

  it('finds a longest common subsequence between fixed pairs', () => {
    const plain = side.map(({ ids }): Alignable => ({ ids, spans: {} }));
    fc.assert(
      fc.property(plain, plain, (control, probe) => {
        const found = alignPrompts(control, probe).length - 1;
        expect(found).toBe(longest(control.ids.slice(0, -1), probe.ids.slice(0, -1)));
      }),
      { seed: 3, numRuns: 400 },
    );
  });

  it('pairs a prompt with itself position by position', () => {
    fc.assert(
      fc.property(side, (one) => {
        const spans = one.spans.fact!;
        const all = alignPrompts(one, one);
        expect(all.map((x) => [x.control, x.probe])).toEqual(one.ids.map((_, i) => [i, i]));
        expect(pairsIn(all, spans).map((x) => x.probe)).toEqual(Array.from({ length: spans[1] - spans[0] }, (_, i) => spans[0] + i));
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});

/** Length of a longest common subsequence, by the textbook's table. */
function longest(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)));
    row = next;
  }
  return row.at(-1)!;
}
