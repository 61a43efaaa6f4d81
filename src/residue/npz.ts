import { createHash } from 'node:crypto';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { InputError } from '../errors.js';
import { discard, temporaryName, writeFailure, makeFolders } from './write.js';

/** A row-major array as traced: float32, or int64 for token ids. */
export interface NpzArray {
  data: Float32Array | BigInt64Array;
  shape: readonly number[];
}

/** Plain ZIP (without zip64) ends here; numpy reads no more from one. */
export const MAX_NPZ_BYTES = 0xffff_ffff;
export const MAX_NPZ_ARRAYS = 0xffff;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Header of a `.npy` file, version 1.0 (numpy.lib.format): magic, version, length, and a Python literal padded with spaces so
 * that the data begins at a multiple of 64 bytes. Arrays are little-endian, C order.
 */
export function npyHeader(array: NpzArray): Uint8Array {
  const length = array.shape.reduce((product, n) => product * n, 1);
  if (length !== array.data.length) throw new Error(`Shape [${array.shape.join(', ')}] does not hold ${array.data.length} values.`);
  const descr = array.data instanceof Float32Array ? '<f4' : '<i8';
  const shape = array.shape.length === 1 ? `(${array.shape[0]},)` : `(${array.shape.join(', ')})`;
  const literal = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const fixed = 10;
  const padded = Math.ceil((fixed + literal.length + 1) / 64) * 64;
  if (padded - fixed > 0xffff) throw new Error('The header of a version 1.0 .npy file holds at most 65,535 bytes.');
  const header = new Uint8Array(padded).fill(0x20);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(header.buffer).setUint16(8, padded - fixed, true);
  header.set(Buffer.from(literal, 'latin1'), fixed);
  header[padded - 1] = 0x0a;
  return header;
}

function npyBytes(array: NpzArray): Uint8Array {
  if (LITTLE_ENDIAN) return new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength);
  const bytes = new Uint8Array(array.data.byteLength);
  const view = new DataView(bytes.buffer);
  if (array.data instanceof Float32Array) array.data.forEach((x, i) => view.setFloat32(i * 4, x, true));
  else array.data.forEach((x, i) => view.setBigInt64(i * 8, x, true));
  return bytes;
}

/** Bytes that a file of these arrays takes when stored. */
function storedSize(arrays: ReadonlyMap<string, NpzArray>): number {
  let total = 22;
  for (const [name, array] of arrays) total += array.data.byteLength + 128 + 128 + 2 * Buffer.byteLength(name) + 128;
  return total;
}

/**
 * Writes named arrays as one `.npz`, which `numpy.load` opens: each array is the entry `<name>.npy`, in the map's order. The
 * file appears complete or not at all. Stored as they are; `compress` deflates them (activations shrink by about a tenth, so it
 * is not the default). Entries carry a fixed date: the same arrays give the same bytes.
 * Throws InputError when the arrays are over what a plain ZIP holds (4 GiB, 65,535 arrays) or the place cannot be written.
 */
export function writeNpz(path: string, arrays: ReadonlyMap<string, NpzArray>, options: { compress?: boolean } = {}): void {
  const bytes = storedSize(arrays);
  if (bytes > MAX_NPZ_BYTES || arrays.size > MAX_NPZ_ARRAYS) {
    throw new InputError(
      `its ${arrays.size} arrays take ${(bytes / 2 ** 30).toFixed(1)} GiB and one .npz holds at most 4 GiB and 65,535 arrays; use a shorter prompt.`,
      { file: path },
    );
  }
  const temporary = temporaryName(path);
  let file: number | undefined;
  try {
    makeFolders(dirname(path));
    file = openSync(temporary, 'wx');
    const out = file;
    const zip = new Zip((error, chunk) => {
      if (error) throw error;
      for (let done = 0; done < chunk.length;) done += writeSync(out, chunk, done);
    });
    for (const [name, array] of arrays) {
      const entry = options.compress ? new ZipDeflate(`${name}.npy`, { level: 1 }) : new ZipPassThrough(`${name}.npy`);
      // Local time on purpose: ZIP has no time zone, and this is the earliest date it can hold.
      entry.mtime = new Date(1980, 0, 1);
      zip.add(entry);
      entry.push(npyHeader(array), false);
      entry.push(npyBytes(array), true);
    }
    zip.end();
    closeSync(file);
    file = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    discard(temporary);
    throw error instanceof InputError || (error as NodeJS.ErrnoException).code === undefined ? error : writeFailure(path, error);
  }
}

/**
 * File name of a run's arrays: `probe.npz`, `probe.walk=40.npz`. Characters that a file system may refuse are percent-encoded as
 * UTF-8; a name too long for one is cut, with a digest of the whole in its place.
 */
export function npzName(run: string): string {
  const safe = run.replaceAll(/[^\w.=+,@ -]/gu, (c) =>
    Buffer.from(c)
      .toString('hex')
      .replaceAll(/../g, (byte) => `%${byte.toUpperCase()}`),
  );
  if (safe.length <= 200) return `${safe}.npz`;
  return `${safe.slice(0, 180)}~${createHash('sha256').update(run).digest('hex').slice(0, 16)}.npz`;
}
