import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.js';
import { residueSchema, type Schema } from './schema.js';
import type { Residue } from './types.js';

/** Digits kept of a measured number. float32 sums are reproducible to about this many across machines. */
export const SIGNIFICANT_DIGITS = 6;

/** What the user wrote and what identifies the run is kept to the last digit; everything else was measured. */
const EXACT = new Set(['params', 'settings', 'provenance']);

function round(value: number, path: string, exact: boolean): number {
  if (!Number.isFinite(value)) throw new Error(`The residue holds ${value} at ${path}, which JSON cannot express.`);
  if (exact || Number.isInteger(value)) return value === 0 ? 0 : value;
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}

/** Follows references, and a nullable schema to what it is when not null. */
function resolve(schema: Schema | undefined): Schema | undefined {
  if (schema?.$ref) return resolve(residueSchema.$defs?.[schema.$ref.slice('#/$defs/'.length)]);
  if (schema?.anyOf) return resolve(schema.anyOf[0]);
  return schema;
}

/** A copy with the schema's property order and rounded numbers; maps keep the order they were filled in. */
function canonical(value: unknown, schema: Schema | undefined, path: string, exact: boolean): unknown {
  if (typeof value === 'number') return round(value, path, exact);
  if (value === null || typeof value !== 'object') return value;
  const node = resolve(schema);
  if (Array.isArray(value)) {
    const items = node?.items === false ? undefined : node?.items;
    return value.map((item, i) => canonical(item, node?.prefixItems?.[i] ?? items, `${path}[${i}]`, exact));
  }
  const source = value as Record<string, unknown>;
  const known = Object.keys(node?.properties ?? {});
  const others = Object.keys(source).filter((key) => !node?.properties?.[key]);
  const more = typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
  const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const key of [...known, ...others]) {
    if (source[key] === undefined) continue;
    result[key] = canonical(source[key], node?.properties?.[key] ?? more, path ? `${path}.${key}` : key, exact || EXACT.has(key));
  }
  return result;
}

/** The residue as it is written: properties in the schema's order, measured numbers rounded to 6 significant digits. */
export function canonicalResidue(residue: Residue): Residue {
  return canonical(residue, residueSchema, '', false) as Residue;
}

const isFlat = (value: unknown): boolean => value === null || typeof value !== 'object';

/** JSON with two-space indentation; a list of plain values stays on one line, so that a curve is a line and a diff is readable. */
function print(value: unknown, indent: string): string {
  if (isFlat(value)) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every(isFlat)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    return `[\n${value.map((item) => inner + print(item, inner)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value as object);
  if (entries.length === 0) return '{}';
  const oneLine = entries.length <= 4 && entries.every(([, item]) => isFlat(item));
  if (oneLine) return `{ ${entries.map(([key, item]) => `${JSON.stringify(key)}: ${JSON.stringify(item)}`).join(', ')} }`;
  return `{\n${entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${print(item, inner)}`).join(',\n')}\n${indent}}`;
}

/** One residue, or several as an array, as JSON text ending in a newline. The same residue gives the same bytes. */
export function serializeResidue(residue: Residue | readonly Residue[]): string {
  const value = Array.isArray(residue) ? (residue as readonly Residue[]).map(canonicalResidue) : canonicalResidue(residue as Residue);
  return `${print(value, '')}\n`;
}

/** Any other result (a comparison, a table's rows) as JSON text, in its own order of keys, numbers rounded in the same way. */
export function serializePlain(value: object): string {
  return `${print(canonical(value, undefined, '', false), '')}\n`;
}

/** Temporary neighbour of a file, on the same file system so that the rename is atomic. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
}

/** Removes what is left of a temporary file, where there is anything. */
export function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {
    // Its folder is not one (ENOTDIR): nothing was made.
  }
}

/** Says in one sentence why a path could not be written. */
export function writeFailure(path: string, error: unknown): InputError {
  const code = (error as NodeJS.ErrnoException).code;
  const why: Record<string, string> = {
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of the path is a file, not a folder',
    EEXIST: 'a file is in the way of the folder',
    EISDIR: 'it is a folder',
    ENOENT: 'nothing can be made there',
    ENAMETOOLONG: 'the name is too long',
  };
  return new InputError(`cannot be written: ${why[code ?? ''] ?? (error as Error).message}; choose another place.`, { file: path });
}

/**
 * Makes a folder and those above it, where they are not there. (Node's own `recursive` never returns where a folder that is there can
 * hold none, as /proc.)
 */
export function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeFolders(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/**
 * Throws what `writeFileAtomic` would for a place that cannot be written, before there is anything to write: what takes minutes to make is
 * not made for nothing. Makes no folder and leaves nothing behind.
 */
export function refuseUnwritable(path: string): void {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    if (there && !there.isFile()) return;
    let folder = dirname(there ? realpathSync(path) : path);
    while (!statSync(folder, { throwIfNoEntry: false }) && dirname(folder) !== folder) folder = dirname(folder);
    const trial = temporaryName(join(folder, basename(path)));
    closeSync(openSync(trial, 'wx'));
    discard(trial);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/**
 * Writes a file so that a reader sees the old content or the new, never a half: a temporary neighbour, then a rename. Synchronous,
 * so that no signal handler runs in between; what is left of a failed write is removed. Folders are made. What is no file (`/dev/stdout`, a pipe)
 * is written to and stays what it is; a link stays one, to what is written anew.
 * Throws InputError when the place cannot be written.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there && !there.isFile() && !there.isDirectory()) writeFileSync(path, content);
    else replaceFile(there?.isFile() ? realpathSync(path) : path, content);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = temporaryName(path);
  try {
    makeFolders(dirname(path));
    const file = openSync(temporary, 'wx');
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw error;
  }
}

/** Writes `*.residue.json`. Throws InputError when the place cannot be written. */
export function writeResidue(path: string, residue: Residue): void {
  writeFileAtomic(path, serializeResidue(residue));
}
