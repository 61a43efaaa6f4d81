import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

export interface NpyArray {
  data: Float32Array | BigInt64Array;
  shape: number[];
  descr: string;
}

/** One `.npy`, read by the format's own description; what is not exactly as described throws. */
export function readNpy(npy: Buffer): NpyArray {
  if (npy.subarray(0, 8).toString('latin1') !== '\x93NUMPY\x01\x00') throw new Error('not a .npy of version 1.0');
  const header = npy.subarray(10, 10 + npy.readUInt16LE(8)).toString('latin1');
  if ((10 + header.length) % 64 !== 0 || !header.endsWith('\n')) throw new Error('the header is not padded as it must be');
  const match = /^\{'descr': '(<f4|<i8)', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header);
  if (!match) throw new Error(`unexpected header ${JSON.stringify(header)}`);
  const [, descr = '', sizes = ''] = match;
  const shape = sizes
    .split(',')
    .filter((size) => size.trim())
    .map(Number);
  const body = Uint8Array.from(npy.subarray(10 + header.length)).buffer;
  const data = descr === '<f4' ? new Float32Array(body) : new BigInt64Array(body);
  if (shape.reduce((a, b) => a * b, 1) !== data.length) throw new Error('the shape does not hold the data');
  return { data, shape, descr };
}

/** A reader of `.npz` of its own: central directory, then local headers, then each `.npy`. Names without `.npy`. */
export function readNpz(path: string): Map<string, NpyArray> {
  const file = readFileSync(path);
  const end = file.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const result = new Map<string, NpyArray>();
  let at = file.readUInt32LE(end + 16);
  for (let i = 0; i < file.readUInt16LE(end + 10); i++) {
    const method = file.readUInt16LE(at + 10);
    const size = file.readUInt32LE(at + 20);
    const nameLength = file.readUInt16LE(at + 28);
    const name = file.subarray(at + 46, at + 46 + nameLength).toString();
    if (!name.endsWith('.npy')) throw new Error(`${name} is no array`);
    const local = file.readUInt32LE(at + 42);
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const raw = file.subarray(start, start + size);
    result.set(name.slice(0, -4), readNpy(method === 0 ? raw : inflateRawSync(raw)));
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return result;
}
