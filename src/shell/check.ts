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

/** A shell file's bytes as text, a byte order mark with them; bytes that are not UTF-8 are an InputError with their place. */
export function decodeShell(bytes: Uint8Array, file: string): string {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new InputError(`The file has ${bytes.length} bytes; a shell file holds at most ${MAX_FILE_BYTES}.`, { file, line: 1, column: 1 });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const { line, column, byte } = firstBadByte(bytes);
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    throw new InputError(`The byte 0x${hex} here is not UTF-8; save the file as UTF-8.`, { file, line, column });
  }
}

function firstBadByte(bytes: Uint8Array): { line: number; column: number; byte: number } {
  let at = 0;
  for (let length = characterLength(bytes, 0); at < bytes.length && length > 0; length = characterLength(bytes, at)) at += length;
  const before = new TextDecoder('utf-8').decode(bytes.subarray(0, at));
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n'), byte: bytes[at] ?? 0 };
}

/** Bytes of the character at `at`, or 0 where none is well formed (RFC 3629: nothing overlong, no surrogates, nothing above U+10FFFF). */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  const second = bytes[at + 1] ?? 0;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (length === 0 || second < least || second > most) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
