import { InputError } from '../errors.js';
import { widen } from './dequant.js';
import { BLOCKS } from './dtypes.js';
import { openFile } from './file.js';
import type { RandomAccessFile } from './file.js';
import { shorten } from './json.js';
import type { StoredTensor, WeightName, WeightStore } from './weights.js';

/** Small enough to stay in the processor's cache. */
const CHUNK = 1 << 20;

let chunk: Uint8Array | undefined;

/** Where a NaN or an infinity is in a tensor: the index counts values in stored order. */
export interface NonFinite {
  index: number;
  value: number;
}

/**
 * Looks for the first NaN or infinity in a stored tensor, in chunks, without widening what need not be: more than 1 GB/s.
 * null when every value is finite.
 */
export function checkFinite(stored: StoredTensor, file?: RandomAccessFile): NonFinite | null {
  const source = file ?? openFile(stored.file);
  try {
    const block = BLOCKS[stored.dtype];
    const step = Math.floor(CHUNK / (block.bytes * 4)) * block.bytes * 4;
    for (let at = 0; at < stored.byteLength; at += step) {
      chunk ??= new Uint8Array(CHUNK);
      const bytes = chunk.subarray(0, Math.min(step, stored.byteLength - at));
      source.readInto(bytes, stored.byteOffset + at);
      const index = SCAN[stored.dtype]?.(bytes) ?? scanBlocks(stored, bytes);
      if (index < 0) continue;
      const from = Math.floor(index / block.values) * block.bytes;
      const value = widen(stored.dtype, bytes.subarray(from, from + block.bytes))[index % block.values]!;
      return { index: (at / block.bytes) * block.values + index, value };
    }
    return null;
  } finally {
    if (!file) source.close();
  }
}

/** The first weight of a model that holds a NaN or an infinity. */
export function findNonFinite(weights: WeightStore): (NonFinite & { name: WeightName; stored: StoredTensor }) | null {
  for (const name of weights.names()) {
    const { stored } = weights.get(name);
    const found = checkFinite(stored);
    if (found) return { ...found, name, stored };
  }
  return null;
}

/** What a user is told of it. */
export function nonFiniteError(stored: StoredTensor, found: NonFinite): InputError {
  const label = shorten(stored.name);
  const kind = Number.isNaN(found.value) ? 'a NaN' : 'an infinity';
  return new InputError(
    `Tensor ${label} holds ${kind} at [${coordinates(found.index, stored.shape).join(', ')}]: the file is damaged or its training failed.`,
    {
      file: stored.file,
      field: label,
    },
  );
}

/** Index of the first value of a float32 array that is not finite, or -1. */
export function firstNonFinite(values: Float32Array): number {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  if (!anyCarry(words, 0x7f800000, 0x00800000, 1 << 31)) return -1;
  return words.findIndex((word) => (word & 0x7f800000) === 0x7f800000);
}

/**
 * Whether an exponent is all ones in any word: then, with the fraction masked out, adding the exponent's lowest bit carries into
 * the sign. One test per word, for one float32 or for two halves at once.
 */
function anyCarry(words: Int32Array, exponent: number, lowest: number, sign: number): boolean {
  let carried = 0;
  for (let i = 0; i < words.length; i++) carried |= (words[i]! & exponent) + lowest;
  return (carried & sign) !== 0;
}

function coordinates(index: number, shape: readonly number[]): number[] {
  const at: number[] = [];
  let rest = index;
  for (let i = shape.length - 1; i >= 0; i--) {
    at.unshift(rest % shape[i]!);
    rest = Math.floor(rest / shape[i]!);
  }
  return at;
}

/** 16-bit floats, by the mask of their exponent and its lowest bit. */
function scanHalves(bytes: Uint8Array, exponent: number, lowest: number): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  const odd = bytes.byteLength % 4 === 2;
  const twice = (bits: number): number => bits | (bits << 16);
  const last = odd ? bytes[bytes.length - 2]! | (bytes[bytes.length - 1]! << 8) : 0;
  if (!anyCarry(words, twice(exponent), twice(lowest), twice(0x8000)) && (last & exponent) !== exponent) return -1;
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1).findIndex((half) => (half & exponent) === exponent);
}

const SCAN: Partial<Record<StoredTensor['dtype'], (bytes: Uint8Array) => number>> = {
  F32: (bytes) => firstNonFinite(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)),
  F16: (bytes) => scanHalves(bytes, 0x7c00, 0x0400),
  BF16: (bytes) => scanHalves(bytes, 0x7f80, 0x0080),
};

function scanBlocks(stored: StoredTensor, bytes: Uint8Array): number {
  return firstNonFinite(widen(stored.dtype, bytes));
}
