/**
 * The marks in a prompt: `[[name|text]]` names a span, `{{name}}` is filled in. A backslash before `[[`, `]]`, `{{` or `}}` makes
 * these characters themselves; two backslashes there make one. Anywhere else a backslash is a backslash.
 */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'placeholder'; name: string; offset: number; length: number }
  | { kind: 'span'; name: string; pieces: Exclude<Piece, { kind: 'span' }>[]; offset: number };

/** What is wrong with a marked text and where: offset and length in UTF-16 units of the text as written. */
export interface MarkProblem {
  message: string;
  offset: number;
  length: number;
}

export interface Marked {
  pieces: Piece[];
  problems: MarkProblem[];
}

/** Names of spans, of `vary` and of `let`. */
export const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
export const NAME_RULE = 'a letter followed by letters, digits, - or _';

const MAX_PROBLEMS = 20;
const DELIMITERS = ['[[', ']]', '{{', '}}'] as const;

/** Reads the marks of a text. Everything wrong is listed; the pieces are then what could be made of it. */
export function readMarks(text: string): Marked {
  return new MarkReader(text).read();
}

/** Text with its marks made inert, so that it is read as it is. */
export function escapeMarks(text: string): string {
  return text.replace(/(\\*)(\[\[|\]\]|\{\{|\}\})/g, (_, slashes: string, mark: string) => `${slashes}${slashes}\\${mark}`);
}

class MarkReader {
  private at = 0;
  private readonly pieces: Piece[] = [];
  private readonly problems: MarkProblem[] = [];
  private span: Extract<Piece, { kind: 'span' }> | null = null;

  constructor(private readonly text: string) {}

  read(): Marked {
    while (this.at < this.text.length && this.problems.length < MAX_PROBLEMS) this.step();
    if (this.span !== null && this.problems.length < MAX_PROBLEMS) {
      this.problem(`The span "${this.span.name}" is never closed; end it with ]].`, this.span.offset, this.span.name.length + 3);
      this.pieces.push(this.span);
    }
    return { pieces: this.pieces, problems: this.problems };
  }

  private step(): void {
    const { text } = this;
    const next = nextMark(text, this.at);
    if (next === -1) {
      this.put(text.slice(this.at));
      this.at = text.length;
      return;
    }
    let slashes = next;
    while (slashes > this.at && text[slashes - 1] === '\\') slashes--;
    const count = next - slashes;
    this.put(text.slice(this.at, slashes) + '\\'.repeat(count >> 1));
    const mark = text.slice(next, next + 2);
    this.at = next + 2;
    if (count % 2 === 1) this.put(mark);
    else if (mark === '[[') this.open(next);
    else if (mark === ']]') this.close();
    else if (mark === '{{') this.placeholder(next);
    else this.put(mark);
  }

  private open(offset: number): void {
    const { text } = this;
    const head = /^([^|\]\n]*)(\|?)/.exec(text.slice(this.at, this.at + 200))!;
    const name = head[1]!.trim();
    if (this.span !== null) {
      this.problem(
        `The span "${this.span.name}" holds another span; close it with ]] first, or write \\[[ for the characters themselves.`,
        offset,
        2,
      );
      this.put('[[');
      return;
    }
    if (head[2] === '') {
      this.problem('A span is written [[name|text]], and a literal [[ as \\[[.', offset, 2 + head[1]!.length);
      this.put('[[');
      return;
    }
    if (!NAME.test(name)) {
      const what = name === '' ? 'This span has no name' : `"${name.slice(0, 64)}" cannot name a span`;
      this.problem(`${what}; a name is ${NAME_RULE}.`, offset, 2 + head[1]!.length);
    }
    this.span = { kind: 'span', name, pieces: [], offset };
    this.at += head[0].length;
  }

  private close(): void {
    if (this.span === null) {
      this.put(']]');
      return;
    }
    if (this.span.pieces.length === 0) {
      this.problem(`The span "${this.span.name}" marks no text.`, this.span.offset, this.at - this.span.offset);
    }
    this.pieces.push(this.span);
    this.span = null;
  }

  private placeholder(offset: number): void {
    const match = /^\s*([^{}\n]*?)\s*\}\}/.exec(this.text.slice(this.at, this.at + 200));
    if (match === null) {
      this.problem('A placeholder is written {{name}}, and a literal {{ as \\{{.', offset, 2);
      this.put('{{');
      return;
    }
    const name = match[1]!;
    const length = 2 + match[0].length;
    this.at += match[0].length;
    if (!NAME.test(name)) {
      const what = name === '' ? 'This placeholder has no name' : `"${name.slice(0, 64)}" cannot name a placeholder`;
      this.problem(`${what}; a name is ${NAME_RULE}, and a literal {{ is written \\{{.`, offset, length);
      return;
    }
    (this.span?.pieces ?? this.pieces).push({ kind: 'placeholder', name, offset, length });
  }

  private put(text: string): void {
    if (text === '') return;
    const list = this.span?.pieces ?? this.pieces;
    const last = list.at(-1);
    if (last?.kind === 'text') last.text += text;
    else list.push({ kind: 'text', text });
  }

  private problem(message: string, offset: number, length: number): void {
    this.problems.push({ message, offset, length });
  }
}

function nextMark(text: string, from: number): number {
  let best = -1;
  for (const mark of DELIMITERS) {
    const found = text.indexOf(mark, from);
    if (found !== -1 && (best === -1 || found < best)) best = found;
  }
  return best;
}
