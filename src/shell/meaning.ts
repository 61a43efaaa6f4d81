import { readMarks } from './marks.js';
import type { MarkProblem, Piece } from './marks.js';
import { keyRange, rangeOf } from './problems.js';
import type { CommandInfo } from './schema.js';
import { pathText } from './source.js';
import type { Path, Source, Findings } from './source.js';
import { suggestion } from './suggest.js';
import { MAX_COMBINATIONS, MAX_FILLED, MAX_STEPS } from './template.js';
import type { PromptTemplate, Range, Shell } from './types.js';

const MAX_VARY_TOTAL = 16 * 1024 * 1024;

/** What a schema cannot say: marks, names, and what must exist elsewhere in the file. */
export function checkMeaning(findings: Findings, source: Source, shell: Shell, commands: readonly CommandInfo[]): void {
  new MeaningChecker(findings, source, shell, commands).check();
}

/** The marks of one text of the file, once read. */
interface Text {
  path: Path;
  written: string;
  pieces: Piece[];
  /** Names it fills in, in order, with repeats. */
  uses: { name: string; offset: number; length: number; inSpan: string | null }[];
  /** Spans it marks itself. */
  spans: { name: string; offset: number }[];
}

class MeaningChecker {
  /** Texts behind each name that can be filled in. */
  private readonly names = new Map<string, Text[]>();
  private readonly used = new Set<string>();
  private marksFailed = false;
  private readonly spans = new Map<string, Set<string>>();
  private readonly sizes = new Map<string, { length: number; steps: number }>();

  constructor(
    private readonly findings: Findings,
    private readonly source: Source,
    private readonly shell: Shell,
    private readonly commands: readonly CommandInfo[],
  ) {}

  check(): void {
    this.checkValues();
    for (const texts of this.names.values()) for (const text of texts) this.checkUses(text);
    if (!this.findings.failed) this.checkCycles();
    if (!this.findings.failed) for (const texts of this.names.values()) for (const text of texts) this.checkSpans(text, new Set());
    const { shell } = this;
    const prompt = this.checkPrompt(shell.prompt, ['prompt']);
    const control = shell.control === null ? null : this.checkPrompt(shell.control, ['control']);
    shell.paraphrases.forEach((paraphrase, i) => {
      const nested = keyRange(this.source, ['paraphrases', i, 'prompt']) !== undefined;
      this.checkPrompt(paraphrase.prompt, nested ? ['paraphrases', i, 'prompt'] : ['paraphrases', i]);
    });
    this.checkUnused();
    // A mark that is wrong would make its span unknown as well.
    if (!this.marksFailed) this.checkSpanParameters(prompt, control);
    this.checkExpectations();
  }

  /** Values of `let` and `vary`: their marks, labels and sizes. */
  private checkValues(): void {
    const { shell } = this;
    for (const [name, value] of Object.entries(shell.let)) this.names.set(name, [this.text(value, ['let', name])]);
    let runs = 1;
    let total = 0;
    for (const { name, values } of shell.vary) {
      if (Object.hasOwn(shell.let, name)) {
        this.error(['vary', name], `"${name}" is a name of both let and vary; it can be of one only.`, true);
      }
      runs *= values.length;
      const labels = new Set<string>();
      const texts: Text[] = [];
      for (const [i, { label, text }] of values.entries()) {
        const path = this.valuePath(name, i, label);
        if (labels.has(label)) this.error(path, `Two values of vary.${name} are called "${label}"; each needs a name or text of its own.`);
        labels.add(label);
        if (text.length > MAX_FILLED) this.error(path, `This value of vary.${name} has more than ${MAX_FILLED} characters.`);
        else texts.push(this.text(text, path));
        total += text.length;
      }
      this.names.set(name, texts);
    }
    if (runs > MAX_COMBINATIONS)
      this.error(['vary'], `The values of vary make ${runs} runs, more than the ${MAX_COMBINATIONS} that one shell may have.`, true);
    if (total > MAX_VARY_TOTAL)
      this.error(['vary'], `The values of vary have ${total} characters together, more than ${MAX_VARY_TOTAL}.`, true);
  }

  private valuePath(name: string, i: number, label: string): Path {
    const base: Path = ['vary', name];
    if (keyRange(this.source, [...base, 'times']) !== undefined) return [...base, 'times', i];
    return keyRange(this.source, [...base, label]) !== undefined ? [...base, label] : [...base, i];
  }

  private text(written: string, path: Path): Text {
    const { pieces, problems } = readMarks(written);
    if (problems.length > 0) this.marksFailed = true;
    for (const problem of problems) this.mark(path, written, problem);
    const text: Text = { path, written, pieces, uses: [], spans: [] };
    for (const piece of pieces) {
      if (piece.kind === 'placeholder') text.uses.push({ ...piece, inSpan: null });
      else if (piece.kind === 'span') {
        text.spans.push(piece);
        for (const inner of piece.pieces) if (inner.kind === 'placeholder') text.uses.push({ ...inner, inSpan: piece.name });
      }
    }
    return text;
  }

  private checkUses(text: Text): void {
    for (const { name, offset, length } of text.uses) {
      this.used.add(name);
      if (this.names.has(name) || this.findings.full) continue;
      const known = [...this.names.keys()];
      const { text: hint, replacement } =
        known.length === 0
          ? { text: 'define it under vary or let, or write \\{{ for the characters themselves.', replacement: undefined }
          : suggestion(name, known);
      const message = `{{${name}}} is filled by neither vary nor let; ${hint}`;
      this.mark(text.path, text.written, { message, offset, length }, replacement && `{{${replacement}}}`);
    }
  }

  private checkCycles(): void {
    const state = new Map<string, 'open' | 'done'>();
    const visit = (name: string, trail: readonly string[]): void => {
      if (state.get(name) === 'done') return;
      state.set(name, 'open');
      for (const text of this.names.get(name) ?? []) {
        for (const use of text.uses) {
          const next = use.name;
          if (state.get(next) === 'open') {
            const loop = [...trail.slice(trail.indexOf(next)), next].join(' → ');
            this.mark(text.path, text.written, {
              message: `{{${next}}} leads back to itself (${loop}).`,
              offset: use.offset,
              length: use.length,
            });
          } else {
            visit(next, [...trail, next]);
          }
        }
      }
      state.set(name, 'done');
    };
    for (const name of this.names.keys()) visit(name, [name]);
  }

  /** Names of the spans that a prompt can have, its values' included. */
  private checkPrompt(prompt: PromptTemplate, path: Path): Set<string> {
    const { source } = prompt;
    if (source.kind === 'tokens') {
      for (const [name, [start, end]] of Object.entries(source.spans)) {
        const place = [...path, 'spans', name];
        if (start >= end) this.error(place, `The span "${name}" is empty: it goes from token ${start} to ${end}, the second not included.`);
        else if (end > source.tokens.length) {
          this.error(place, `The span "${name}" ends at token ${end}, but there are ${source.tokens.length} tokens.`);
        }
      }
      return new Set(Object.keys(source.spans));
    }
    const texts =
      source.kind === 'text'
        ? [this.text(source.text, path)]
        : source.messages.map(({ content }, i) => this.text(content, [...path, i, 'content']));
    const seen = new Set<string>();
    for (const text of texts) {
      this.checkUses(text);
      this.checkSpans(text, seen);
      this.checkSize(text);
    }
    return seen;
  }

  /** Each span once: those that a text marks itself and those that its values bring. */
  private checkSpans(text: Text, seen: Set<string>): void {
    const add = (name: string, place: { offset: number; length: number }, from: string): void => {
      if (seen.has(name)) {
        this.mark(text.path, text.written, {
          ...place,
          message: `The span "${name}" is marked twice${from}; each span of a prompt needs a name of its own.`,
        });
      }
      seen.add(name);
    };
    const marks = [...text.spans.map((span) => ({ span, use: null })), ...text.uses.map((use) => ({ span: null, use }))];
    marks.sort((a, b) => (a.span ?? a.use)!.offset - (b.span ?? b.use)!.offset);
    for (const { span, use } of marks) {
      if (span !== null) add(span.name, { offset: span.offset, length: span.name.length + 3 }, '');
      if (use === null) continue;
      const brought = this.spansOf(use.name);
      if (brought.size > 0 && use.inSpan !== null) {
        this.mark(text.path, text.written, {
          ...use,
          message: `{{${use.name}}} brings a span into the span "${use.inSpan}"; spans cannot be nested.`,
        });
      }
      for (const name of brought) add(name, use, `, here by {{${use.name}}}`);
    }
  }

  /** Spans that a name can bring: of any of its values and of what these are filled with. */
  private spansOf(name: string): ReadonlySet<string> {
    const known = this.spans.get(name);
    if (known !== undefined) return known;
    const all = new Set<string>();
    // Set before going deeper: a name that leads back to itself is told elsewhere and must not recurse here.
    this.spans.set(name, all);
    for (const text of this.names.get(name) ?? []) {
      for (const span of text.spans) all.add(span.name);
      for (const use of text.uses) for (const span of this.spansOf(use.name)) all.add(span);
    }
    return all;
  }

  /** Names can multiply each other; how large a text becomes at most is reckoned without building it. */
  private checkSize(text: Text): void {
    if (this.findings.failed) return;
    const { length, steps } = this.sizeOf(text);
    if (length > MAX_FILLED) this.error(text.path, `This becomes ${length} characters once filled in, more than ${MAX_FILLED}.`);
    else if (steps > MAX_STEPS) this.error(text.path, `This takes ${steps} replacements to fill in, more than ${MAX_STEPS}.`);
  }

  private sizeOf(text: Text): { length: number; steps: number } {
    const size = { length: text.written.length, steps: text.spans.length };
    for (const use of text.uses) {
      const inner = this.sizeOfName(use.name);
      size.length += inner.length - use.length;
      size.steps += inner.steps + 1;
    }
    return size;
  }

  private sizeOfName(name: string): { length: number; steps: number } {
    let size = this.sizes.get(name);
    if (size === undefined) {
      size = { length: 0, steps: 0 };
      for (const text of this.names.get(name) ?? []) {
        const own = this.sizeOf(text);
        size.length = Math.max(size.length, own.length);
        size.steps = Math.max(size.steps, own.steps);
      }
      this.sizes.set(name, size);
    }
    return size;
  }

  private checkUnused(): void {
    const { shell } = this;
    for (const { name } of shell.vary) {
      if (this.used.has(name)) continue;
      const tokens = shell.prompt.source.kind === 'tokens';
      const why = tokens ? 'the prompt is given as token ids, which nothing is filled into' : `no prompt holds {{${name}}}`;
      this.findings.add(
        'warning',
        keyRange(this.source, ['vary', name]) ?? rangeOf(this.source, ['vary']),
        `vary.${name} changes nothing: ${why}.`,
        {
          field: `vary.${name}`,
        },
      );
    }
    for (const name of Object.keys(shell.let)) {
      if (this.used.has(name)) continue;
      this.findings.add('warning', keyRange(this.source, ['let', name]) ?? rangeOf(this.source, ['let']), `let.${name} is never used.`, {
        field: `let.${name}`,
      });
    }
  }

  private checkSpanParameters(prompt: ReadonlySet<string>, control: ReadonlySet<string> | null): void {
    this.shell.run.forEach((call, i) => {
      const command = this.commands.find(({ name }) => name === call.name);
      const properties = (command?.params['properties'] ?? {}) as Record<string, Record<string, unknown>>;
      for (const [key, schema] of Object.entries(properties)) {
        for (const span of spanValues(schema, call.params[key])) this.checkSpanName(span, ['run', i, call.name, key], prompt, control);
      }
    });
  }

  private checkSpanName(span: string, path: Path, prompt: ReadonlySet<string>, control: ReadonlySet<string> | null): void {
    if (!prompt.has(span)) {
      const known = [...prompt];
      const { text, replacement } =
        known.length === 0 ? { text: `mark one in the prompt as [[${span}|…]].`, replacement: undefined } : suggestion(span, known);
      this.findings.error(rangeOf(this.source, path), `The prompt has no span "${span}"; ${text}`, {
        field: pathText(path),
        suggestion: replacement,
      });
    } else if (control !== null && !control.has(span)) {
      const message = `The control has no span "${span}", so what is measured at it cannot be compared with the control.`;
      this.findings.add('information', rangeOf(this.source, path), message, { field: pathText(path) });
    }
  }

  private checkExpectations(): void {
    this.shell.expect.forEach(({ path, want }, i) => {
      const place: Path = ['expect', i, path];
      const [head] = path.split('.');
      const called = this.shell.run.some(({ name }) => name === head);
      if (this.commands.some(({ name }) => name === head) && !called) {
        this.error(place, `${path} can only be expected if \`run\` has ${head!}.`, true);
      }
      if (path === 'drop' && this.shell.control === null) {
        this.error(place, 'drop compares the prompt with its control, so the shell needs a `control`.', true);
      }
      if (path === 'density.share' && this.shell.vary.length === 0 && this.shell.paraphrases.length === 0) {
        this.error(
          place,
          'density.share is the share of varied and paraphrased runs that fail, so the shell needs `vary` or `paraphrases`.',
          true,
        );
      }
      if (typeof want === 'object' && want.between && want.between[0] > want.between[1]) {
        this.error([...place, 'between'], `between: [${want.between.join(', ')}] holds nothing, for its first number is the greater.`);
      }
    });
  }

  private error(path: Path, message: string, atKey = false): void {
    const range = (atKey ? keyRange(this.source, path) : undefined) ?? rangeOf(this.source, path);
    this.findings.error(range, message, { field: pathText(path) });
  }

  /** A finding inside a text of the file. */
  private mark(path: Path, written: string, problem: MarkProblem, replacement?: string): void {
    if (this.findings.full) return;
    const range = rangeOf(this.source, path);
    const place = locate(this.findings.text, range, written, problem);
    // Where only the whole value could be found, a replacement would replace too much.
    const exact = place.end - place.start === problem.length;
    this.findings.error(place, problem.message, { field: pathText(path), ...(exact ? { suggestion: replacement } : {}) });
  }
}

/** The span names in a parameter: of one marked `x-span`, or of a list whose items are. */
function spanValues(schema: Record<string, unknown>, value: unknown): string[] {
  if (schema['x-span'] === true) return [value].flat().filter((one): one is string => typeof one === 'string');
  const items = schema['items'] as Record<string, unknown> | undefined;
  if (items?.['x-span'] === true && Array.isArray(value)) return value.filter((one): one is string => typeof one === 'string');
  return [];
}

/**
 * Where a piece of a decoded text stands in the file. YAML's block and quoted styles drop indentation and escapes, so the piece is looked
 * for by its own characters and its place among equal ones; where that fails, the whole value is meant.
 */
function locate(file: string, range: Range, written: string, { offset, length }: { offset: number; length: number }): Range {
  const line = /^[^\n]*/.exec(written.slice(offset, offset + Math.max(2, Math.min(length, 80))))![0];
  if (line === '') return range;
  let nth = 0;
  for (let at = written.indexOf(line); at !== -1 && at < offset && nth < 10_000; at = written.indexOf(line, at + 1)) nth++;
  let at = range.start - 1;
  for (let i = 0; i <= nth; i++) {
    at = file.indexOf(line, at + 1);
    if (at === -1 || at >= range.end) return range;
  }
  return { start: at, end: at + line.length };
}
