import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agrees, nextHead, patternCsv, patternTable, pooled, rowOf, shade, shadedRuns, type Pattern } from '../../webview/model/pattern.js';
import { revealed, zoomed, type Square } from '../../webview/model/square.js';
import { generateResidue } from '../helpers/residue-generator.js';
import { patternFor } from '../helpers/residue-pattern.js';

const residue = generateResidue({ length: 21, layers: 2, heads: 2 });
const run = residue.runs[0]!;
const pattern: Pattern = { length: 21, data: patternFor(residue, 1, 0) };

describe('a whole attention pattern', () => {
  it('is held against what the residue keeps of the head', () => {
    expect(agrees(run, [1, 0], pattern)).toBe(true);
    expect(agrees(run, [1, 0], { length: 20, data: new Float32Array(400) })).toBe(false);
    const other = pattern.data.slice();
    other[run.position * 21 + run.spans.fact![0]]! += 0.01;
    expect(agrees(run, [1, 0], { length: 21, data: other })).toBe(false);
    // Where nothing is kept of a head, nothing can disagree.
    expect(agrees({ ...run, attention: { ...run.attention!, rows: [], spans: {} } }, [1, 0], { length: 21, data: other })).toBe(true);
  });

  it('keeps the largest share of every cell that is pooled, and none of the future', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 6 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (n, times, numbers) => {
          const data = new Float32Array(n * n);
          for (let q = 0; q < n; q++) for (let k = 0; k <= q; k++) data[q * n + k] = numbers.next().value!;
          const small = pooled({ length: n, data }, times);
          const step = 2 ** times;
          expect(small.length).toBe(Math.ceil(n / step));
          for (let q = 0; q < n; q++)
            for (let k = 0; k < n; k++) {
              const cell = small.data[Math.floor(q / step) * small.length + Math.floor(k / step)]!;
              expect(cell).toBeGreaterThanOrEqual(data[q * n + k]!);
              if (k > q && Math.floor(k / step) > Math.floor(q / step)) expect(cell).toBe(0);
            }
          expect(Math.max(...small.data)).toBe(Math.max(...data));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('tells of every query where it looks most, and gives every share as CSV', () => {
    const table = patternTable(run, pattern);
    expect(table.rows).toHaveLength(21);
    table.rows.forEach((row, q) => {
      const shares = [...rowOf(pattern, q)];
      expect(row[4]).toBe(Math.max(...shares));
      expect(shares[row[2] as number]).toBe(row[4]);
    });
    const lines = patternCsv(pattern).trim().split('\r\n');
    expect(lines.map((line) => line.split(',').length)).toEqual([22, ...Array.from({ length: 21 }, (_, q) => q + 2)]);
  });

  it('is cut into stretches of one shade that are each cell of a window once, and nothing of the future', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 18 }), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), (shown, x, y) => {
        const shades = shadedRuns(pattern, { x, y, shown }, 8);
        const seen = new Map<string, number>();
        for (const [step, runs] of shades)
          for (const { query, from, to } of runs)
            for (let key = from; key < to; key++) {
              expect(seen.has(`${query} ${key}`)).toBe(false);
              seen.set(`${query} ${key}`, step);
            }
        for (let q = y; q < Math.min(21, y + shown); q++)
          for (let k = x; k < Math.min(21, x + shown); k++) {
            const step = k > q ? 0 : Math.round(shade(pattern.data[q * 21 + k]!) * 7);
            expect(seen.get(`${q} ${k}`) ?? 0).toBe(step);
          }
      }),
      { numRuns: 60 },
    );
  });

  it('shows small shares too', () => {
    expect([0, 0.01, 1, 2, -1].map(shade)).toEqual([0, expect.closeTo(0.1), 1, 1, 0]);
  });

  it('walks over all heads and stops at the ends', () => {
    expect(nextHead([0, 1], 1, 2, 2)).toEqual([1, 0]);
    expect(nextHead([1, 0], -1, 2, 2)).toEqual([0, 1]);
    expect(nextHead([1, 1], 1, 2, 2)).toBeNull();
    expect(nextHead([0, 0], -1, 2, 2)).toBeNull();
  });
});

describe('a square that is zoomed and scrolled', () => {
  const squares = fc
    .integer({ min: 1, max: 4096 })
    .chain((total) =>
      fc.record({
        total: fc.constant(total),
        shown: fc.double({ min: Math.min(8, total), max: total, noNaN: true }),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    )
    .map(({ total, shown, at }): Square => ({ total, shown, x: at * (total - shown), y: (1 - at) * (total - shown) }));
  const inside = ({ total, shown, x, y }: Square): boolean => [x, y].every((v) => v >= 0 && v + shown <= total + 1e-6) && shown <= total;

  it('never leaves what there is, and shows no fewer than 8 cells', () => {
    fc.assert(
      fc.property(squares, fc.double({ min: 0.01, max: 100, noNaN: true }), (square, factor) => {
        const next = zoomed(square, square.shown / factor);
        expect(inside(next)).toBe(true);
        expect(next.shown).toBeGreaterThanOrEqual(Math.min(8, square.total));
      }),
    );
  });

  it('keeps what is pointed at where it is, as long as no edge is in the way', () => {
    const square: Square = { total: 1000, shown: 100, x: 400, y: 300 };
    const next = zoomed(square, 50, 420, 380);
    expect((420 - next.x) / next.shown).toBeCloseTo((420 - square.x) / square.shown);
    expect((380 - next.y) / next.shown).toBeCloseTo((380 - square.y) / square.shown);
  });

  it('brings any cell into sight, and moves for none that is', () => {
    fc.assert(
      fc.property(squares, fc.double({ min: 0, max: 1, noNaN: true }), (square, share) => {
        const cell = Math.min(square.total - 1, Math.floor(share * square.total));
        const next = revealed(square, cell, cell);
        expect(inside(next)).toBe(true);
        expect(cell + 1e-6).toBeGreaterThanOrEqual(next.x);
        expect(cell + 1).toBeLessThanOrEqual(next.x + next.shown + 1e-6);
        expect(revealed(next, cell, cell)).toEqual(next);
      }),
    );
  });
});
