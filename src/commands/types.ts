import type { Model } from '../engine/api.js';
import type { ModelSpec } from '../model/spec.js';
import type { Tokenizer } from '../model/types.js';
import type { Evidence } from '../residue/evidence.js';
import type { CommandOutcome, RunTrace } from '../residue/types.js';
import type { Shell } from '../shell/types.js';
import type { PreparedPrompt, TracedRun } from '../run/types.js';

/** JSON Schema (draft 2020-12) fragment of a command's parameters. `x-span: true` marks a parameter that takes a span's name. */
export type ParamSchema = Record<string, unknown>;

/** What a command gets: the run it belongs to (arrays at hand), its control and the shell's other prompts. */
export interface CommandContext {
  model: Model;
  shell: Shell;
  /** The prompt of this vary value, and its trace with arrays. */
  probe: TracedRun;
  control: TracedRun | null;
  paraphrases: readonly PreparedPrompt[];
  /** What has been measured on this run before any command. */
  trace: RunTrace;
  seed: number;
  signal?: AbortSignal;
  progress(done: number, total: number): void;
}

/** What a command may look at, besides the prompt, before anything is run. */
export interface CheckContext {
  shell: Shell;
  tokenizer: Tokenizer;
  /** The control of the same vary values. */
  control: PreparedPrompt | null;
}

/**
 * One shell command. A command is one file in src/commands and one line in src/commands/table.ts: its schema fragment feeds
 * validation, completion and hovers; `run` measures and tells the result in sentences; `claims` says what it has shown.
 */
export interface Command<P extends object = Record<string, unknown>> {
  name: string;
  /** One line for completion lists. */
  summary: string;
  /** Markdown for hovers: what it does, formula, units, paper. */
  docs: string;
  params: ParamSchema;
  /** Text inserted by completion, e.g. `ANCHOR: { span: ${1:fact} }`. */
  snippet: string;
  /** Names under the command that `expect` may test, e.g. `effect` for `INHIBIT.effect`, with a unit; evidence where it is not the outcome's. */
  measures: Record<string, { unit: string; summary: string; evidence?: Evidence }>;
  /** It reads `trace.generation` and `trace.looping`; where the shell asks for no generation, 40 greedy tokens are made. */
  needsGeneration?: boolean;
  /** Refuses, before anything is run, parameters that do not fit the model or a probe. Throws InputError with the field (`INHIBIT.layers`). */
  check?(spec: ModelSpec, probe: PreparedPrompt, params: P, more: CheckContext): void;
  /** `measures` of the outcome is filled in from the command's own. */
  run(context: CommandContext, params: P): Promise<CommandOutcome>;
  /** What its intervention has shown of the run, for the verdict; one clause each, without a full stop. Its null may still refute it. */
  claims?(outcome: CommandOutcome): string[];
  /** The measure that `claims` is about, by whose null and second opinion it is judged. Default: `effect`. */
  claimed?: string;
  /**
   * That measure of another prompt, a paraphrase, in the same way as `outcome` has it, and nothing else of the command; null where the
   * prompt lacks what it takes.
   */
  again?(context: CommandContext, params: P, outcome: CommandOutcome): Promise<number | null>;
}
