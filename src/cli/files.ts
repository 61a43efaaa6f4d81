import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { InputError } from '../errors.js';
import { decodeShell } from '../shell/check.js';

const SHELLS = '**/*.shell.{yaml,yml}';
/** The format's own limit. */
const MAX_SHELL_BYTES = 1 << 20;
/** More than this is a mistake in a glob. */
const MAX_FILES = 10_000;

function glob(pattern: string, cwd?: string): string[] {
  const found = globSync(pattern, {
    cwd: cwd ?? process.cwd(),
    ignore: ['**/node_modules/**'],
    onlyFiles: true,
    followSymbolicLinks: false,
  });
  return found.map((path) => (cwd ? join(cwd, path) : path)).sort();
}

function kindOf(path: string): 'file' | 'folder' | 'other' | null {
  try {
    const stat = statSync(path);
    return stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'other';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw new InputError('permission to read it is denied.', { file: path });
    return null;
  }
}

/**
 * The shell files that the arguments name, in order, each once: a file as it is, a folder as every `*.shell.yaml` under it, a glob
 * as what it matches. Throws InputError for an argument that names nothing.
 */
export function expandFiles(args: readonly string[]): string[] {
  const files = new Map<string, string>();
  for (const arg of args) {
    const kind = arg === '' || arg.includes('\0') ? null : kindOf(arg);
    let found: string[];
    if (kind === 'file') found = [arg];
    else if (kind === 'folder') found = glob(SHELLS, arg);
    else if (kind === 'other') throw new InputError('is neither a file nor a folder.', { file: arg });
    else if (arg !== '' && !arg.includes('\0') && isDynamicPattern(arg)) found = glob(arg.replaceAll('\\', '/'));
    else throw new InputError('there is no such file or folder.', { file: arg === '' ? '""' : arg.replaceAll('\0', '\\0') });
    if (found.length === 0) {
      throw new InputError(kind === 'folder' ? 'holds no *.shell.yaml file.' : 'matches no file.', { file: arg });
    }
    for (const file of found) files.set(realpathSync(file), files.get(realpathSync(file)) ?? file);
    if (files.size > MAX_FILES) throw new InputError(`names more than ${MAX_FILES} files; name fewer.`, { file: arg });
  }
  return [...files.values()];
}

/** The text of a shell file, byte for byte (its hash is that of the file). Throws InputError when it cannot be read, is too large or is not UTF-8. */
export function readShell(file: string): string {
  const { size } = statSync(file);
  if (size > MAX_SHELL_BYTES)
    throw new InputError(`the file has ${size.toLocaleString('en-US')} bytes; a shell has at most 1 MiB.`, { file });
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch {
    throw new InputError('the file cannot be read.', { file });
  }
  return decodeShell(bytes, file);
}

/** Base names for the outputs of several shells: without `.shell.yaml`, numbered where two are alike. */
export function outputNames(files: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return files.map((file) => {
    const stem = basename(file).replace(/(\.shell)?\.ya?ml$/i, '') || 'shell';
    const key = stem.toLowerCase();
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? stem : `${stem}-${count}`;
  });
}
