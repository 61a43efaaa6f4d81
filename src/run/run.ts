import { commandByName } from '../commands/table.js';
import type { Model } from '../engine/api.js';
import { CancelledError, throwIfAborted } from '../errors.js';
import { TAU } from '../methods/collapse.js';
import { logSoftmax } from '../methods/lens.js';
import { RESIDUE_SCHEMA_ID } from '../residue/schema.js';
import type { Residue, RunTrace } from '../residue/types.js';
import type { Shell } from '../shell/types.js';
import { arraysOf } from './arrays.js';
import { conclude } from './conclude.js';
import { lensSection } from './observe.js';
import { Paraphrases } from './paraphrases.js';
import type { ShellText } from './place.js';
import { makePlan, type Plan, type PlannedRun } from './plan.js';
import { Progress } from './progress.js';
import { provenanceOf, shellInfo } from './provenance.js';
import { score } from './score.js';
import { DEFAULT_GENERATION } from './speak.js';
import type { Ask, Stage } from './stage.js';
import { stagesOf } from './stages.js';
import { checkCommands } from './stages/commands.js';
import { Subject } from './subject.js';
import { measuredHooks, traceRun } from './trace.js';
import type { PreparedPrompt, RunShell, RunShellOptions } from './types.js';
import { Workload } from './workload.js';

/**
 * Runs a shell on an open model: every prompt traced and measured, every command, then the verdict. What a run does not reach
 * because it was cancelled is absent from the residue, whose status then says so; a run cancelled before anything was measured
 * throws CancelledError. The same shell, model, settings and seed give the same residue, but for `created`.
 *
 * Throws InputError, before anything is run, for a shell that does not fit the model.
 */
export const runShell: RunShell = async (model, shell, source, options = {}) => {
  throwIfAborted(options.signal);
  const run = new ShellRun(model, shell, source, options, makePlan(shell, model, source, options.vary));
  await run.prepare();
  try {
    await run.measure();
  } catch (error) {
    if (!(error instanceof CancelledError) || !run.measured) throw error;
    return run.cancelled();
  } finally {
    run.dispose();
  }
  return run.residue;
};

/** Bytes of arrays of the headline, and of its control, that are kept for the last stages; larger ones are made again when wanted. */
const KEEP_BYTES = 2 ** 28;

/** Traces and scores the prompts of a plan, and calls the stages (stage.ts) on them. */
class ShellRun {
  residue!: Residue;
  /** Whether any prompt has been scored. */
  measured = false;
  private readonly seed: number;
  private readonly ask: Ask;
  private readonly stages: readonly Stage[];
  private readonly workload: Workload;
  private readonly progress: Progress;
  private readonly paraphrases: Paraphrases;
  /** In the order in which the runs come to them, which is the plan's. */
  private readonly controls: Subject[] = [];
  private readonly probes: Subject[] = [];
  private readonly notes: Set<string>;

  constructor(
    private readonly model: Model,
    private readonly shell: Shell,
    private readonly source: ShellText,
    private readonly options: RunShellOptions,
    private readonly plan: Plan,
  ) {
    this.seed = options.seed ?? 0;
    const { commands } = options;
    const calls = commands ? shell.run.filter((_, i) => commands.includes(i)) : shell.run;
    const needed = calls.some(({ name }) => commandByName(name)?.needsGeneration);
    this.ask = { model, shell, options, calls, generation: shell.generate ?? (needed ? DEFAULT_GENERATION : null) };
    checkCommands(this.ask, plan, source);
    this.notes = new Set([...model.loaded.notes, ...(model.tokenizer.notes ?? []), ...plan.notes]);
    if (model.info.provider.note) this.notes.add(model.info.provider.note);
    this.paraphrases = new Paraphrases(model);
    this.workload = new Workload(this.ask, plan, stagesOf(this.ask));
    this.stages = this.workload.stages;
    this.progress = new Progress(this.workload.total, options.onProgress);
  }

  /** The residue with its tokens and provenance, and nothing measured. */
  async prepare(): Promise<void> {
    const { plan, shell } = this;
    const { calls, generation } = this.ask;
    const probe = plan.runs[0]!.probe;
    const settings = {
      tau: TAU,
      rivals: probe.rivals.length > 0 ? 'named' : 'model',
      ablation: 'mean',
      'generate.tokens': generation?.tokens ?? 0,
      'generate.temperature': generation?.temperature ?? null,
      ...(this.options.verify === undefined ? {} : { verify: this.options.verify }),
      ...(this.options.commands ? { commands: calls.map(({ name }) => name).join(', ') } : {}),
      ...(plan.part ? { vary: plan.part.doses.join(' or ') } : {}),
    };
    this.residue = {
      $schema: RESIDUE_SCHEMA_ID,
      format: 1,
      status: 'running',
      created: new Date().toISOString(),
      shell: shellInfo(shell, this.source),
      provenance: await provenanceOf(this.model, this.source, probe, this.seed, settings, plan.part?.doses ?? [], this.options.signal),
      runs: plan.runs.map(({ name, probe, combination }) => emptyTrace(name, probe, combination.x)),
      primary: 0,
      control: plan.controls[0] ? emptyTrace(plan.controls[0].name, plan.controls[0].prompt, null) : null,
      paraphrases: [],
      checks: [],
      expectations: [],
      notes: [],
    };
    this.partial();
  }

  async measure(): Promise<void> {
    const { runs } = this.plan;
    for (const [index, run] of runs.entries()) {
      if (run.control !== null) await this.measureControl(run.control, run);
      if (run.paraphrases.length > 0) await this.measureParaphrases(run);
      await this.measureProbe(run, index);
      this.release(index);
    }
    await this.measureFurther();
    const { headline, control } = this;
    const { shell, source, residue } = this;
    const { part } = this.plan;
    const notes = conclude({ shell, source, residue, headline, control, part, layers: this.model.spec.nLayers });
    notes.forEach((note) => this.notes.add(note));
    residue.notes = [...this.notes];
    residue.status = 'complete';
    this.progress.finish();
  }

  /** What has arrived, with the place at which it was stopped. */
  cancelled(): Residue {
    this.choosePrimary();
    return { ...this.residue, status: 'cancelled', cancelledAt: this.progress.stage, notes: [...this.notes] };
  }

  /** Lets go of every array that is still held. */
  dispose(): void {
    for (const subject of [...this.probes, ...this.controls]) subject.release();
    this.paraphrases.letGo([]);
  }

  private async measureControl(index: number, run: PlannedRun): Promise<void> {
    if (this.controls[index]) return;
    const { name, prompt } = this.plan.controls[index]!;
    const trace = this.controls.length === 0 ? this.residue.control! : emptyTrace(name, prompt, null);
    const subject = await this.forward(prompt, trace);
    this.controls.push(subject);
    await this.perform('traced', subject, run);
    this.partial();
  }

  private async measureParaphrases(run: PlannedRun): Promise<void> {
    const { paraphrases, combination } = run;
    const end = this.progress.begin(`paraphrases${combination.label === '' ? '' : `, ${combination.label}`}: forward`, paraphrases.length);
    await this.paraphrases.measure(run, end, this.options.signal);
    this.paraphrases.of(run).forEach(({ scores }, i) => {
      const { name, prompt } = paraphrases[i]!;
      this.residue.paraphrases.push({ ...emptyTrace(name, prompt, combination.x), scores });
    });
    end();
  }

  private async measureProbe(run: PlannedRun, index: number): Promise<void> {
    const subject = await this.forward(run.probe, this.residue.runs[index]!);
    this.probes.push(subject);
    this.choosePrimary();
    this.partial();
    await this.perform('traced', subject, run);
    this.partial();
    await this.perform('probe', subject, run);
    this.partial();
  }

  /** The forward pass, the scores at the output and the lens; the arrays for whoever keeps them. */
  private async forward(prompt: PreparedPrompt, trace: RunTrace): Promise<Subject> {
    const { model, options } = this;
    const end = this.progress.begin(`${trace.name}: forward`);
    const traced = await traceRun(model, prompt, options.onArrays ? 'all' : measuredHooks(model), options.signal);
    const logprobs = logSoftmax(traced.result.logits!.data);
    if (options.onArrays) await options.onArrays(trace.name, arraysOf(traced, logprobs));
    trace.scores = await score(model, prompt, logprobs, options.signal);
    trace.lens = lensSection(model, traced, trace.scores);
    this.measured = true;
    if (trace.scores.rivalsFromModel) this.notes.add("The shell names no rivals, so the model's own most probable tokens were taken.");
    if (trace.scores.rivalsFromModel && trace.scores.failed && trace.scores.margin >= trace.scores.tau) {
      this.notes.add(`${trace.name}: a special token comes before the answer; no rival does.`);
    }
    end();
    return new Subject(model, trace, traced, options.signal);
  }

  /** Runs the stages of one kind on a subject, in the order of their table. */
  private async perform(on: Stage['on'], subject: Subject, run: PlannedRun): Promise<void> {
    for (const stage of this.stages) if (stage.on === on) await this.performOne(stage, subject, run);
  }

  private async performOne(stage: Stage, subject: Subject, run: PlannedRun): Promise<void> {
    const { options, seed, plan, residue } = this;
    const end = this.progress.begin(`${subject.trace.name}: ${stage.label}`, this.workload.steps(stage, subject.prompt, run));
    const control = run.control === null ? null : this.controls[run.control]!;
    await stage.run({
      ...this.ask,
      plan,
      planned: run,
      subject,
      control: control === subject ? null : control,
      paraphrases: this.paraphrases.of(run),
      residue,
      seed,
      signal: options.signal,
      note: (text) => void this.notes.add(text),
      progress: end,
    });
    end();
  }

  /** The stages that wait for the headline: on it first, then on the rest where that is affordable. */
  private async measureFurther(): Promise<void> {
    const { plan, workload, headline } = this;
    const late = this.stages.filter(({ on }) => on === 'headline' || on === 'every');
    workload.notes.forEach((note) => this.notes.add(note));
    for (const stage of late) {
      await this.performOne(stage, headline, plan.runs[this.residue.primary]!);
      this.partial();
    }
    const rest = [
      ...this.probes.map((subject, i) => ({ subject, run: plan.runs[i]! })),
      ...this.controls.map((subject, i) => ({ subject, run: plan.runs.find(({ control }) => control === i)! })),
    ];
    for (const { subject, run } of rest) {
      if (subject === headline) continue;
      for (const stage of late) if (workload.everywhere(stage)) await this.performOne(stage, subject, run);
    }
  }

  /** The first run that fails, else the last that was measured; and its control. */
  private choosePrimary(): void {
    const { residue, plan } = this;
    const failing = residue.runs.findIndex(({ scores }) => scores?.failed);
    residue.primary = failing >= 0 ? failing : Math.max(0, this.probes.length - 1);
    const control = plan.runs[residue.primary]!.control;
    if (control !== null && this.controls[control]) residue.control = this.controls[control].trace;
  }

  private get headline(): Subject {
    return this.probes[this.residue.primary]!;
  }

  private get control(): Subject | null {
    const { control } = this.plan.runs[this.residue.primary]!;
    return control === null ? null : this.controls[control]!;
  }

  /** Lets go of the arrays that no later run is compared with, after run `index`; of the headline and its control only large ones. */
  private release(index: number): void {
    const { headline, control } = this;
    const later = new Set(this.plan.runs.slice(index + 1).map(({ control }) => control));
    const done = [...this.probes, ...this.controls.filter((_, i) => !later.has(i))];
    this.paraphrases.letGo([this.plan.runs[this.residue.primary]!, this.plan.runs[index]!]);
    for (const subject of done) {
      const kept = subject === headline || subject === control;
      if (!kept || subject.bytes > KEEP_BYTES) subject.release();
    }
  }

  private partial(): void {
    const { onGrowth, onPartial } = this.options;
    const grown = (): Residue => ({ ...this.residue, notes: [...this.notes] });
    onGrowth?.(grown);
    onPartial?.(structuredClone(grown()));
  }
}

function emptyTrace(name: string, prompt: PreparedPrompt, x: number | null): RunTrace {
  return {
    name,
    label: prompt.label,
    vary: { ...prompt.vary },
    x,
    tokens: prompt.tokens.map(({ id, text }) => ({ id, text })),
    bosAdded: prompt.bosAdded,
    spans: { ...prompt.spans },
    position: prompt.ids.length - 1,
  };
}
