import { basename } from 'node:path';
import { InputError } from '../errors.js';
import { BLOCKS, elementCount, isStoredDtype } from './dtypes.js';
import type { FileTensor } from './dtypes.js';
import { openFile } from './file.js';
import type { RandomAccessFile } from './file.js';
import { shorten, show } from './json.js';

/** ggml's tensor types by number (ggml.h, `enum ggml_type`); names only, to say which one is not supported. */
const TENSOR_TYPES: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
};

/** Metadata value types; the numbers are the format's. */
const enum Kind {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  Text = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
}

const KIND_BYTES: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];

/** Far above any vocabulary or merge list (the largest known have about 500,000 entries). */
const MAX_ARRAY = 4_000_000;
const MAX_TEXT = 16 * 1024 * 1024;
const MAX_METADATA = 256 * 1024 * 1024;
const MAX_DIMENSIONS = 4;

/** A header that a GGUF file can give: numbers (bigint only beyond 2^53), booleans, strings and arrays of them. */
export type GgufMetadata = ReadonlyMap<string, unknown>;

export interface GgufContent {
  metadata: GgufMetadata;
  tensors: FileTensor[];
  bytes: number;
}

/**
 * Reads a GGUF file's metadata and tensor table (ggml/docs/gguf.md, versions 2 and 3, little-endian). Counts are held against
 * the bytes that are left before anything is allocated; tensors lie inside the file, aligned, without overlap.
 */
export function readGguf(path: string): GgufContent {
  const file = openFile(path);
  try {
    return new Reader(file).content();
  } finally {
    file.close();
  }
}

class Reader {
  private at = 0;
  private window: Buffer = Buffer.alloc(0);
  private windowStart = 0;
  private readonly text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private readonly path: string;

  constructor(private readonly file: RandomAccessFile) {
    this.path = file.path;
  }

  content(): GgufContent {
    if (this.file.size < 24 || this.take(4).toString('latin1') !== 'GGUF') {
      throw this.fail(`${basename(this.path)} does not begin as a GGUF file does.`, 'magic');
    }
    const version = this.take(4).readUInt32LE();
    if (version !== 2 && version !== 3) {
      const what = version !== 0 && (version & 0xffff) === 0 ? 'big-endian' : `version ${version} of the format`;
      throw this.fail(`${basename(this.path)} is ${what}; little-endian GGUF 2 and 3 are read.`, 'version');
    }
    // The least that a tensor's entry takes: name length, dimensions, type, offset. And a key: length, type, one byte.
    const tensorCount = this.count('tensor count', 8 + 4 + 4 + 8, 0);
    const keyCount = this.count('metadata count', 8 + 4 + 1, 0);
    const metadata = new Map<string, unknown>();
    for (let i = 0; i < keyCount; i++) {
      const key = this.string('a metadata key');
      if (metadata.has(key)) throw this.fail(`The metadata has ${show(key)} twice.`, shorten(key));
      metadata.set(key, this.value(this.take(4).readUInt32LE(), key));
    }
    const entries: { name: string; shape: number[]; dtype: string; offset: number }[] = [];
    const names = new Set<string>();
    for (let i = 0; i < tensorCount; i++) {
      const entry = this.tensor();
      if (names.has(entry.name)) throw this.fail(`Tensor ${shorten(entry.name)} is listed twice.`, shorten(entry.name));
      names.add(entry.name);
      entries.push(entry);
    }
    const alignment = this.alignment(metadata);
    const start = Math.ceil(this.at / alignment) * alignment;
    const tensors = entries.map((entry) => this.place(entry, start, alignment));
    this.checkOverlap(tensors);
    return { metadata, tensors, bytes: this.file.size };
  }

  private fail(message: string, field: string): InputError {
    return new InputError(message, { file: this.path, field });
  }

  /** The next `length` bytes, valid until the next call. */
  private take(length: number): Buffer {
    if (this.at + length > this.file.size) {
      throw this.fail(
        `${basename(this.path)} has ${this.file.size} bytes and ends inside its header: it is truncated or damaged.`,
        'header',
      );
    }
    if (this.at + length > MAX_METADATA)
      throw this.fail(`The header of ${basename(this.path)} is longer than the ${MAX_METADATA} bytes that are read.`, 'header');
    const from = this.at - this.windowStart;
    if (from + length > this.window.length) {
      this.window = this.file.read(this.at, Math.min(Math.max(length, 1 << 18), this.file.size - this.at));
      this.windowStart = this.at;
      this.at += length;
      return this.window.subarray(0, length);
    }
    this.at += length;
    return this.window.subarray(from, from + length);
  }

  /** A u64 that counts things of at least `least` bytes each, `most` of them (0: no bound but the file's length). */
  private count(what: string, least: number, most: number): number {
    const claimed = this.take(8).readBigUInt64LE();
    const left = this.file.size - this.at;
    if (claimed > BigInt(Math.floor(left / least))) {
      throw this.fail(
        `The ${what} is ${claimed}, more than the ${left} bytes that are left can hold: the file is truncated or damaged.`,
        what,
      );
    }
    if (most > 0 && claimed > BigInt(most)) throw this.fail(`The ${what} is ${claimed}, more than the ${most} that are read.`, what);
    return Number(claimed);
  }

  private string(what: string): string {
    const length = this.count(`length of ${what}`, 1, MAX_TEXT);
    try {
      return this.text.decode(this.take(length));
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw this.fail(`The text of ${what} is not UTF-8.`, what);
    }
  }

  private value(kind: number, key: string): unknown {
    switch (kind) {
      case Kind.U8:
        return this.take(1).readUInt8();
      case Kind.I8:
        return this.take(1).readInt8();
      case Kind.U16:
        return this.take(2).readUInt16LE();
      case Kind.I16:
        return this.take(2).readInt16LE();
      case Kind.U32:
        return this.take(4).readUInt32LE();
      case Kind.I32:
        return this.take(4).readInt32LE();
      case Kind.F32:
        return shortest(this.take(4).readFloatLE());
      case Kind.F64:
        return this.take(8).readDoubleLE();
      case Kind.U64:
        return toNumber(this.take(8).readBigUInt64LE());
      case Kind.I64:
        return toNumber(this.take(8).readBigInt64LE());
      case Kind.Bool:
        return this.boolean(key);
      case Kind.Text:
        return this.string(shorten(key));
      case Kind.Array:
        return this.array(key);
      default:
        throw this.fail(`The metadata value of ${shorten(key)} has the unknown type ${kind}.`, shorten(key));
    }
  }

  private boolean(key: string): boolean {
    const byte = this.take(1).readUInt8();
    if (byte > 1) throw this.fail(`The metadata value of ${shorten(key)} is neither true nor false.`, shorten(key));
    return byte === 1;
  }

  private array(key: string): unknown[] {
    const kind = this.take(4).readUInt32LE();
    const least = KIND_BYTES[kind];
    if (least === undefined || kind === Kind.Array) {
      throw this.fail(`The metadata array ${shorten(key)} has elements of the type ${kind}, which are not read.`, shorten(key));
    }
    const count = this.count(`length of ${shorten(key)}`, least, MAX_ARRAY);
    const values: unknown[] = [];
    // Scores by the hundred thousand stay as they are.
    for (let i = 0; i < count; i++) values.push(kind === Kind.F32 ? this.take(4).readFloatLE() : this.value(kind, key));
    return values;
  }

  private tensor(): { name: string; shape: number[]; dtype: string; offset: number } {
    const name = this.string('a tensor name');
    const label = shorten(name);
    const dimensions = this.take(4).readUInt32LE();
    if (dimensions > MAX_DIMENSIONS)
      throw this.fail(`Tensor ${label} has ${dimensions} dimensions; at most ${MAX_DIMENSIONS} are possible.`, label);
    const shape: number[] = [];
    for (let i = 0; i < dimensions; i++) {
      const size = this.take(8).readBigUInt64LE();
      if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fail(`Tensor ${label} has a dimension of ${size}, which cannot be.`, label);
      // The file lists the innermost dimension first.
      shape.unshift(Number(size));
    }
    const type = this.take(4).readUInt32LE();
    const offset = this.take(8).readBigUInt64LE();
    if (offset > BigInt(this.file.size))
      throw this.fail(`Tensor ${label} begins at byte ${offset} of the data, beyond the end of the file.`, label);
    return { name, shape, dtype: TENSOR_TYPES[type] ?? `number ${type}`, offset: Number(offset) };
  }

  private alignment(metadata: GgufMetadata): number {
    const key = 'general.alignment';
    const value = metadata.get(key) ?? 32;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 8 || value > 1 << 20 || value % 8 !== 0) {
      throw this.fail(`${key} is ${show(value)}, but must be a multiple of 8.`, key);
    }
    return value;
  }

  private place(entry: { name: string; shape: number[]; dtype: string; offset: number }, start: number, alignment: number): FileTensor {
    const { name, shape, dtype, offset } = entry;
    const label = shorten(name);
    // The size of a type that is not supported is not known; whether the tensor is needed is for the caller to say.
    let byteLength = 0;
    if (isStoredDtype(dtype)) {
      const { values, bytes } = BLOCKS[dtype];
      const count = elementCount(shape);
      const row = shape.at(-1) ?? 1;
      if (count === null || !Number.isSafeInteger(count * bytes))
        throw this.fail(`Tensor ${label} has the impossible shape ${show(shape)}.`, label);
      if (row % values !== 0)
        throw this.fail(`Tensor ${label} has rows of ${row} values, but ${dtype} comes in blocks of ${values}.`, label);
      byteLength = (count / values) * bytes;
    }
    if (offset % alignment !== 0)
      throw this.fail(`Tensor ${label} begins at byte ${offset} of the data, which is not a multiple of ${alignment}.`, label);
    if (start + offset + byteLength > this.file.size) {
      throw this.fail(
        `Tensor ${label} should lie at bytes ${start + offset} to ${start + offset + byteLength}, but the file has ${this.file.size}: it is truncated.`,
        label,
      );
    }
    return { file: this.path, name, dtype, shape, byteOffset: start + offset, byteLength };
  }

  private checkOverlap(tensors: readonly FileTensor[]): void {
    const inOrder = tensors.filter((t) => t.byteLength > 0).sort((a, b) => a.byteOffset - b.byteOffset);
    for (let i = 1; i < inOrder.length; i++) {
      const before = inOrder[i - 1]!;
      const tensor = inOrder[i]!;
      if (tensor.byteOffset < before.byteOffset + before.byteLength) {
        throw this.fail(`Tensor ${shorten(tensor.name)} overlaps ${shorten(before.name)}.`, shorten(tensor.name));
      }
    }
  }
}

function toNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The shortest decimal that is this float32: 1e-5 where the file holds 9.99999974e-6, as the model's authors wrote it. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}
