import type { Model, NdArray, RunResult } from '../engine/api.js';
import type { EncodedToken } from '../model/types.js';
import type { Residue, RunTrace } from '../residue/types.js';
import type { Dose } from '../shell/chosen.js';
import type { Shell } from '../shell/types.js';
import type { GraphSettings } from './graph/section.js';

/** A filled prompt, tokenised for a model, with its spans as token ranges and what may be answered. */
export interface PreparedPrompt {
  label: 'probe' | 'control' | 'paraphrase';
  /** Values of `vary` used, by name. */
  vary: Record<string, string>;
  /** Text the model reads, or null when ids were given. */
  text: string | null;
  tokens: EncodedToken[];
  ids: number[];
  /** True when the first token is a BOS that the tokenizer added. */
  bosAdded: boolean;
  /** Half-open token ranges. */
  spans: Record<string, [number, number]>;
  /** Ids of the answer and of each rival (rivals empty = the model's own top tokens are taken at run time). */
  answer: { text: string; ids: number[] };
  rivals: { text: string; ids: number[] }[];
  /** What a user should know of how the answer and the rivals were tokenised. */
  notes?: string[];
}

/** A traced forward pass of a prepared prompt. Lives in the engine's process only. */
export interface TracedRun {
  prompt: PreparedPrompt;
  result: RunResult;
  /** Answer position: the last prompt token. */
  position: number;
  /** Log-probs at the answer position by residual row: [layer + 1, vocab]. */
  lens: NdArray;
}

export interface RunShellOptions {
  seed?: number;
  /** Partial residues as sections are finished. */
  onPartial?: (residue: Residue) => void;
  /** The same for whoever looks seldom: the function gives the residue as it is when it is called, to be read at once, for the run goes on in it. */
  onGrowth?: (grown: () => Residue) => void;
  onProgress?: (event: RunProgress) => void;
  signal?: AbortSignal;
  /** Causal verification: true or 'full' (every position on its own, however long) also where nothing failed; false never. Default: the shell's. */
  verify?: boolean | 'full';
  /** Measure only these sections of each run, and what they are drawn from; default all. For sweeps over many models. */
  sections?: readonly (keyof RunTrace)[];
  /** Run only these commands (indexes into shell.run); default all. */
  commands?: readonly number[];
  /** Run only what has one of these doses of `vary`, each with its control; default all. What takes all doses is then not judged. */
  vary?: readonly Dose[];
  /** Make the attribution graph of the headline's run; thresholds and caps where they are not the defaults. */
  graph?: Partial<GraphSettings>;
  /** Keep traced arrays and hand them over one run at a time (for `--npz`). `name` is `probe`, `control` or `probe.walk=40`. They are let go when the run ends: copy what is to be kept. */
  onArrays?: (name: string, arrays: Map<string, NdArray | { data: BigInt64Array; shape: number[] }>) => Promise<void>;
}

export interface RunProgress {
  /** What is being computed, for people: `probe, walk = 40: forward`. */
  stage: string;
  done: number;
  total: number;
}

/** Runs a shell on an open model. The source text is what `sha256` is taken of. */
export type RunShell = (
  model: Model,
  shell: Shell,
  source: { text: string; file: string | null },
  options?: RunShellOptions,
) => Promise<Residue>;
