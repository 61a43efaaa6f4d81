import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunTrace } from '../../src/residue/types.js';
import { effectsTable, strongestPatches } from '../../webview/model/cause.js';
import { diverging, limitOf, PATCHED, patchedIn, patchingModel } from '../../webview/model/patching.js';
import { generateResidue } from '../helpers/residue-generator.js';

const headlineOf = (options: Parameters<typeof generateResidue>[0] = {}): RunTrace => {
  const residue = generateResidue({ seed: 2, layers: 4, heads: 3, length: 20, ...options });
  return residue.runs[residue.primary]!;
};

describe('the patching map', () => {
  it('has one map for each hook, and one of heads, and none where nothing was patched', () => {
    const run = headlineOf();
    expect(patchedIn(run)).toEqual([...PATCHED]);
    run.verification!.heads = null;
    run.verification!.maps = run.verification!.maps.filter(({ at }) => at !== 'attn_out');
    expect(patchedIn(run)).toEqual(['resid_pre', 'mlp_out']);
    expect(patchingModel(run, 'z')).toBeNull();
    expect(patchingModel(run, 'attn_out')).toBeNull();
    delete run.verification;
    expect(patchedIn(run)).toEqual([]);
  });

  it('holds the residue’s numbers in cells, table and tooltip alike', () => {
    const run = headlineOf();
    const { recovery } = run.verification!.maps[1]!;
    const model = patchingModel(run, 'attn_out')!;
    expect(model.values).toEqual(recovery);
    expect(model.table.rows).toHaveLength(20);
    for (const [column, row] of model.table.rows.entries()) expect(row.slice(2)).toEqual(recovery.map((line) => line[column]));
    expect(model.table.rows[3]!.slice(0, 2)).toEqual(['3', run.tokens[3]!.text]);
    expect(model.tip(2, 3).join('\n')).toContain('blocks.2.hook_attn_out');
    expect(model.aria).toContain('Tested by intervention');
  });

  it('marks what lies before a block in its row, and what a block adds in the next', () => {
    const run = headlineOf();
    const mark = { row: null, head: null, token: null };
    for (const [at, row] of [
      ['resid_pre', 2],
      ['attn_out', 3],
      ['mlp_out', 3],
    ] as const) {
      const model = patchingModel(run, at)!;
      expect(model.mark(2, 5)).toEqual({ row, token: 5 });
      expect(model.rowOf({ ...mark, row })).toBe(2);
      expect(model.columnOf({ ...mark, token: 5 })).toBe(5);
    }
    // The last row of the stream comes after every block: nothing is patched there.
    expect(patchingModel(run, 'resid_pre')!.rowOf({ ...mark, row: 4 })).toBeNull();
    expect(patchingModel(run, 'mlp_out')!.rowOf({ ...mark, row: 0 })).toBeNull();
    const heads = patchingModel(run, 'z')!;
    expect(heads.mark(1, 2)).toEqual({ head: [1, 2], row: 2 });
    expect([heads.rowOf({ ...mark, head: [1, 2] }), heads.columnOf({ ...mark, head: [1, 2] })]).toEqual([1, 2]);
    expect(heads.labels).toEqual(['0', '1', '2']);
  });

  it('keeps groups together: their text, their range, the spans that they touch and the answer’s column', () => {
    const run = headlineOf();
    run.spans = { fact: [4, 9], late: [18, 20] };
    run.position = 19;
    const groups: [number, number][] = [
      [0, 4],
      [4, 8],
      [8, 12],
      [14, 19],
      [19, 20],
    ];
    run.verification!.maps = [
      { at: 'resid_pre', groups, complete: false, recovery: Array.from({ length: 4 }, () => [0, 0.1, 0.2, 0.3, 0.4]) },
    ];
    const model = patchingModel(run, 'resid_pre')!;
    expect(model.complete).toBe(false);
    expect(model.home).toBe(4);
    expect(model.spans).toEqual([
      { name: 'fact', index: 0, from: 1, to: 3 },
      { name: 'late', index: 1, from: 3, to: 5 },
    ]);
    expect(model.table.rows[1]![0]).toBe('4–7');
    expect(model.columnOf({ row: null, head: null, token: 10 })).toBe(2);
    // A position without a counterpart in the control was never patched.
    expect(model.columnOf({ row: null, head: null, token: 13 })).toBeNull();
    expect(strongestPatches(run, 'resid_pre', 1)).toEqual([{ layer: 0, place: `“${model.labels[4]}”`, value: 0.4 }]);
  });

  it('puts recovery on a ramp that is symmetric about none and ends at the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1 }), (values) => {
        const limit = limitOf(values);
        const largest = Math.max(...values.map(Math.abs));
        expect(limit).toBeGreaterThanOrEqual(Math.min(1, largest) - 1e-6);
        expect(limit).toBeGreaterThanOrEqual(0.1);
        expect(limit).toBeLessThanOrEqual(1);
        for (const v of values) {
          expect(diverging(v, limit)).toBeGreaterThanOrEqual(0);
          expect(diverging(v, limit)).toBeLessThanOrEqual(1);
          expect(diverging(v, limit) + diverging(-v, limit)).toBeCloseTo(1, 12);
        }
      }),
    );
    expect(diverging(0, 1)).toBe(0.5);
    expect(diverging(null, 1)).toBe(0.5);
  });
});

it('names who made up the difference of an ablation, and nobody where nobody did', () => {
  const run = headlineOf();
  const [first] = run.verification!.effects;
  run.verification!.effects = [
    {
      ...first!,
      predicted: -2,
      repair: {
        ...first!.repair,
        by: [
          { component: 'mlp 3', change: 1.5 },
          { component: 'head 2.1', change: -0.4 },
        ],
      },
    },
    { ...first!, predicted: 1, repair: { ...first!.repair, by: [{ component: 'mlp 3', change: 0.2 }] } },
  ];
  expect(effectsTable(run).rows.map((row) => row.at(-1))).toEqual(['mlp 3 +1.5 nats', null]);
});
