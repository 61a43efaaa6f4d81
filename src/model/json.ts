import { basename } from 'node:path';
import { InputError } from '../errors.js';
import { openFile } from './file.js';

export type JsonObject = { [key: string]: unknown };

const MAX_DEPTH = 64;

/**
 * Parses JSON from a file of unknown origin: UTF-8 only, an object at the top, no key twice, at most 64 levels deep.
 * `what` names the text in messages, such as `config.json` or `The header of model.safetensors`.
 */
export function parseJsonObject(bytes: Uint8Array, what: string, file: string): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${what} is not UTF-8 text.`, { file });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${what} is not JSON: ${syntaxProblem(error)}.`, { file });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InputError(`${what} is not a JSON object.`, { file });
  }
  checkStructure(text, what, file);
  return value as JsonObject;
}

/** Reads and parses a JSON file of at most `limit` bytes. */
export function readJsonObject(path: string, limit: number): JsonObject {
  const file = openFile(path);
  try {
    if (file.size > limit) {
      throw new InputError(`${basename(path)} has ${file.size} bytes, more than the ${limit} that are read.`, { file: path });
    }
    return parseJsonObject(file.read(0, file.size), basename(path), path);
  } finally {
    file.close();
  }
}

/** Depth and duplicate keys, which JSON.parse lets pass. The text is known to be well-formed. */
function checkStructure(text: string, what: string, file: string): void {
  // One entry per open bracket: the keys seen (object) or null (array).
  const open: (Set<string> | null)[] = [];
  let keyNext = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      const start = i;
      let escaped = false;
      for (i++; text.charCodeAt(i) !== 0x22; i++) {
        if (text.charCodeAt(i) !== 0x5c) continue;
        escaped = true;
        i++;
      }
      const keys = open.at(-1);
      if (!keyNext || !keys) continue;
      keyNext = false;
      const key = escaped ? (JSON.parse(text.slice(start, i + 1)) as string) : text.slice(start + 1, i);
      if (keys.has(key)) throw new InputError(`${what} has the key ${JSON.stringify(shorten(key))} twice.`, { file, field: shorten(key) });
      keys.add(key);
    } else if (c === 0x7b || c === 0x5b) {
      open.push(c === 0x7b ? new Set() : null);
      keyNext = c === 0x7b;
      if (open.length > MAX_DEPTH) throw new InputError(`${what} is nested more than ${MAX_DEPTH} levels deep.`, { file });
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
      keyNext = false;
    } else if (c === 0x2c) {
      keyNext = open.at(-1) != null;
    }
  }
}

/** A text from a file as shown in a message: on one line, without control characters, not too long. */
export function shorten(text: string, limit = 120): string {
  const clean = text.slice(0, limit + 1).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\uFFFD');
  return text.length <= limit ? clean : `${clean.slice(0, limit)}…`;
}

/** A JSON value as shown in a message. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  return shorten(JSON.stringify(value) ?? String(value), 80);
}

/** What JSON.parse found, which quotes the text around it. */
function syntaxProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return shorten(message.replaceAll('\n', ' '), 160).replace(/\.$/, '');
}
