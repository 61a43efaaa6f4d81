import type { StoredDtype } from './weights.js';

/** Values per block and bytes per block of each stored type (a block of one value where the type is not quantised). */
export const BLOCKS: Readonly<Record<StoredDtype, { values: number; bytes: number }>> = {
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q5_0: { values: 32, bytes: 22 },
  Q5_1: { values: 32, bytes: 24 },
  Q8_0: { values: 32, bytes: 34 },
  Q2_K: { values: 256, bytes: 84 },
  Q3_K: { values: 256, bytes: 110 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
};

/** What a tensor of another type is told. */
export const SUPPORTED_DTYPES = 'F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K';

/** Product of a shape's entries, or null when it is not a safe integer. */
export function elementCount(shape: readonly number[]): number | null {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) return null;
  }
  return count;
}

/** A tensor as a file's header lists it: placed inside the file, its type perhaps not one that weights may have. */
export interface FileTensor {
  file: string;
  name: string;
  /** As the file calls it: `F32`, `BOOL`, `IQ2_XS`, … */
  dtype: string;
  /** Row-major shape, outermost first. */
  shape: readonly number[];
  byteOffset: number;
  byteLength: number;
}

export function isStoredDtype(dtype: string): dtype is StoredDtype {
  return Object.hasOwn(BLOCKS, dtype);
}
