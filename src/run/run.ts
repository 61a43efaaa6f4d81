import { commandByName } from '../commands/table.js';
import type { Command } from '../commands/types.js';
import type { Model } from '../engine/api.js';
import { CancelledError, InputError, throwIfAborted, type Place } from '../errors.js';
import { TAU } from '../methods/collapse.js';
import { logSoftmax } from '../methods/lens.js';
import type { Pattern } from '../methods/patterns.js';
import { RESIDUE_SCHEMA_ID } from '../residue/schema.js';
import type { Residue, RunTrace, Scores } from '../residue/types.js';
import type { CommandCall, Shell } from '../shell/types.js';
import { causalCost, causalSalience, OUTPUT_HOOKS, outputSums, type OutputSums } from './ablate.js';
import { arraysOf } from './arrays.js';
import { identityChecks } from './checks.js';
import { rowsPerBatch } from './edited.js';
import { checkExpectations } from './expect.js';
import { placeOf, type ShellText } from './place.js';
import { lensMap } from './map.js';
import { collapseSection, contestOf, lensSection, observe } from './observe.js';
import { patternsOf, sourceSpan, trappedHeads } from './patterns.js';
import { makePlan, promptKey, type Plan, type PlannedRun } from './plan.js';
import { Progress } from './progress.js';
import { provenanceOf, shellInfo } from './provenance.js';
import { score } from './score.js';
import { DEFAULT_GENERATION, loopingOf, speak, type GenerationSettings } from './speak.js';
import { measuredHooks, traceRun } from './trace.js';
import { failureDensity, verdictOf } from './verdict.js';
import type { PreparedPrompt, RunShell, RunShellOptions, TracedRun } from './types.js';

/**
 * Runs a shell on an open model: every prompt traced and measured, every command, then the verdict. What a run does not reach
 * because it was cancelled is absent from the residue, whose status then says so; a run cancelled before anything was measured
 * throws CancelledError. The same shell, model, settings and seed give the same residue, but for `created`.
 *
 * Throws InputError, before anything is run, for a shell that does not fit the model.
 */
export const runShell: RunShell = async (model, shell, source, options = {}) => {
  throwIfAborted(options.signal);
  const run = new ShellRun(model, shell, source, options, makePlan(shell, model, source));
  run.check();
  await run.prepare();
  try {
    await run.measure();
  } catch (error) {
    if (!(error instanceof CancelledError) || !run.measured) throw error;
    return run.cancelled();
  }
  return run.residue;
};

/** Multiply-adds that the causal curves of all runs may cost together; above it only the headline's are made. */
const CAUSAL_BUDGET = 2e10;

/** One prompt's trace in the residue, and what is kept of it for later. */
interface Measured {
  trace: RunTrace;
  prompt: PreparedPrompt;
  sums: OutputSums;
  /** Residual streams [layer] of [T, d_model], for runs that start from a layer; undefined once they were let go. */
  residuals?: Float32Array[];
}

class ShellRun {
  residue!: Residue;
  /** Whether any prompt has been scored. */
  measured = false;
  private readonly seed: number;
  private readonly progress: Progress;
  private readonly calls: CommandCall[];
  private readonly generation: GenerationSettings | null;
  /** Paraphrases by what makes them the same run. */
  private readonly paraphrases = new Map<string, { scores: Scores; sums: OutputSums }>();
  private readonly controls: (Measured & { traced: TracedRun | null })[] = [];
  private readonly probes: Measured[] = [];
  private readonly patterns: Pattern[][] = [];
  private readonly notes: Set<string>;
  /** Whether the causal curves of every run are affordable. */
  private readonly causalEverywhere: boolean;

  constructor(
    private readonly model: Model,
    private readonly shell: Shell,
    private readonly source: ShellText,
    private readonly options: RunShellOptions,
    private readonly plan: Plan,
  ) {
    const { commands } = options;
    this.seed = options.seed ?? 0;
    this.calls = commands ? shell.run.filter((_, i) => commands.includes(i)) : shell.run;
    const needed = this.calls.some(({ name }) => commandByName(name)?.needsGeneration);
    this.generation = shell.generate ?? (needed ? DEFAULT_GENERATION : null);
    this.notes = new Set([...model.loaded.notes, ...(model.tokenizer.notes ?? []), ...plan.notes]);
    if (model.info.provider.note) this.notes.add(model.info.provider.note);
    const prompts = [...plan.runs.map(({ probe }) => probe), ...plan.controls.map(({ prompt }) => prompt)];
    this.causalEverywhere = prompts.reduce((sum, { ids }) => sum + causalCost(model, ids.length), 0) <= CAUSAL_BUDGET;
    const perProbe = 2 + (this.generation ? 1 : 0) + this.calls.length;
    const forward = plan.runs.reduce((sum, run) => sum + perProbe + run.paraphrases.length, 2 * plan.controls.length);
    const total = forward + (this.causalEverywhere ? prompts.length : 1);
    this.progress = new Progress(total, options.onProgress);
  }

  /** Refuses commands that do not fit the model or a prompt. */
  check(): void {
    for (const call of this.calls) {
      const command = this.commandOf(call);
      for (const { probe, control } of this.plan.runs) {
        const twin = control === null ? null : this.plan.controls[control]!.prompt;
        const more = { shell: this.shell, tokenizer: this.model.tokenizer, control: twin };
        this.placed(call, () => command.check?.(this.model.spec, probe, call.params, more));
      }
    }
  }

  /** The residue with its tokens and provenance, and nothing measured. */
  async prepare(): Promise<void> {
    const { plan, generation, shell } = this;
    const probe = plan.runs[0]!.probe;
    this.residue = {
      $schema: RESIDUE_SCHEMA_ID,
      format: 1,
      status: 'running',
      created: new Date().toISOString(),
      shell: shellInfo(shell, this.source),
      provenance: await provenanceOf(
        this.model,
        this.source,
        probe,
        this.seed,
        {
          tau: TAU,
          rivals: probe.rivals.length > 0 ? 'named' : 'model',
          ablation: 'mean',
          'generate.tokens': generation?.tokens ?? 0,
          'generate.temperature': generation?.temperature ?? null,
          ...(this.options.commands ? { commands: this.calls.map(({ name }) => name).join(', ') } : {}),
        },
        this.options.signal,
      ),
      runs: plan.runs.map(({ name, probe, combination }) => this.emptyTrace(name, probe, combination.x)),
      primary: 0,
      control: plan.controls[0] ? this.emptyTrace(plan.controls[0].name, plan.controls[0].prompt, null) : null,
      paraphrases: [],
      checks: [],
      expectations: [],
      notes: [],
    };
    this.partial();
  }

  private emptyTrace(name: string, prompt: PreparedPrompt, x: number | null): RunTrace {
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

  async measure(): Promise<void> {
    const { runs } = this.plan;
    for (const [index, run] of runs.entries()) {
      if (run.control !== null) await this.measureControl(run.control);
      if (run.paraphrases.length > 0) await this.measureParaphrases(run);
      await this.measureProbe(run, index);
      // The arrays of a control that no later run is compared with are let go.
      if (run.control !== null && !runs.slice(index + 1).some(({ control }) => control === run.control))
        this.controls[run.control]!.traced = null;
    }
    this.choosePrimary();
    await this.interveneOnLayers();
    this.conclude();
    this.progress.finish();
  }

  /** What has arrived, with the place at which it was stopped. */
  cancelled(): Residue {
    this.choosePrimary();
    return { ...this.residue, status: 'cancelled', cancelledAt: this.progress.stage, notes: [...this.notes] };
  }

  /** Controls are numbered in the order in which the runs come to them. */
  private async measureControl(index: number): Promise<void> {
    if (this.controls[index]) return;
    const { name, prompt } = this.plan.controls[index]!;
    const trace = this.controls.length === 0 ? this.residue.control! : this.emptyTrace(name, prompt, null);
    const traced = await this.traceAndScore(name, prompt, trace);
    this.controls.push({ trace, prompt, traced, ...this.keepOf(traced) });
    if (!this.causalEverywhere) delete this.controls.at(-1)!.residuals;
    await this.readOff(traced, trace, null);
    this.partial();
  }

  /** What the ablations need of a run whose other arrays are let go. */
  private keepOf({ result }: TracedRun): Pick<Measured, 'sums' | 'residuals'> {
    const residuals = Array.from({ length: this.model.spec.nLayers }, (_, l) => result.get(`blocks.${l}.hook_resid_pre`).data);
    return { sums: outputSums(this.model, result), residuals };
  }

  /** The paraphrases of one combination of vary values; those of equal length are run together, and none twice. */
  private async measureParaphrases({ paraphrases, combination }: PlannedRun): Promise<void> {
    const { model, options } = this;
    const fresh = new Map<string, PreparedPrompt>();
    for (const { prompt } of paraphrases) if (!this.paraphrases.has(promptKey(prompt))) fresh.set(promptKey(prompt), prompt);
    const end = this.progress.begin(`paraphrases${combination.label === '' ? '' : `, ${combination.label}`}: forward`, paraphrases.length);
    let done = 0;
    for (const length of new Set([...fresh.values()].map(({ ids }) => ids.length))) {
      const alike = [...fresh].filter(([, { ids }]) => ids.length === length);
      const size = rowsPerBatch(model, length);
      for (let from = 0; from < alike.length; from += size) {
        const batch = alike.slice(from, from + size);
        const result = await model.run(
          batch.map(([, { ids }]) => ids),
          { hooks: [...OUTPUT_HOOKS], signal: options.signal },
        );
        const vocab = model.spec.vocabSize;
        for (const [row, [key, prompt]] of batch.entries()) {
          const logprobs = logSoftmax(result.logits!.data.subarray(row * vocab, (row + 1) * vocab));
          this.paraphrases.set(key, {
            scores: await score(model, prompt, logprobs, options.signal),
            sums: outputSums(model, result, row),
          });
        }
        done += batch.length;
        end(done, fresh.size);
      }
    }
    for (const { name, prompt } of paraphrases) {
      const trace = this.emptyTrace(name, prompt, combination.x);
      trace.scores = this.paraphrases.get(promptKey(prompt))!.scores;
      this.residue.paraphrases.push(trace);
    }
    end();
  }

  private async measureProbe(run: PlannedRun, index: number): Promise<void> {
    const trace = this.residue.runs[index]!;
    const control = run.control === null ? null : this.controls[run.control]!;
    const traced = await this.traceAndScore(run.name, run.probe, trace);
    this.probes.push({ trace, prompt: run.probe, ...this.keepOf(traced) });
    this.choosePrimary();
    // The headline's alone will be ablated.
    if (!this.causalEverywhere)
      for (const probe of this.probes) if (probe.trace !== this.residue.runs[this.residue.primary]) delete probe.residuals;
    this.partial();
    await this.readOff(traced, trace, control?.trace ?? null);
    this.partial();
    await this.letSpeak(run, trace);
    const span = sourceSpan(this.shell, traced.prompt.spans);
    this.patterns.push(patternsOf(trace, trappedHeads(this.model, traced, control?.traced ?? null, span)));
    for (const call of this.calls) await this.command(call, run, traced, trace, control?.traced ?? null);
    this.partial();
  }

  /** The forward pass, the scores at the output, and the arrays for whoever keeps them. */
  private async traceAndScore(name: string, prompt: PreparedPrompt, trace: RunTrace): Promise<TracedRun> {
    const { model, options } = this;
    const end = this.progress.begin(`${name}: forward`);
    const traced = await traceRun(model, prompt, options.onArrays ? 'all' : measuredHooks(model), options.signal);
    const logprobs = logSoftmax(traced.result.logits!.data);
    if (options.onArrays) await options.onArrays(name, arraysOf(traced, logprobs));
    trace.scores = await score(model, prompt, logprobs, options.signal);
    trace.lens = lensSection(model, traced, trace.scores);
    this.measured = true;
    if (trace.scores.rivalsFromModel) this.notes.add("The shell names no rivals, so the model's own most probable tokens were taken.");
    if (trace.scores.rivalsFromModel && trace.scores.failed && trace.scores.margin >= trace.scores.tau) {
      this.notes.add(`${name}: a special token comes before the answer; no rival does.`);
    }
    end();
    return traced;
  }

  /** Everything that is read off a trace: collapse point, attribution, attention, flow, lens map, words almost said, checks. */
  private async readOff(traced: TracedRun, trace: RunTrace, control: RunTrace | null): Promise<void> {
    const { model, options, seed } = this;
    const { signal } = options;
    const end = this.progress.begin(`${trace.name}: attribution and lens`);
    const scores = trace.scores!;
    trace.collapse = await collapseSection(model, traced, scores, trace.lens!.margin, control?.lens?.margin ?? null, seed);
    const { attribution, attention, direct, flows, almostSaid } = await observe(model, traced, scores, signal);
    const span = sourceSpan(this.shell, traced.prompt.spans);
    trace.attribution = attribution;
    trace.attention = attention;
    trace.salience = { direct, flow: span === null ? null : { span, share: flows[span]!.flow }, causal: null };
    trace.map = await lensMap(model, traced, scores.answer.ids[0]!, signal);
    trace.almostSaid = almostSaid;
    this.residue.checks.push(...(await identityChecks(model, traced, trace.name, attribution!.residual, signal)));
    end();
  }

  private async letSpeak({ name, probe }: PlannedRun, trace: RunTrace): Promise<void> {
    if (!this.generation) return;
    const { model, options, seed } = this;
    const end = this.progress.begin(`${name}: generation`);
    trace.generation = await speak(model, probe, { ...this.generation, seed: this.generation.seed + seed }, options.signal);
    const { looping, note } = await loopingOf(model, probe, trace.generation, options.signal);
    trace.looping = looping;
    if (note) this.notes.add(note);
    end();
  }

  private async command(call: CommandCall, run: PlannedRun, probe: TracedRun, trace: RunTrace, control: TracedRun | null): Promise<void> {
    const command = this.commandOf(call);
    const end = this.progress.begin(`${run.name}: ${call.name}`);
    const outcome = await command.run(
      {
        model: this.model,
        shell: this.shell,
        probe,
        control,
        paraphrases: run.paraphrases.map(({ prompt }) => prompt),
        trace,
        seed: this.seed,
        signal: this.options.signal,
        progress: end,
      },
      call.params,
    );
    (trace.commands ??= []).push(outcome);
    end();
  }

  private commandOf(call: CommandCall): Command {
    const command = commandByName(call.name);
    if (!command) throw new InputError(`There is no command ${call.name}.`, this.placeOf(call));
    return command;
  }

  /** What a command refuses is told at its place in the shell. */
  private placed(call: CommandCall, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof InputError) throw new InputError(error.message, { ...error.place, ...this.placeOf(call, error.place.field) });
      throw error;
    }
  }

  /** Where a command, or one of its parameters, stands in the shell. */
  private placeOf(call: CommandCall, field?: string): Place {
    const param = field?.startsWith(`${call.name}.`) ? field.split('.')[1] : undefined;
    return placeOf(this.source, (param !== undefined && call.paramRanges[param]) || call.range);
  }

  /** The causal curves: of every run where that is affordable, else of the headline's alone. */
  private async interveneOnLayers(): Promise<void> {
    const { residue, model } = this;
    const primary = this.probes[residue.primary]!;
    const rest = [...this.probes.filter((probe) => probe !== primary), ...this.controls];
    if (!this.causalEverywhere && rest.length > 0) {
      this.notes.add('Layers were ablated in the run of the headline alone: in all runs it would take too long on a model of this size.');
    }
    for (const one of this.causalEverywhere ? [primary, ...rest] : [primary]) {
      const end = this.progress.begin(`${one.trace.name}: mean ablation of each layer`);
      const scores = one.trace.scores!;
      one.trace.salience!.causal = await causalSalience(model, one.prompt.ids, contestOf(scores), scores.margin, this.meansFor(one), {
        signal: this.options.signal,
        residuals: one.residuals,
        onProgress: (done, total) => end(done, total),
      });
      end();
      if (one === primary) this.partial();
    }
  }

  /** Runs over whose tokens an ablated output is averaged: control and paraphrases of the same vary values, else the prompt itself. */
  private meansFor(one: Measured): OutputSums[] {
    const planned = this.plan.runs[this.probes.indexOf(one)] ?? this.plan.runs.find(({ control }) => this.controls[control!] === one)!;
    const alike = planned.paraphrases.map(({ prompt }) => this.paraphrases.get(promptKey(prompt))!.sums);
    const means = [...(planned.control === null ? [] : [this.controls[planned.control]!.sums]), ...alike];
    if (means.length > 0) return means;
    this.notes.add('The shell has neither control nor paraphrases, so ablated outputs were replaced by their mean over the prompt itself.');
    return [one.sums];
  }

  /** The first run that fails, else the last that was measured; and its control. */
  private choosePrimary(): void {
    const { residue, plan } = this;
    const failing = residue.runs.findIndex(({ scores }) => scores?.failed);
    residue.primary = failing >= 0 ? failing : Math.max(0, this.probes.length - 1);
    const control = plan.runs[residue.primary]!.control;
    if (control !== null && this.controls[control]) residue.control = this.controls[control].trace;
  }

  /** Density, verdict and expectations, once everything is measured. */
  private conclude(): void {
    const { residue, plan, shell } = this;
    const perRun = shell.paraphrases.length;
    residue.density = failureDensity(
      residue.runs.map((probe, i) => ({ probe, paraphrases: residue.paraphrases.slice(i * perRun, (i + 1) * perRun) })),
    );
    const run = residue.runs[residue.primary]!;
    residue.verdict = verdictOf({
      run,
      control: plan.runs[residue.primary]!.control === null ? null : residue.control,
      layers: this.model.spec.nLayers,
      patterns: this.patterns[residue.primary]!,
      paraphrases: perRun,
    });
    const { results, skipped } = checkExpectations(shell, this.source, { run, verdict: residue.verdict, density: residue.density });
    residue.expectations = results;
    if (skipped.length > 0) this.notes.add(`Not run, so not checked: ${skipped.join(', ')}.`);
    residue.notes = [...this.notes];
    residue.status = 'complete';
  }

  private partial(): void {
    this.options.onPartial?.(structuredClone({ ...this.residue, notes: [...this.notes] }));
  }
}
