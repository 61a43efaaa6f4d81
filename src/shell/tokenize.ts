import { InputError } from '../errors.js';
import type { EncodedToken, Tokenizer } from '../model/types.js';
import type { PreparedPrompt } from '../run/types.js';
import { fill } from './template.js';
import type { AnswerSpec, ChatPrompt, Prompt, PromptTemplate } from './types.js';

/** A prompt with what should and what may follow it. */
export interface PromptParts {
  prompt: PromptTemplate;
  answer: AnswerSpec;
  rivals: readonly AnswerSpec[] | null;
}

export interface PrepareOptions {
  label: PreparedPrompt['label'];
  /** What each `{{name}}` becomes; `values` of a combination of `expandVary`. */
  values?: Readonly<Record<string, string>>;
  /** Labels of the varied values, for the record; `vary` of the same combination. */
  vary?: Readonly<Record<string, string>>;
  /** The model's longest sequence and its vocabulary (rows of the embedding). */
  context: number;
  vocabSize: number;
}

/** Most tokens of an answer or a rival. */
const MAX_ANSWER_TOKENS = 256;

/**
 * Fills in and tokenises a prompt for a model. BOS is added to text if the model's tokenizer does so by default, to a conversation
 * and to ids never. A span becomes the range of tokens that overlap its text without the white space around it.
 *
 * An answer's ids are those that follow the prompt: encode(prompt + answer) without encode(prompt), where the prompt's tokens stay as they
 * are; so a tokenizer that puts a space in front of every text (SentencePiece, llama2.c) does not put one into the answer. Where the answer
 * would change the prompt's last tokens, it is encoded by itself, for the prompt is what the model has read; a note says so.
 *
 * Throws InputError for a prompt longer than the context, ids beyond the vocabulary, a span without a token, an empty answer.
 */
export function prepare(parts: PromptParts, tokenizer: Tokenizer, options: PrepareOptions): PreparedPrompt {
  const name = promptName(options);
  const prompt = fill(parts.prompt, options.values ?? {});
  const read = tokenizePrompt(prompt, tokenizer, name);
  const ids = read.tokens.map(({ id }) => id);
  if (ids.length === 0) throw new InputError(`${name} has no tokens.`, { field: options.label });
  if (ids.length > options.context) {
    throw new InputError(`${name} has ${ids.length} tokens, but the model's context holds ${options.context}.`, { field: options.label });
  }
  checkIds(ids, options.vocabSize, name);
  const notes: string[] = [];
  const specs = [parts.answer, ...(parts.rivals ?? [])];
  const following = followIds(specs, read);
  const [answered, ...rivals] = specs.map((spec, i) =>
    answer(spec, i === 0 ? 'The answer' : `Rival ${i}`, following.get(spec) ?? null, read, tokenizer, options, notes),
  );
  const prepared: PreparedPrompt = {
    label: options.label,
    vary: { ...options.vary },
    text: read.text,
    tokens: read.tokens,
    ids,
    bosAdded: read.bosAdded,
    spans: read.spans,
    answer: answered!,
    rivals,
  };
  checkRivals(prepared);
  prepared.rivals = onceEach(rivals, notes);
  if (notes.length > 0) prepared.notes = notes;
  return prepared;
}

function promptName({ label, vary = {} }: PrepareOptions): string {
  const at = Object.entries(vary).map(([name, value]) => `${name}=${value}`);
  const what = label === 'probe' ? 'The prompt' : label === 'control' ? 'The control' : 'The paraphrase';
  return at.length === 0 ? what : `${what} (${at.join(', ')})`;
}

interface ReadPrompt {
  text: string | null;
  tokens: EncodedToken[];
  bosAdded: boolean;
  spans: Record<string, [number, number]>;
  /** Encodes the prompt's text with each of these after it, the same way; null for ids. */
  extend: ((more: readonly string[]) => number[][]) | null;
}

function tokenizePrompt(prompt: Prompt, tokenizer: Tokenizer, name: string): ReadPrompt {
  if (prompt.kind === 'tokens') return tokenizeIds(prompt.tokens, prompt.spans, tokenizer);
  const { text, spans } = prompt.kind === 'text' ? prompt : renderChat(prompt, tokenizer);
  const addSpecial = prompt.kind === 'text';
  const tokens = tokenizer.encode(text, { addSpecial });
  const bosAdded = addSpecial && tokenizer.addsBos;
  return {
    text,
    tokens,
    bosAdded,
    spans: mapRecord(spans, (range, span) => tokenRange(text, tokens, range, span, name)),
    extend: (more) =>
      tokenizer
        .encodeAll(
          more.map((end) => text + end),
          { addSpecial },
        )
        .map((encoded) => encoded.map(({ id }) => id)),
  };
}

function tokenizeIds(ids: readonly number[], spans: Record<string, [number, number]>, tokenizer: Tokenizer): ReadPrompt {
  let at = 0;
  const tokens = ids.map((id): EncodedToken => {
    const text = tokenizer.token(id);
    const token = { id, text, start: at, end: at + text.length };
    at = token.end;
    return token;
  });
  return { text: null, tokens, bosAdded: false, spans: mapRecord(spans, (range) => [...range]), extend: null };
}

function mapRecord<T, U>(record: Record<string, T>, map: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

/**
 * Tokens that overlap the characters [start, end) of the text, white space at both ends not counted (a token such as ` red` holds the
 * space before its word).
 */
export function tokenRange(
  text: string,
  tokens: readonly EncodedToken[],
  range: readonly [number, number],
  span: string,
  prompt: string,
): [number, number] {
  const marked = text.slice(range[0], range[1]);
  const start = range[0] + (marked.length - marked.trimStart().length);
  const end = range[0] + marked.trimEnd().length;
  // A span of white space alone is what it is.
  const [from, to] = start < end ? [start, end] : range;
  let first = -1;
  let last = -1;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.start < to && token.end > from && token.end > token.start) {
      if (first === -1) first = i;
      last = i;
    }
  }
  if (first === -1)
    throw new InputError(`${prompt} marks the span "${span}", but no token lies in its text ${JSON.stringify(marked)}.`, { field: span });
  return [first, last + 1];
}

/** Private-use characters that stand at a span's ends while the template is applied. */
const OPEN = 0xe000;
const CLOSE = 0xe800;

/**
 * A conversation as the model reads it, with spans as ranges of the whole text: the ends are marked by characters that no text has, carried through
 * the template and taken out again. A template that looks at its messages' characters may treat these otherwise; then the span is an error.
 */
function renderChat(prompt: ChatPrompt, tokenizer: Tokenizer): { text: string; spans: Record<string, [number, number]> } {
  const text = tokenizer.renderChat(prompt.messages.map(({ role, content }) => ({ role, content })));
  const names = prompt.messages.flatMap(({ spans }) => Object.keys(spans));
  if (names.length === 0) return { text, spans: {} };
  const marks = freeMarks(text, names.length);
  let next = 0;
  const marked = tokenizer.renderChat(
    prompt.messages.map(({ role, content, spans }) => {
      const cuts = Object.values(spans).flatMap(([start, end]) => {
        const [open, close] = marks[next++]!;
        return [
          { at: start, order: 1, mark: open },
          { at: end, order: 0, mark: close },
        ];
      });
      cuts.sort((a, b) => b.at - a.at || b.order - a.order);
      return { role, content: cuts.reduce((whole, { at, mark }) => whole.slice(0, at) + mark + whole.slice(at), content) };
    }),
  );
  const lost = (name: string): InputError =>
    new InputError(`The span "${name}" cannot be followed through the model's chat template, which changes the messages it is given.`, {
      field: name,
    });
  const all = new Set(marks.flat());
  const plain = Array.from(marked, (character) => (all.has(character) ? '' : character)).join('');
  if (plain !== text) throw lost(names[0]!);
  const spans: Record<string, [number, number]> = {};
  const clean = (upTo: number): number => {
    let count = 0;
    for (let i = 0; i < upTo; i++) if (!all.has(marked[i]!)) count++;
    return count;
  };
  names.forEach((name, i) => {
    const [open, close] = marks[i]!;
    const start = marked.indexOf(open);
    const end = marked.indexOf(close);
    // A template that writes a message twice has no one place for the span.
    if (start === -1 || end === -1 || marked.indexOf(open, start + 1) !== -1) throw lost(name);
    spans[name] = [clean(start), clean(end)];
  });
  return { text, spans };
}

function freeMarks(text: string, count: number): [string, string][] {
  const marks: [string, string][] = [];
  for (let code = OPEN; code < CLOSE && marks.length < count; code++) {
    const pair: [string, string] = [String.fromCharCode(code), String.fromCharCode(code + CLOSE - OPEN)];
    if (!pair.some((mark) => text.includes(mark))) marks.push(pair);
  }
  if (marks.length < count) throw new InputError(`A conversation can have at most ${CLOSE - OPEN} spans.`);
  return marks;
}

/** Ids of the prompt and each text after it, all encoded together. */
function followIds(specs: readonly AnswerSpec[], read: ReadPrompt): Map<AnswerSpec, number[]> {
  const texts = specs.filter((spec) => spec.kind === 'text');
  const whole = read.extend?.(texts.map(({ text }) => text));
  return new Map(whole?.map((ids, i) => [texts[i]!, ids]));
}

function answer(
  spec: AnswerSpec,
  what: string,
  whole: readonly number[] | null,
  read: ReadPrompt,
  tokenizer: Tokenizer,
  options: PrepareOptions,
  notes: string[],
): { text: string; ids: number[] } {
  const ids = spec.kind === 'tokens' ? [...spec.tokens] : answerIds(spec.text, what, whole, read, tokenizer, notes);
  if (ids.length === 0) throw new InputError(`${what} has no tokens.`, { field: 'answer' });
  if (ids.length > MAX_ANSWER_TOKENS) {
    throw new InputError(`${what} has ${ids.length} tokens, more than the ${MAX_ANSWER_TOKENS} that an answer may have.`, {
      field: 'answer',
    });
  }
  checkIds(ids, options.vocabSize, what);
  const total = read.tokens.length + ids.length - 1;
  if (total > options.context) {
    throw new InputError(
      `${promptName(options)} and ${what.toLowerCase()} have ${total + 1} tokens together, but the model's context holds ${options.context}.`,
      { field: 'answer' },
    );
  }
  const text = spec.kind === 'text' ? spec.text : ids.map((id) => tokenizer.token(id)).join('');
  if (spec.kind === 'text' && ids.length > 1) {
    notes.push(
      `${what} ${JSON.stringify(text)} is ${ids.length} tokens (${ids.map((id) => JSON.stringify(tokenizer.token(id))).join(' ')}): the first is compared at every layer, the whole at the output.`,
    );
  }
  return { text, ids };
}

function answerIds(
  text: string,
  what: string,
  whole: readonly number[] | null,
  read: ReadPrompt,
  tokenizer: Tokenizer,
  notes: string[],
): number[] {
  const alone = (): number[] => tokenizer.encode(text, { addSpecial: false }).map(({ id }) => id);
  if (whole === null) return alone();
  if (whole.length > read.tokens.length && read.tokens.every(({ id }, i) => id === whole[i])) return whole.slice(read.tokens.length);
  notes.push(`${what} ${JSON.stringify(text)} would join the prompt's last token, so it is tokenised by itself.`);
  return alone();
}

function checkIds(ids: readonly number[], vocabSize: number, what: string): void {
  const wrong = ids.find((id) => id >= vocabSize);
  if (wrong !== undefined) throw new InputError(`${what} has the token id ${wrong}, but the model's vocabulary ends at ${vocabSize - 1}.`);
}

/** The rivals without those that are another again: one counted twice would compete with itself. */
function onceEach(rivals: PreparedPrompt['rivals'], notes: string[]): PreparedPrompt['rivals'] {
  return rivals.filter(({ text, ids }, i) => {
    const first = rivals.findIndex((other) => other.ids.join() === ids.join());
    if (first < i) notes.push(`Rival ${i + 1} ${JSON.stringify(text)} has the tokens of rival ${first + 1}, so it is left out.`);
    return first === i;
  });
}

/** A rival whose first token is the answer's cannot be told from it at the answer position. */
function checkRivals(prompt: PreparedPrompt): void {
  prompt.rivals.forEach((rival, i) => {
    if (rival.ids[0] === prompt.answer.ids[0]) {
      throw new InputError(
        `Rival ${i + 1} ${JSON.stringify(rival.text)} begins with the same token as the answer ${JSON.stringify(prompt.answer.text)}, so the two cannot be compared.`,
        { field: `rivals[${i}]` },
      );
    }
  });
}
