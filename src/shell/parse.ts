import { COMMANDS } from '../commands/table.js';
import { checkMeaning } from './meaning.js';
import { precompiled } from './precompiled.js';
import { reportSchemaErrors, rangeOf } from './problems.js';
import { shellValidator } from './schema.js';
import type { CommandInfo } from './schema.js';
import { Findings, pathKey, readSource } from './source.js';
import type { Path, Source } from './source.js';
import type { AnswerSpec, Bound, CommandCall, Expectation, ParsedShell, PromptTemplate, Range, Shell, VaryValue } from './types.js';

export interface ParseOptions {
  /** The commands a shell may call; default all that there are. */
  commands?: readonly CommandInfo[];
}

/**
 * Reads a shell file's text. Never throws for what the text holds: everything wrong is a diagnostic of one sentence with its place, and
 * the shell is null when any of them is an error.
 */
export function parseShell(text: string, options: ParseOptions = {}): ParsedShell {
  const commands = options.commands ?? COMMANDS;
  const findings = new Findings(text);
  const source = readSource(findings);
  if (source === null) return { shell: null, draft: null, diagnostics: findings.list };
  reportSchemaErrors(findings, source, shellValidator(commands, commands === COMMANDS ? precompiled : null), commands);
  if (findings.failed) return { shell: null, draft: null, diagnostics: sorted(findings) };
  const shell = new ShellBuilder(source).build(source.value as RawShell);
  checkMeaning(findings, source, shell, commands);
  return { shell: findings.failed ? null : shell, draft: shell, diagnostics: sorted(findings) };
}

function sorted(findings: Findings): ParsedShell['diagnostics'] {
  return [...findings.list].sort((a, b) => a.line - b.line || a.column - b.column);
}

type RawAnswer = string | { tokens: number[] };
type RawTokens = { tokens: number[]; spans?: Record<string, [number, number]> };
type RawPrompt = string | RawTokens | { role: string; content: string }[];
type RawVary = (string | number | Record<string, string>)[] | { repeat: string; times: number[] } | Record<string, string>;

/** The file's values once the schema holds. */
interface RawShell {
  shell: string;
  title?: string;
  family: Shell['family'];
  motivation?: string;
  model?: string;
  prompt: RawPrompt;
  control?: RawPrompt;
  answer: RawAnswer;
  rivals?: RawAnswer[];
  let?: Record<string, string>;
  vary?: Record<string, RawVary>;
  paraphrases?: (RawPrompt | { prompt: RawPrompt; answer?: RawAnswer; rivals?: RawAnswer[] })[];
  run?: Record<string, Record<string, unknown> | null>[];
  graph?: boolean;
  generate?: { tokens?: number; temperature?: number; seed?: number };
  verify?: boolean;
  expect?: Record<string, Expectation['want']>[];
}

class ShellBuilder {
  constructor(private readonly source: Source) {}

  build(raw: RawShell): Shell {
    return {
      format: 1,
      id: raw.shell,
      title: raw.title ?? raw.shell,
      family: raw.family,
      motivation: raw.motivation?.trim() ?? '',
      model: raw.model ?? null,
      prompt: this.prompt(raw.prompt, ['prompt']),
      control: raw.control === undefined ? null : this.prompt(raw.control, ['control']),
      answer: answerOf(raw.answer),
      rivals: raw.rivals?.map(answerOf) ?? null,
      let: { ...raw.let },
      vary: Object.entries(raw.vary ?? {}).map(([name, values]) => ({ name, values: varyValues(values) })),
      paraphrases: (raw.paraphrases ?? []).map((entry, i) => this.paraphrase(entry, ['paraphrases', i])),
      run: (raw.run ?? []).map((call, i) => this.call(call, ['run', i])),
      graph: raw.graph ?? false,
      generate: raw.generate === undefined ? null : { tokens: 40, temperature: 0, seed: 0, ...raw.generate },
      verify: raw.verify ?? null,
      expect: (raw.expect ?? []).map((entry, i) => this.expectation(entry, ['expect', i])),
      idRange: this.range(['shell']),
    };
  }

  private range(path: Path): Range {
    return rangeOf(this.source, path);
  }

  private prompt(raw: RawPrompt, path: Path): PromptTemplate {
    const range = this.range(path);
    if (typeof raw === 'string') return { source: { kind: 'text', text: raw }, range };
    if (Array.isArray(raw)) return { source: { kind: 'chat', messages: raw.map(({ role, content }) => ({ role, content })) }, range };
    return { source: { kind: 'tokens', tokens: [...raw.tokens], spans: { ...raw.spans } }, range };
  }

  private paraphrase(raw: NonNullable<RawShell['paraphrases']>[number], path: Path): Shell['paraphrases'][number] {
    if (typeof raw === 'object' && 'prompt' in raw) {
      return {
        prompt: this.prompt(raw.prompt, [...path, 'prompt']),
        answer: raw.answer === undefined ? null : answerOf(raw.answer),
        rivals: raw.rivals?.map(answerOf) ?? null,
      };
    }
    return { prompt: this.prompt(raw, path), answer: null, rivals: null };
  }

  private call(raw: Record<string, Record<string, unknown> | null>, path: Path): CommandCall {
    const [name, params] = Object.entries(raw)[0]!;
    const inner = [...path, name];
    const paramRanges: Record<string, Range> = {};
    for (const key of Object.keys(params ?? {})) paramRanges[key] = this.range([...inner, key]);
    return { name, params: { ...params }, range: this.source.ranges.get(pathKey(inner))?.key ?? this.range(path), paramRanges };
  }

  private expectation(raw: Record<string, Expectation['want']>, path: Path): Expectation {
    const [name, want] = Object.entries(raw)[0]!;
    return { path: name, want: typeof want === 'object' ? ({ ...want } satisfies Bound) : want, range: this.range(path) };
  }
}

function answerOf(raw: RawAnswer): AnswerSpec {
  return typeof raw === 'string' ? { kind: 'text', text: raw } : { kind: 'tokens', tokens: [...raw.tokens] };
}

const LABEL_LENGTH = 40;

/** The values of one varied name. A text is its own label where it is short and of one line, else its place in the list is. */
export function varyValues(raw: RawVary): VaryValue[] {
  if (Array.isArray(raw)) {
    return raw.map((entry, i): VaryValue => {
      if (typeof entry === 'number') return { label: String(entry), text: String(entry), x: entry };
      if (typeof entry === 'string') {
        const label = entry.trim();
        return { label: label !== '' && label.length <= LABEL_LENGTH && !/[\r\n]/.test(label) ? label : `#${i + 1}`, text: entry, x: null };
      }
      const [label, text] = Object.entries(entry)[0]!;
      return { label, text, x: null };
    });
  }
  if (isRepeat(raw)) return raw.times.map((times) => ({ label: String(times), text: repeated(raw.repeat, times), x: times }));
  return Object.entries(raw).map(([label, text]) => ({ label, text, x: null }));
}

export function isRepeat(raw: RawVary): raw is { repeat: string; times: number[] } {
  return !Array.isArray(raw) && Array.isArray((raw as { times?: unknown }).times);
}

/** Longest text of one value; above it the value is cut off here and refused by the check that follows. */
export const MAX_VALUE = 1024 * 1024;

function repeated(text: string, times: number): string {
  return text.repeat(Math.min(times, Math.ceil((MAX_VALUE + 1) / text.length)));
}
