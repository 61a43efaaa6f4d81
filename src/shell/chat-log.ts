import { basename } from 'node:path';
import { InputError } from '../errors.js';
import type { ChatMessage } from '../model/types.js';

/** One conversation of a log. */
export interface ChatLog {
  messages: ChatMessage[];
  /** Where in the file: `[2].messages`; empty for the whole. */
  field: string;
}

/** Largest log that is read, in bytes or UTF-16 units. */
export const MAX_LOG = 8 * 1024 * 1024;
const MAX_LOGS = 1000;
const MAX_DEPTH = 8;
const MAX_MESSAGES = 1000;
const MAX_ROLE = 64;

const FORM = 'a chat log is a list of {"role", "content"}, or holds such a list as "messages"';

/**
 * The conversations of a log in JSON or JSON Lines: OpenAI's `[{role, content}, …]`, by itself or under `messages` anywhere in the file. Text parts
 * of a content are joined. Throws InputError, in one sentence with file, line or field, for what is no such log.
 *
 * @param file For messages.
 */
export function readChatLogs(text: string, file: string): ChatLog[] {
  const name = basename(file);
  if (text.length > MAX_LOG)
    throw new InputError(`${name} has ${text.length} characters; a chat log of at most ${MAX_LOG} is read.`, { file });
  if (text.trim() === '') throw new InputError(`${name} is empty; ${FORM}.`, { file });
  const logs: ChatLog[] = [];
  find(parseJson(text.replace(/^\uFEFF/, ''), file), '', 0, logs, file);
  if (logs.length === 0) throw new InputError(`${name} holds no conversation; ${FORM}.`, { file });
  return logs;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const lines = text.split('\n');
    const filled = lines.flatMap((line, i) => (line.trim() === '' ? [] : [{ line, number: i + 1 }]));
    // JSON Lines: each line is a value, and the first says so.
    if (filled.length > 1 && parses(filled[0]!.line)) {
      return filled.map(({ line, number }) => {
        if (!parses(line)) throw new InputError(`Line ${number} of ${basename(file)} is not JSON.`, { file, line: number, column: 1 });
        return JSON.parse(line) as unknown;
      });
    }
    const why = error instanceof Error ? error.message.replace(/\s+/g, ' ').slice(0, 160) : String(error);
    throw new InputError(`${basename(file)} is not JSON: ${why.replace(/\.$/, '')}.`, { file });
  }
}

function parses(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function find(value: unknown, field: string, depth: number, logs: ChatLog[], file: string): void {
  if (depth > MAX_DEPTH || logs.length >= MAX_LOGS) return;
  if (Array.isArray(value)) {
    if (isObject(value[0]) && 'role' in value[0]) logs.push({ messages: messagesOf(value, field, file), field });
    else value.forEach((inner, i) => find(inner, `${field}[${i}]`, depth + 1, logs, file));
    return;
  }
  if (!isObject(value)) return;
  const named = value['messages'];
  if (named !== undefined && !Array.isArray(named)) {
    throw new InputError(
      `\`${join(field, 'messages')}\` of ${basename(file)} must be a list of {"role", "content"}, not ${nameOf(named)}.`,
      { file },
    );
  }
  if (Array.isArray(named) && named.length > 0) find(named, join(field, 'messages'), depth + 1, logs, file);
  else for (const [key, inner] of Object.entries(value)) find(inner, join(field, key), depth + 1, logs, file);
}

const join = (field: string, key: string): string => (field === '' ? key : `${field}.${key}`);

function messagesOf(list: readonly unknown[], field: string, file: string): ChatMessage[] {
  const fail = (i: number, what: string): InputError =>
    new InputError(`Message ${i + 1}${field === '' ? '' : ` of \`${field}\``} in ${basename(file)} ${what}.`, {
      file,
      field: `${field}[${i}]`,
    });
  if (list.length > MAX_MESSAGES) {
    throw new InputError(`${basename(file)} has a conversation of ${list.length} messages; a shell holds at most ${MAX_MESSAGES}.`, {
      file,
      field,
    });
  }
  return list.map((message, i) => {
    if (!isObject(message)) throw fail(i, `is ${nameOf(message)}, not {"role", "content"}`);
    const { role } = message;
    if (typeof role !== 'string' || role === '' || role.length > MAX_ROLE) throw fail(i, 'has no `role` such as "user"');
    const content = textOf(message['content']);
    if (content === null) {
      throw fail(
        i,
        `has ${'content' in message ? `a \`content\` that is ${contentName(message['content'])}` : 'no `content`'}; a shell holds text alone`,
      );
    }
    return { role, content: content.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD') };
  });
}

/** A content's text: a string, or parts that are all text. */
function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.length === 0) return null;
  const parts = content.map((part: unknown) =>
    typeof part === 'string' ? part : isObject(part) && typeof part['text'] === 'string' ? part['text'] : null,
  );
  return parts.includes(null) ? null : parts.join('');
}

function contentName(content: unknown): string {
  if (!Array.isArray(content)) return nameOf(content);
  const other = content.find(
    (part: unknown) => !(typeof part === 'string' || (isObject(part) && typeof part['text'] === 'string')),
  ) as unknown;
  return isObject(other) && typeof other['type'] === 'string' ? `of type ${JSON.stringify(other['type'].slice(0, 40))}` : nameOf(content);
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
