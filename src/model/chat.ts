import { Template } from '@huggingface/jinja';
import { InputError } from '../errors.js';
import { withTimeLimit } from './time-limit.js';
import type { ChatMessage } from './types.js';

/** A model's own chat template and what it may name. */
export interface ChatSource {
  template: string;
  /** The file it was found in, for messages. */
  file: string;
  /** `bos_token`, `eos_token` and the other named special tokens, as text. */
  tokens: Readonly<Record<string, string>>;
}

const RENDER_LIMIT_MS = 2_000;
const MAX_TEMPLATE = 1024 * 1024;
const MAX_RENDERED = 8 * 1024 * 1024;

export const DATE_NOTE = "The model's chat template writes today's date into every conversation, so results differ from day to day.";

const compiled = new WeakMap<ChatSource, Template>();

/**
 * A conversation as the model reads it, by its own Jinja template. As transformers' `apply_chat_template` does, `tools` and
 * `documents` are none, and the template may call `raise_exception` and `strftime_now` (today's date).
 */
export function renderTemplate(source: ChatSource, messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
  const fail = (reason: string): InputError => new InputError(reason, { file: source.file, field: 'chat_template' });
  const rendered = withTimeLimit(
    RENDER_LIMIT_MS,
    () => {
      try {
        return compile(source).render({
          ...source.tokens,
          messages: messages.map((message) => ({ role: message.role, content: message.content })),
          add_generation_prompt: addGenerationPrompt,
          tools: null,
          documents: null,
        });
      } catch (error) {
        throw fail(`The model's chat template does not take these messages: ${oneLine((error as Error).message)}`);
      }
    },
    () => fail(`The model's chat template took more than ${RENDER_LIMIT_MS / 1000} s.`),
  );
  if (rendered.length > MAX_RENDERED) throw fail(`The model's chat template made ${rendered.length} characters of these messages.`);
  return rendered;
}

function compile(source: ChatSource): Template {
  let template = compiled.get(source);
  if (template === undefined) {
    if (source.template.length > MAX_TEMPLATE) throw new Error(`it has ${source.template.length} characters, more than ${MAX_TEMPLATE}`);
    template = new Template(source.template);
    if (losesText(template.parsed.body)) {
      throw new Error('it leaves a turn of a loop (break or continue) in which it has written something, which is not understood');
    }
    compiled.set(source, template);
  }
  return template;
}

/** A statement or expression of the library's tree, as far as it is looked at. */
interface Node {
  type: string;
  body?: Node[];
  alternate?: Node[];
  value?: unknown;
  callee?: Node;
}

/** Whether a loop is left behind text of the same turn: the library drops that text, Jinja keeps it. */
function losesText(body: readonly Node[]): boolean {
  let lost = false;
  /** Whether anything may have been written at the end of `nodes`. */
  const walk = (nodes: readonly Node[], before: boolean): boolean => {
    let written = before;
    for (const node of nodes) {
      if (node.type === 'Break' || node.type === 'Continue') lost ||= written;
      else if (node.type === 'If') {
        const [yes, no] = [walk(node.body ?? [], written), walk(node.alternate ?? [], written)];
        written = yes || no;
      } else if (node.type === 'For' || node.type === 'Macro') {
        const inside = walk(node.body ?? [], false);
        written ||= inside && node.type === 'For';
      } else if (!isSilent(node)) written = true;
    }
    return written;
  };
  walk(body, false);
  return lost;
}

const isSilent = ({ type, value, callee }: Node): boolean =>
  type === 'Set' || type === 'Comment' || (type === 'StringLiteral' && value === '') || callee?.value === 'raise_exception';

/** True for a template whose text depends on the day it is rendered. */
export function writesDate(template: string): boolean {
  return template.includes('strftime_now');
}

/** The template among what a tokenizer_config.json may hold: a string, or a list of `{name, template}` of which `default` is taken. */
export function pickTemplate(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value.filter(
    (entry): entry is { name: string; template: string } =>
      typeof entry === 'object' &&
      entry !== null &&
      typeof (entry as { name?: unknown }).name === 'string' &&
      typeof (entry as { template?: unknown }).template === 'string',
  );
  return (named.find((entry) => entry.name === 'default') ?? (named.length === 1 ? named[0] : undefined))?.template ?? null;
}

function oneLine(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim().slice(0, 300);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
