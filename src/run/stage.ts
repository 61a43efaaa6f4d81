import type { Model } from '../engine/api.js';
import type { Residue, RunTrace } from '../residue/types.js';
import type { CommandCall, Shell } from '../shell/types.js';
import type { Paraphrase } from './paraphrases.js';
import type { Plan, PlannedRun } from './plan.js';
import type { GenerationSettings } from './speak.js';
import type { Subject } from './subject.js';
import type { PreparedPrompt, RunShellOptions } from './types.js';

/** What a user asked for: decides, before anything is run, which stages there are. */
export interface Ask {
  model: Model;
  shell: Shell;
  options: RunShellOptions;
  /** The shell's commands that are to be run. */
  calls: readonly CommandCall[];
  /** How probes go on speaking; null when nobody asked. */
  generation: GenerationSettings | null;
}

/** What a stage gets. A stage writes into `subject.trace` (or `residue`), and nowhere else. */
export interface StageContext extends Ask {
  plan: Plan;
  /** The combination of vary values that the subject belongs to; for a control the first that has it. */
  planned: PlannedRun;
  /** The traced prompt that is being measured. Its arrays: `await subject.traced()`. */
  subject: Subject;
  /** The subject's control; null without one, and when the subject is itself a control. */
  control: Subject | null;
  /** The paraphrases of the same vary values, scored. */
  paraphrases: readonly Paraphrase[];
  residue: Residue;
  seed: number;
  signal?: AbortSignal;
  /** Adds a sentence to the residue's notes; the same sentence is kept once. */
  note(text: string): void;
  /** Tells how far the stage is. */
  progress(done: number, total: number): void;
}

/**
 * One piece of a shell's run: a file in src/run/stages (or beside a part's own code) and a line in src/run/stages.ts, in the order in
 * which stages are run. The runner traces and scores the prompts, then calls:
 *
 * | `on`       | of                                                       | when                                       |
 * | ---------- | -------------------------------------------------------- | ------------------------------------------ |
 * | `traced`   | every probe and every control                            | right after its forward pass               |
 * | `probe`    | every probe                                              | right after that, arrays at hand           |
 * | `headline` | the headline's probe                                     | when all probes are measured               |
 * | `every`    | the headline's probe, then other probes and the controls | the same; the others only where affordable |
 */
export interface Stage {
  /** Short and unique, for errors and tests: `layers`. */
  name: string;
  /** What is being computed, for people: `mean ablation of each layer`, shown as `probe, walk=40: mean ablation of each layer`. */
  label: string;
  on: 'traced' | 'probe' | 'headline' | 'every';
  /** Fields of the trace, or of the residue, that are there when the stage is done; nothing else need be. */
  fills: readonly (keyof RunTrace | keyof Residue)[];
  /** Whether this shell with these options has the stage. Default: yes. */
  when?(ask: Ask): boolean;
  /** Multiply-adds for one prompt, roughly; a stage without costs less than a forward pass. Must not depend on the machine. */
  cost?(ask: Ask, prompt: PreparedPrompt, planned: PlannedRun): number;
  /**
   * Most multiply-adds that the stage may cost over all it is `on`. Beyond, an `every` stage is run on the headline alone and a
   * `headline` stage is left out; `overBudget` is then a note of the residue.
   */
  budget?: number | ((ask: Ask) => number);
  overBudget?: string;
  /** Does the work. Honours the signal; throws InputError for what does not fit. */
  run(context: StageContext): Promise<void>;
}
