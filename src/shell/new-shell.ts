import { Document, Scalar } from 'yaml';
import { InputError } from '../errors.js';
import type { ChatMessage } from '../model/types.js';
import type { ChatLog } from './chat-log.js';
import { FAMILIES } from './families.js';
import { escapeMarks } from './marks.js';
import { MAX_FILE_BYTES } from './source.js';
import { WHOLE_SHELLS } from './whole-shells.js';

export type Family = keyof typeof FAMILIES;

/** U+007F, which no shell file may hold as it is. */
const DELETE = '\u007f';
const MAX_TITLE = 120;

/** A whole shell of a family, in snippet syntax. */
export function familyShell(family: Family): string {
  return WHOLE_SHELLS.find((whole) => whole.family === family)!.text;
}

/** A shell that asks what a selected text goes on with, in snippet syntax. Throws InputError for a text that is empty or too long. */
export function selectionShell(selected: string, title: string): string {
  const prompt = selected.replaceAll('\r\n', '\n').trimEnd();
  if (prompt.trim() === '') throw new InputError('The selection is empty; select the text that the model shall read.');
  return shellText(title, { prompt: text(prompt) }, ' answer', null);
}

/**
 * A shell that asks a conversation's last reply of a model, in snippet syntax: the messages up to it are the prompt, its first word stands where the
 * answer goes. Throws InputError for a conversation with nothing to reply to.
 */
export function chatShell({ messages, field }: ChatLog, title: string): string {
  let end = messages.length;
  while (end > 0 && messages[end - 1]!.role === 'assistant') end--;
  if (end === 0) {
    throw new InputError(
      `The conversation${field === '' ? '' : ` \`${field}\``} has the assistant's messages alone; there is nothing to reply to.`,
    );
  }
  const reply = messages[end]?.content.trim() ?? '';
  const first = /^\S{1,40}/.exec(reply)?.[0].replace(/(?<=.)[.,;:!?]+$/, '') ?? 'answer';
  const prompt = messages.slice(0, end).map(({ role, content }: ChatMessage) => ({ role, content: text(content) }));
  return shellText(title, { prompt }, first, reply === '' ? null : reply);
}

/** A text that the model reads as it stands: what would be a mark in it is made inert. */
function text(content: string): Scalar {
  const scalar = new Scalar(escapeMarks(content));
  if (content.includes(DELETE)) scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

function shellText(title: string, prompt: Record<string, unknown>, answer: string, reply: string | null): string {
  const oneLine = (long: string, most: number): string =>
    long
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .slice(0, most);
  const body = new Document(prompt).toString({ lineWidth: 0 }).replaceAll(DELETE, '\\u007F');
  const said = reply === null ? '' : `# What the log has as the reply: ${literal(oneLine(reply, 160))}\n`;
  const whole = `format: 1
shell: \${1:my-shell}
title: ${literal(quoted(oneLine(title, MAX_TITLE) || 'A new shell'))}
family: \${2|${Object.keys(FAMILIES).join(',')}|}

${literal(body)}${said}# What the model should say next. Name its rivals too, or the model's own first choices are taken.
answer: \${3:${literal(quoted(answer))}}

run:
  - RECALL: {}
generate: { tokens: 24 }
$0`;
  const bytes = Buffer.byteLength(whole);
  if (bytes > MAX_FILE_BYTES) throw new InputError(`The shell would have ${bytes} bytes; a shell file holds at most ${MAX_FILE_BYTES}.`);
  return whole;
}

/** In double quotes, in YAML as in JSON. */
function quoted(value: string): string {
  return JSON.stringify(value).replaceAll(DELETE, '\\u007F');
}

/** A text that a snippet leaves as it is. */
function literal(value: string): string {
  return value.replace(/[\\$}]/g, '\\$&');
}
