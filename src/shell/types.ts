import type { ChatMessage } from '../model/types.js';

/** Half-open range of characters in the file's text, for diagnostics. */
export interface Range {
  start: number;
  end: number;
}

export type Severity = 'error' | 'warning' | 'information';

/** One finding about a shell file, in one sentence. Lines and columns count from 1; the end column is exclusive. */
export interface Diagnostic {
  severity: Severity;
  message: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  /** `run[1].INHIBIT.span` */
  field?: string;
  /** A replacement for the range, offered as a quick fix. */
  suggestion?: string;
  /** The key that the shell lacks. */
  missing?: string;
}

/** Text with its marks removed. `spans` are half-open character ranges of `text`. */
export interface MarkedText {
  kind: 'text';
  text: string;
  spans: Record<string, [number, number]>;
}

/** Ids given outright: nothing is added. `spans` are half-open token ranges. */
export interface TokenPrompt {
  kind: 'tokens';
  tokens: number[];
  spans: Record<string, [number, number]>;
}

/** A conversation; spans are marked inside its contents (ranges index that message's content). */
export interface ChatPrompt {
  kind: 'chat';
  messages: (ChatMessage & { spans: Record<string, [number, number]> })[];
}

export type Prompt = MarkedText | TokenPrompt | ChatPrompt;

export type AnswerSpec = { kind: 'text'; text: string } | { kind: 'tokens'; tokens: number[] };

/** A prompt as written, with `{{name}}` still in it; `fill` (src/shell/template) makes a Prompt of it. */
export interface PromptTemplate {
  source:
    | { kind: 'text'; text: string }
    | { kind: 'tokens'; tokens: number[]; spans: Record<string, [number, number]> }
    | { kind: 'chat'; messages: ChatMessage[] };
  range: Range;
}

export interface VaryValue {
  /** As shown and as used in file names: `40`, `far`. */
  label: string;
  /** What `{{name}}` becomes. */
  text: string;
  /** Number for the x axis when there is one (times of a repeat; a numeric list). */
  x: number | null;
}

export interface CommandCall {
  name: string;
  params: Record<string, unknown>;
  range: Range;
  /** Range of each parameter's value. */
  paramRanges: Record<string, Range>;
}

export type Bound = { below?: number; above?: number; between?: [number, number]; equals?: number | string | boolean };

export interface Expectation {
  /** `failure`, `pattern`, `collapse.layer`, `INHIBIT.effect`, … */
  path: string;
  want: Bound | string | number | boolean;
  range: Range;
}

export interface Shell {
  format: 1;
  id: string;
  title: string;
  family: 'memory' | 'value' | 'salience' | 'temporal' | 'instruction';
  motivation: string;
  model: string | null;
  prompt: PromptTemplate;
  control: PromptTemplate | null;
  answer: AnswerSpec;
  rivals: AnswerSpec[] | null;
  let: Record<string, string>;
  /** Name and values; a shell is run once per combination (one name is the common case). */
  vary: { name: string; values: VaryValue[] }[];
  /** Each paraphrase may bring its own answer and rivals; default the shell's. */
  paraphrases: { prompt: PromptTemplate; answer: AnswerSpec | null; rivals: AnswerSpec[] | null }[];
  run: CommandCall[];
  /** Whether causes are tested by intervention; null: where it fails. */
  verify: boolean | null;
  generate: { tokens: number; temperature: number; seed: number } | null;
  /** Make the attribution graph of the headline's run. */
  graph: boolean;
  expect: Expectation[];
  /** Range of the `shell:` value, where the code lens sits. */
  idRange: Range;
}

export interface ParsedShell {
  /** Null when there is any error among the diagnostics. */
  shell: Shell | null;
  /** The shell as far as its schema holds, for an editor: names in it may lead nowhere. */
  draft: Shell | null;
  diagnostics: Diagnostic[];
}
