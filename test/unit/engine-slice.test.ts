import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AxisSlice } from '../../src/engine/protocol.js';
import { sliceArray } from '../../src/engine/slice.js';

const array = { data: Float32Array.from({ length: 24 }, (_, i) => i), shape: [2, 3, 4] };

describe('slices of an array', () => {
  test('a row, a range and an index', () => {
    expect(sliceArray(array, 'x', 1, [null, [1, 3]])).toEqual({ data: Float32Array.of(13, 14, 17, 18, 21, 22), shape: [3, 2] });
    expect(sliceArray(array, 'x', undefined, [0, 2, 3])).toEqual({ data: Float32Array.of(11), shape: [] });
    expect(sliceArray(array, 'x', 0, [[1, 1]])).toEqual({ data: new Float32Array(0), shape: [0, 4] });
    expect(sliceArray(array, 'x')).toEqual(array);
  });

  test('what does not fit is an error that names array, axis and shape', () => {
    expect(() => sliceArray(array, 'hook_z', 2)).toThrow('Axis 0 of `hook_z` has 2 entries ([2, 3, 4]); index 2 is not within it.');
    expect(() => sliceArray(array, 'x', 0, [[2, 1]])).toThrow('[2, 1)');
    expect(() => sliceArray(array, 'x', 0, [0, 0, 0])).toThrow('3 axes');
  });

  test('agrees with indexing one element at a time', () => {
    const part = (size: number): fc.Arbitrary<AxisSlice> =>
      fc.oneof(
        fc.constant(null),
        fc.nat(size - 1),
        fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
      );
    const asked = fc
      .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
      .chain((shape) => fc.tuple(fc.constant(shape), fc.tuple(...shape.map(part))));
    fc.assert(
      fc.property(asked, ([shape, slice]) => {
        const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
        let indexes: number[][] = [[]];
        shape.forEach((size, axis) => {
          const s = slice[axis] ?? null;
          const [start, end] = s === null ? [0, size] : typeof s === 'number' ? [s, s + 1] : s;
          const range = Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
          indexes = indexes.flatMap((head) => range.map((i) => [...head, i]));
        });
        const flat = indexes.map((index) => index.reduce((at, i, axis) => at * (shape[axis] ?? 1) + i, 0));
        expect([...sliceArray({ data, shape }, 'x', undefined, slice).data]).toEqual(flat.map((i) => data[i]));
      }),
      { seed: 3, numRuns: 1000 },
    );
  });
});
