import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { InputError } from '../errors.js';
import { elementCount } from './dtypes.js';
import type { FileTensor } from './dtypes.js';
import { openFile } from './file.js';
import { parseJsonObject, readJsonObject, shorten, show } from './json.js';

/** Bytes per value of every type of the format (huggingface/safetensors, `Dtype`). */
const DTYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ...(['BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'] as const).map((d) => [d, 1] as const),
  ...(['I16', 'U16', 'F16', 'BF16'] as const).map((d) => [d, 2] as const),
  ...(['I32', 'U32', 'F32'] as const).map((d) => [d, 4] as const),
  ...(['I64', 'U64', 'F64', 'C64'] as const).map((d) => [d, 8] as const),
]);

/** The format's own limit on the header. */
const MAX_HEADER = 100_000_000;
const MAX_INDEX = 64 * 1024 * 1024;

/**
 * The tensors of a safetensors file: header length (u64), header (JSON), data. Checked: the header lies in the file, each
 * tensor's range lies in the data, is as long as shape × dtype says, starts at a multiple of its value's size, and shares no
 * byte with another; the data has no byte that no tensor covers.
 */
export function readSafetensors(path: string): { tensors: FileTensor[]; bytes: number } {
  const file = openFile(path);
  const name = basename(path);
  try {
    if (file.size < 8)
      throw new InputError(`${name} has ${file.size} bytes, too few for a safetensors header: it is truncated.`, { file: path });
    const declared = file.read(0, 8).readBigUInt64LE();
    if (declared > BigInt(Math.min(MAX_HEADER, file.size - 8))) {
      throw new InputError(
        `${name} says that its header has ${declared} bytes, but the file has ${file.size}: it is truncated or not a safetensors file.`,
        { file: path, field: 'header length' },
      );
    }
    const headerLength = Number(declared);
    const header = parseJsonObject(file.read(8, headerLength), `The header of ${name}`, path);
    const start = 8 + headerLength;
    const tensors: FileTensor[] = [];
    for (const [tensor, entry] of Object.entries(header)) {
      if (tensor === '__metadata__') continue;
      tensors.push(readEntry(path, tensor, entry, start, file.size - start));
    }
    checkCoverage(path, tensors, start, file.size);
    return { tensors, bytes: file.size };
  } finally {
    file.close();
  }
}

function readEntry(path: string, tensor: string, entry: unknown, start: number, dataLength: number): FileTensor {
  const label = shorten(tensor);
  const fail = (what: string): InputError => new InputError(`Tensor ${label} ${what}.`, { file: path, field: label });
  if (entry === null || typeof entry !== 'object') throw fail('is not described by an object in the header');
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== 'string') throw fail('has no dtype');
  const size = DTYPE_BYTES.get(dtype);
  if (size === undefined) throw fail(`has the unknown type ${shorten(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) throw fail(`has the shape ${show(shape)}, which is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw fail(`has the data_offsets ${show(offsets)}, which are not a begin and an end`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) {
    throw fail(`should lie at bytes ${begin} to ${end} of the data, which has ${dataLength} bytes: the file is truncated or damaged`);
  }
  const count = elementCount(shape as number[]);
  if (count === null || count * size !== end - begin) {
    throw fail(`has ${end - begin} bytes, but its shape ${show(shape)} of ${dtype} does not take as many`);
  }
  if (begin % size !== 0) throw fail(`starts at byte ${begin} of the data, which is not a multiple of the ${size} bytes of ${dtype}`);
  return { file: path, name: tensor, dtype, shape: shape as number[], byteOffset: start + begin, byteLength: end - begin };
}

function checkCoverage(path: string, tensors: readonly FileTensor[], start: number, size: number): void {
  const inOrder = [...tensors].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let at = start;
  for (const tensor of inOrder) {
    if (tensor.byteOffset !== at) {
      const label = shorten(tensor.name);
      const what =
        tensor.byteOffset < at
          ? 'overlaps the tensor before it'
          : `leaves a gap of ${tensor.byteOffset - at} bytes, of no tensor, in front of it`;
      throw new InputError(`Tensor ${label} ${what}.`, { file: path, field: label });
    }
    at += tensor.byteLength;
  }
  if (at !== size) {
    throw new InputError(`${basename(path)} has ${size - at} bytes behind its last tensor that belong to none.`, { file: path });
  }
}

/** The tensors of a model in shards, by its `model.safetensors.index.json`. */
export function readShardedSafetensors(indexPath: string): { tensors: FileTensor[]; files: { path: string; bytes: number }[] } {
  const index = readJsonObject(indexPath, MAX_INDEX);
  const map = index['weight_map'];
  const fail = (message: string, field: string): InputError => new InputError(message, { file: indexPath, field });
  if (map === null || typeof map !== 'object' || Array.isArray(map)) {
    throw fail('The index has no weight_map from tensors to files.', 'weight_map');
  }
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string')
      throw fail(`weight_map gives ${show(shard)} as the file of ${shorten(tensor)}.`, `weight_map.${shorten(tensor)}`);
    shardOf.set(tensor, shard);
  }
  const tensors: FileTensor[] = [];
  const files: { path: string; bytes: number }[] = [];
  const found = new Map<string, string>();
  // All names are checked before any file is opened.
  const paths = [...new Set(shardOf.values())].map((shard) => [shard, shardPath(indexPath, shard)] as const);
  for (const [shard, path] of paths) {
    const content = readSafetensors(path);
    files.push({ path, bytes: content.bytes });
    for (const tensor of content.tensors) {
      const label = shorten(tensor.name);
      const other = found.get(tensor.name);
      if (other !== undefined)
        throw new InputError(`Tensor ${label} is in ${shorten(other)} and again in ${shorten(shard)}.`, { file: path, field: label });
      const listed = shardOf.get(tensor.name);
      if (listed !== undefined && listed !== shard)
        throw fail(`weight_map places ${label} in ${shorten(listed)}, but it is in ${shorten(shard)}.`, label);
      found.set(tensor.name, shard);
      tensors.push(tensor);
    }
  }
  for (const [tensor, shard] of shardOf) {
    if (!found.has(tensor))
      throw fail(`weight_map places ${shorten(tensor)} in ${shorten(shard)}, which has no such tensor.`, shorten(tensor));
  }
  return { tensors, files };
}

/** A shard's path. It must be a file in the index's own folder; a link out of it only within a Hugging Face cache. */
function shardPath(indexPath: string, shard: string): string {
  const folder = dirname(indexPath);
  const field = 'weight_map';
  if (shard !== basename(shard) || /[\\/\0]/.test(shard) || shard === '' || shard === '.' || shard === '..') {
    throw new InputError(`weight_map names ${show(shard)}, which is not the name of a file in the model's folder.`, {
      file: indexPath,
      field,
    });
  }
  const path = join(folder, shard);
  if (!existsSync(path)) {
    throw new InputError(`The index names ${shorten(shard)}, which is not in the folder: the download is not complete.`, {
      file: indexPath,
      field,
    });
  }
  const real = realpathSync(path);
  const home = realpathSync(folder);
  if (!real.startsWith(home + sep) && !isCacheBlob(home, real)) {
    throw new InputError(`The index names ${shorten(shard)}, a link that leads out of the model's folder.`, { file: indexPath, field });
  }
  return path;
}

/** `…/snapshots/REVISION` whose files are links to `…/blobs/HASH`, as huggingface_hub keeps its downloads. */
function isCacheBlob(folder: string, target: string): boolean {
  const snapshots = dirname(folder);
  return basename(snapshots) === 'snapshots' && dirname(target) === join(dirname(snapshots), 'blobs');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
