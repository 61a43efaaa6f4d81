import { InputError } from '../errors.js';
import { readMarks } from './marks.js';
import type { Piece } from './marks.js';
import type { MarkedText, Prompt, PromptTemplate, Shell } from './types.js';

/** Longest text that a prompt may become, in UTF-16 units, and most runs of one shell. */
export const MAX_FILLED = 1024 * 1024;
export const MAX_COMBINATIONS = 1000;

/** Most placeholders and spans that are filled in for one prompt: names can multiply each other without adding a character. */
export const MAX_STEPS = 100_000;

/** One run's values: what each `{{name}}` becomes (as written, marks included) and how the run is called. */
export interface VaryCombination {
  /** By name, of `let` and `vary` both; `fill` takes these. */
  values: Record<string, string>;
  /** Labels of the `vary` values alone, by name: `{ walk: '40' }`. */
  vary: Record<string, string>;
  /** `walk=40`, with several names `walk=40,colour=red`; empty without `vary`. */
  label: string;
  /** Place on the x axis: the number of the one varied name, else null. */
  x: number | null;
}

/** Every combination of the shell's `vary` values, in the order written, the last name fastest. One with nothing varied without `vary`. */
export function expandVary(shell: Pick<Shell, 'vary' | 'let'>): VaryCombination[] {
  const total = shell.vary.reduce((product, { values }) => product * values.length, 1);
  if (total > MAX_COMBINATIONS) {
    throw new InputError(`The values of vary make ${total} runs, more than the ${MAX_COMBINATIONS} that one shell may have.`, {
      field: 'vary',
    });
  }
  let rows: VaryCombination[] = [{ values: { ...shell.let }, vary: {}, label: '', x: null }];
  for (const { name, values } of shell.vary) {
    rows = rows.flatMap((row) =>
      values.map((value) => ({
        values: { ...row.values, [name]: value.text },
        vary: { ...row.vary, [name]: value.label },
        label: `${row.label}${row.label === '' ? '' : ','}${name}=${value.label}`,
        x: shell.vary.length === 1 ? value.x : null,
      })),
    );
  }
  return rows;
}

/**
 * A prompt with every `{{name}}` filled in and its spans read off. White space is kept as it is written. Values may hold marks and
 * placeholders themselves. Throws InputError for an unknown name, names that lead back to themselves, a span marked twice or inside
 * another, and a text above 1 MiB.
 */
export function fill(template: PromptTemplate, values: Readonly<Record<string, string>>): Prompt {
  const { source } = template;
  switch (source.kind) {
    case 'text':
      return fillText(source.text, values);
    case 'tokens':
      return { kind: 'tokens', tokens: [...source.tokens], spans: { ...source.spans } };
    case 'chat': {
      const seen = new Set<string>();
      return {
        kind: 'chat',
        messages: source.messages.map(({ role, content }) => {
          const { text, spans } = fillText(content, values);
          for (const name of Object.keys(spans)) {
            if (seen.has(name)) throw twice(name);
            seen.add(name);
          }
          return { role, content: text, spans };
        }),
      };
    }
  }
}

function twice(name: string): InputError {
  return new InputError(`The span "${name}" is marked twice in one prompt; each span needs a name of its own.`, { field: name });
}

/** `fill` for a text alone. */
export function fillText(written: string, values: Readonly<Record<string, string>>): MarkedText {
  const filler = new Filler(values);
  filler.check(written);
  filler.write(written);
  return { kind: 'text', text: filler.text.join(''), spans: filler.spans };
}

interface Size {
  length: number;
  steps: number;
}

class Filler {
  readonly text: string[] = [];
  readonly spans: Record<string, [number, number]> = {};
  private length = 0;
  private span: string | null = null;
  private readonly read = new Map<string, Piece[]>();
  private readonly sizes = new Map<string, Size>();

  constructor(private readonly values: Readonly<Record<string, string>>) {}

  /** Measures before anything is built, so that names that multiply each other cannot make a giant. */
  check(written: string): void {
    const { length, steps } = this.measure(this.pieces(written), []);
    if (length > MAX_FILLED) {
      throw new InputError(`The prompt becomes ${length} characters once filled in, more than ${MAX_FILLED}.`);
    }
    if (steps > MAX_STEPS) throw new InputError(`The prompt takes ${steps} replacements to fill in, more than ${MAX_STEPS}.`);
  }

  write(written: string): void {
    this.put(this.pieces(written));
  }

  private put(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      if (piece.kind === 'text') {
        this.text.push(piece.text);
        this.length += piece.text.length;
      } else if (piece.kind === 'placeholder') {
        this.put(this.pieces(this.values[piece.name]!));
      } else {
        if (this.span !== null) {
          throw new InputError(`The span "${this.span}" holds the span "${piece.name}" once filled in; spans cannot be nested.`, {
            field: piece.name,
          });
        }
        if (Object.hasOwn(this.spans, piece.name)) throw twice(piece.name);
        const start = this.length;
        this.span = piece.name;
        this.put(piece.pieces);
        this.span = null;
        this.spans[piece.name] = [start, this.length];
      }
    }
  }

  private measure(pieces: readonly Piece[], path: readonly string[]): Size {
    const size = { length: 0, steps: 0 };
    for (const piece of pieces) {
      if (piece.kind === 'text') {
        size.length += piece.text.length;
        continue;
      }
      const inner = piece.kind === 'span' ? this.measure(piece.pieces, path) : this.measureName(piece.name, path);
      size.length += inner.length;
      size.steps += inner.steps + 1;
    }
    return size;
  }

  private measureName(name: string, path: readonly string[]): Size {
    const known = this.sizes.get(name);
    if (known !== undefined) return known;
    if (!Object.hasOwn(this.values, name)) throw new InputError(`{{${name}}} is filled by neither vary nor let.`, { field: name });
    if (path.includes(name)) {
      const loop = [...path.slice(path.indexOf(name)), name].join(' → ');
      throw new InputError(`{{${name}}} leads back to itself (${loop}).`, { field: name });
    }
    const size = this.measure(this.pieces(this.values[name]!), [...path, name]);
    this.sizes.set(name, size);
    return size;
  }

  private pieces(written: string): Piece[] {
    let pieces = this.read.get(written);
    if (pieces === undefined) {
      const marked = readMarks(written);
      const [problem] = marked.problems;
      if (problem) throw new InputError(problem.message);
      pieces = marked.pieces;
      this.read.set(written, pieces);
    }
    return pieces;
  }
}
