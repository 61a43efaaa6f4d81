import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { InputError } from '../errors.js';
import { parseShell } from './parse.js';
import type { ParseOptions } from './parse.js';
import { MAX_FILE_BYTES } from './source.js';
import type { Diagnostic } from './types.js';

/** Everything to say about a shell file's text, without a model. */
export function checkShell(text: string, options: ParseOptions = {}): Diagnostic[] {
  return parseShell(text, options).diagnostics;
}

/** `file:line:column: message` */
export function formatDiagnostic(diagnostic: Diagnostic, file: string): string {
  const kind = diagnostic.severity === 'error' ? '' : `${diagnostic.severity}: `;
  return `${file}:${diagnostic.line}:${diagnostic.column}: ${kind}${diagnostic.message}`;
}

/** The first error of a parsed shell as an InputError with its place; for callers that need a shell or nothing. */
export function firstError(diagnostics: readonly Diagnostic[], file: string): InputError | null {
  const error = diagnostics.find(({ severity }) => severity === 'error');
  if (error === undefined) return null;
  const { message, line, column, endLine, endColumn, field } = error;
  return new InputError(message, { file, line, column, endLine, endColumn, field });
}

/** A shell file's text. Its size is checked before it is read, and bytes that are not UTF-8 are an error with their place. */
export function readShellFile(file: string): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new InputError(code === 'ENOENT' ? 'There is no such file.' : `The file cannot be read (${code ?? 'unknown error'}).`, { file });
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw new InputError('A shell is a file, and this is not one.', { file });
    if (stat.size > MAX_FILE_BYTES) {
      throw new InputError(`The file has ${stat.size} bytes; a shell file holds at most ${MAX_FILE_BYTES}.`, { file, line: 1, column: 1 });
    }
    const bytes = new Uint8Array(stat.size);
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(handle, bytes, at, bytes.length - at, at);
      if (count === 0) break;
      at += count;
    }
    return decodeShell(bytes.subarray(0, at), file);
  } finally {
    closeSync(handle);
  }
}

/** A shell file's bytes as text. A byte order mark is dropped. */
export function decodeShell(bytes: Uint8Array, file: string): string {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new InputError(`The file has ${bytes.length} bytes; a shell file holds at most ${MAX_FILE_BYTES}.`, { file, line: 1, column: 1 });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const { line, column, byte } = firstBadByte(bytes);
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    throw new InputError(`The byte 0x${hex} here is not UTF-8; save the file as UTF-8.`, { file, line, column });
  }
}

function firstBadByte(bytes: Uint8Array): { line: number; column: number; byte: number } {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const valid = (end: number): boolean => {
    try {
      // A character cut off by `end` is not wrong yet.
      decoder.decode(bytes.subarray(0, end), { stream: true });
      decoder.decode(new Uint8Array(0), { stream: false });
      return true;
    } catch {
      return endsInCharacter(bytes, end);
    }
  };
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (valid(middle)) low = middle;
    else high = middle - 1;
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, low));
  const lineStart = text.lastIndexOf('\n') + 1;
  return { line: text.split('\n').length, column: text.length - lineStart + 1, byte: bytes[Math.min(low, bytes.length - 1)] ?? 0 };
}

/** True if the bytes before `end` are well formed but for a last character that `end` cuts off. */
function endsInCharacter(bytes: Uint8Array, end: number): boolean {
  for (let back = 1; back <= 3 && end - back >= 0; back++) {
    const first = bytes[end - back]!;
    if ((first & 0xc0) === 0x80) continue;
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    if (length <= back) return false;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end - back));
      return true;
    } catch {
      return false;
    }
  }
  return false;
}
