import { InputError } from '../errors.js';
import type { NdArray } from './api.js';
import type { AxisSlice } from './protocol.js';

/**
 * A part of a row-major array: `row` picks an index of the first axis (which goes), then `slice` has one entry per remaining
 * axis: an index (the axis goes), a half-open range, or null for all of it; missing entries mean all. What is all there is not
 * copied. Throws InputError naming `what` and the axis that does not fit.
 */
export function sliceArray(array: NdArray, what: string, row?: number, slice: readonly AxisSlice[] = []): NdArray {
  const whole = row === undefined ? [...slice] : [row, ...slice];
  const { shape } = array;
  if (whole.length > shape.length) {
    throw new InputError(`\`${what}\` has ${shape.length} axes ([${shape.join(', ')}]) and the slice names ${whole.length}.`, {
      field: 'slice',
    });
  }
  const ranges = shape.map((size, axis): [number, number] => {
    const part = whole[axis] ?? null;
    const [start, end] = part === null ? [0, size] : typeof part === 'number' ? [part, part + 1] : part;
    if (start < 0 || end > size || start > end || !Number.isInteger(start) || !Number.isInteger(end)) {
      const asked = typeof part === 'number' ? `index ${part}` : `[${start}, ${end})`;
      throw new InputError(`Axis ${axis} of \`${what}\` has ${size} entries ([${shape.join(', ')}]); ${asked} is not within it.`, {
        field: 'slice',
      });
    }
    return [start, end];
  });
  const kept = ranges.filter((_, axis) => typeof whole[axis] !== 'number').map(([start, end]) => end - start);
  const data = copy(array, ranges);
  return { data, shape: kept };
}

function copy({ data, shape }: NdArray, ranges: readonly [number, number][]): Float32Array {
  // The leading axes that take one index or a range before full ones make one contiguous stretch.
  let last = ranges.length - 1;
  while (last >= 0 && ranges[last]?.[0] === 0 && ranges[last]?.[1] === shape[last]) last--;
  const inner = shape.slice(last + 1).reduce((a, b) => a * b, 1);
  if (last < 0) return data;
  const strides: number[] = [];
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  const out = new Float32Array(ranges.reduce((n, [start, end]) => n * (end - start), 1));
  let to = 0;
  const visit = (axis: number, from: number): void => {
    const [start, end] = ranges[axis] ?? [0, 0];
    const stride = strides[axis] ?? 1;
    if (axis === last) {
      const length = (end - start) * inner;
      out.set(data.subarray(from + start * stride, from + start * stride + length), to);
      to += length;
    } else for (let i = start; i < end; i++) visit(axis + 1, from + i * stride);
  };
  if (out.length > 0) visit(0, 0);
  return out;
}
