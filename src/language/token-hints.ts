import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node, Scalar } from 'yaml';
import { InputError } from '../errors.js';
import type { Tokenizer } from '../model/types.js';
import type { PreparedPrompt } from '../run/types.js';
import { parseShell } from '../shell/parse.js';
import { parseUnfinished } from '../shell/source.js';
import type { Path } from '../shell/source.js';
import { expandVary } from '../shell/template.js';
import { prepare } from '../shell/tokenize.js';
import type { AnswerSpec, PromptTemplate, Shell } from '../shell/types.js';
import { fillWithOrigins, placeInFile } from './origins.js';
import { scalarPlaces } from './scalar-text.js';

/** What an editor shows in a shell's text without changing it. */
export interface TokenHint {
  kind: 'count' | 'boundary' | 'answer';
  /** UTF-16 units of the file. */
  offset: number;
  label: string;
  /** Markdown. */
  tooltip?: string;
}

export interface HintModel {
  id: string;
  tokenizer: Tokenizer;
  /** Longest sequence of the model. */
  context: number;
  vocabSize: number;
}

/** Values of `vary` that are tokenised for the range of a prompt's length, the longest in characters among them. */
const MOST_VALUES = 24;
/** Characters of one filled prompt above which it is not tokenised as one types. */
const MOST_CHARACTERS = 100_000;
const MOST_BOUNDARIES = 2000;

/**
 * How the shell's prompts and answers fall into tokens for a model: each prompt's length (over the values of `vary`), the boundaries between the
 * tokens of the probe and its control with the first value filled in, and the tokens of answers and rivals that have several. A prompt that cannot
 * be filled in or read goes without; so does a file whose schema does not hold.
 */
export function tokenHints(text: string, model: HintModel, boundaries: boolean): TokenHint[] {
  const { draft } = parseShell(text);
  const document = draft === null ? null : parseUnfinished(text);
  try {
    return draft === null || document === null ? [] : new HintMaker(text, document, draft, model, boundaries).make();
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

class HintMaker {
  private readonly hints: TokenHint[] = [];
  private readonly combinations: Record<string, string>[];

  constructor(
    private readonly file: string,
    private readonly document: Document.Parsed,
    private readonly shell: Shell,
    private readonly model: HintModel,
    private readonly boundaries: boolean,
  ) {
    const all = expandVary(shell).map(({ values }) => values);
    // The first and the last, and those between at even steps.
    const step = Math.max(1, (all.length - 1) / (MOST_VALUES - 1));
    this.combinations = all.filter((_, i) => i === all.length - 1 || Math.floor(i / step) !== Math.floor((i - 1) / step));
  }

  make(): TokenHint[] {
    const { shell } = this;
    this.prompt(shell.prompt, ['prompt'], 'probe');
    if (shell.control) this.prompt(shell.control, ['control'], 'control');
    this.answers(shell.prompt, ['answer'], shell.answer, ['rivals'], shell.rivals);
    shell.paraphrases.forEach(({ prompt, answer, rivals }, i) => {
      const nested = this.keyAt(['paraphrases', i, 'prompt']) !== undefined;
      this.prompt(prompt, nested ? ['paraphrases', i, 'prompt'] : ['paraphrases', i], 'paraphrase');
      const own = answer ?? shell.answer;
      this.answers(prompt, answer && ['paraphrases', i, 'answer'], own, rivals && ['paraphrases', i, 'rivals'], rivals);
    });
    return this.hints.sort((a, b) => a.offset - b.offset);
  }

  private prompt(template: PromptTemplate, path: Path, label: PreparedPrompt['label']): void {
    const prepared = this.combinations.flatMap((values) => this.prepare(template, this.shell.answer, values, label) ?? []);
    const [first] = prepared;
    const offset = this.endOf(path);
    if (first === undefined || offset === null) return;
    const counts = prepared.map(({ ids }) => ids.length);
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const { id, context } = this.model;
    const over = most > context;
    const count = least === most ? `${most} ${most === 1 ? 'token' : 'tokens'}` : `${least} to ${most} tokens`;
    this.hints.push({
      kind: 'count',
      offset,
      label: over ? `${count}, over the ${context} of ${id}` : count,
      tooltip: [
        `For **${id}**, whose context holds ${context} tokens.${first.bosAdded ? ' The first is its beginning-of-text token.' : ''}`,
        ...(least === most ? [] : ['The length depends on the values of `vary`.']),
      ].join('\n\n'),
    });
    if (this.boundaries && label !== 'paraphrase') this.marks(template, path, first);
  }

  /** A hint at each boundary between two tokens that the file itself writes. */
  private marks({ source }: PromptTemplate, path: Path, { text, tokens }: PreparedPrompt): void {
    if (text === null || source.kind === 'tokens') return;
    const parts: { written: string; path: Path }[] =
      source.kind === 'text'
        ? [{ written: source.text, path }]
        : source.messages.map(({ content }, i) => ({ written: content, path: [...path, i, 'content'] }));
    let from = 0;
    for (const part of parts) {
      const node = this.nodeAt(part.path);
      const places = isScalar(node) ? scalarPlaces(this.file, node) : null;
      const filled = fillWithOrigins(part.written, this.combinations[0]!);
      // A chat template may change what it is given; then its message is not found, and goes without.
      const start = text.indexOf(filled.text, from);
      if (places === null || start === -1) continue;
      from = start + filled.text.length;
      for (const { start: at, end } of tokens) {
        if (end <= at || at <= start || at >= from || this.hints.length >= MOST_BOUNDARIES) continue;
        const offset = placeInFile(part.written, places, filled.origin[at - start]!);
        if (offset !== null) this.hints.push({ kind: 'boundary', offset, label: '·' });
      }
    }
  }

  private answers(
    prompt: PromptTemplate,
    path: Path | null,
    answer: AnswerSpec,
    rivalsPath: Path | null,
    rivals: readonly AnswerSpec[] | null,
  ): void {
    const ids = this.prepare(prompt, answer, this.combinations[0]!, 'probe')?.answer.ids;
    if (ids === undefined) return;
    if (path) this.answer(path, ids, false);
    rivals?.forEach((rival, i) => {
      const own = this.prepare(prompt, rival, this.combinations[0]!, 'probe')?.answer.ids;
      if (own && rivalsPath) this.answer([...rivalsPath, i], own, own[0] === ids[0]);
    });
  }

  private answer(path: Path, ids: readonly number[], same: boolean): void {
    const offset = this.endOf(path);
    if (offset === null || (ids.length < 2 && !same)) return;
    const shown = ids.map((id) => JSON.stringify(this.model.tokenizer.token(id)));
    const several = ids.length < 2 ? [] : [`${ids.length} tokens: ${shown.slice(0, 6).join(' ')}${shown.length > 6 ? ' …' : ''}`];
    const first = 'The first is compared at every layer, the whole at the output.';
    const alike = 'It begins with the same token as the answer, so that the two cannot be compared.';
    this.hints.push({
      kind: 'answer',
      offset,
      label: [...several, ...(same ? ['begins like the answer'] : [])].join(', '),
      tooltip: [`For **${this.model.id}**: ${shown.join(' ')}`, ids.length > 1 ? first : '', same ? alike : '']
        .filter(Boolean)
        .join('\n\n'),
    });
  }

  /** Null for a prompt that this model cannot read; the run says why. */
  private prepare(
    prompt: PromptTemplate,
    answer: AnswerSpec,
    values: Record<string, string>,
    label: PreparedPrompt['label'],
  ): PreparedPrompt | null {
    const size = prompt.source.kind === 'text' ? prompt.source.text.length : 0;
    const longest = Object.values(values).reduce((sum, value) => sum + value.length, size);
    if (longest > MOST_CHARACTERS) return null;
    try {
      const { tokenizer, vocabSize } = this.model;
      return prepare({ prompt, answer, rivals: null }, tokenizer, { label, values, context: Infinity, vocabSize });
    } catch (error) {
      if (error instanceof InputError) return null;
      throw error;
    }
  }

  /** Behind a value of one piece; at the end of its key's line where it is a block. */
  private endOf(path: Path): number | null {
    const node = this.nodeAt(path);
    if (!node?.range) return null;
    const block = isScalar(node) ? node.type?.startsWith('BLOCK') : (isSeq(node) || isMap(node)) && !node.flow;
    const key = this.keyAt(path);
    if (!block) return this.file.slice(0, node.range[1]).trimEnd().length;
    const start = key?.range?.[0] ?? node.range[0];
    const end = this.file.indexOf('\n', start);
    return this.file.slice(0, end === -1 ? this.file.length : end).trimEnd().length;
  }

  private nodeAt(path: Path): Node | null {
    let node: unknown = this.document.contents;
    for (const part of path) {
      node = isAlias(node) ? node.resolve(this.document) : node;
      if (isMap(node)) node = node.items.find(({ key }) => isScalar(key) && String(key.value) === part)?.value;
      else node = isSeq(node) && typeof part === 'number' ? node.items[part] : null;
    }
    // Through an alias the text stands elsewhere.
    return isAlias(node) ? null : ((node as Node | null | undefined) ?? null);
  }

  private keyAt(path: Path): Scalar | undefined {
    const parent = this.nodeAt(path.slice(0, -1));
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === path.at(-1)) : undefined;
    return pair?.key as Scalar | undefined;
  }
}
