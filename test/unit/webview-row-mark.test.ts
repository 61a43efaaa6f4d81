import { describe, expect, it } from 'vitest';
import { lights, markOfRow } from '../../webview/model/row-mark.js';

describe('a row of a table', () => {
  it.each([
    [['head', 'effect'], ['3.1', 0.2], 4, { head: [3, 1], row: 4 }],
    [['layer', 'head', 'x'], [2, 0, 1], 48, { head: [2, 0], row: 3 }],
    [['layer', 'probe margin (nats)'], [6, 1], 7, { row: 6 }],
    [['layer', 'contribution'], [5, 1], 6, { row: 6 }],
    [['block', 'direct'], [0, 1], 6, { row: 1 }],
    [['position', 'token'], [4, 'head'], 40, { token: 4 }],
    [['head'], ['3'], 1, null],
    [['layer'], [-1], 6, null],
    [['layer'], [1.5], 6, null],
    [['run', 'margin'], ['probe', 2], 5, null],
  ] as const)('of %j %j is about %j', (columns, row, rows, want) => {
    expect(markOfRow(columns, row, rows, 6)).toEqual(want);
  });

  it('lights up for its own head, layer or token alone', () => {
    const nothing = { row: null, head: null, token: null };
    expect(lights({ head: [1, 2], row: 2 }, { ...nothing, head: [1, 2], row: 2 })).toBe(true);
    expect(lights({ head: [1, 2], row: 2 }, { ...nothing, head: [1, 3], row: 2 })).toBe(false);
    expect(lights({ head: [1, 2], row: 2 }, { ...nothing, row: 2 })).toBe(true);
    expect(lights({ row: 2 }, { ...nothing, token: 2 })).toBe(false);
    expect(lights({ token: 2 }, { ...nothing, token: 2 })).toBe(true);
    for (const mark of [{ row: 0 }, { token: 0 }, { head: [0, 0] as [number, number], row: 1 }]) expect(lights(mark, nothing)).toBe(false);
  });
});
