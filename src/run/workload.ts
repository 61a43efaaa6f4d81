import { forwardCost } from './cost.js';
import type { Plan, PlannedRun } from './plan.js';
import type { Ask, Stage } from './stage.js';
import type { PreparedPrompt } from './types.js';

/** What a run's stages cost, which of them are affordable where, and so how much progress there is to tell. A step is a forward pass. */
export class Workload {
  /** Stages that are run at all, in order. */
  readonly stages: readonly Stage[];
  /** Steps of the whole run. */
  readonly total: number;
  /** What to tell of stages that are too costly. */
  readonly notes: readonly string[];
  private readonly spread = new Set<Stage>();

  constructor(
    private readonly ask: Ask,
    plan: Plan,
    stages: readonly Stage[],
  ) {
    const probes = plan.runs.map((run) => ({ prompt: run.probe, run }));
    const controls = plan.controls.map(({ prompt }, i) => ({ prompt, run: plan.runs.find(({ control }) => control === i)! }));
    const all = [...probes, ...controls];
    // The headline is not known yet: its costliest candidate stands for it.
    const longest = probes.reduce((a, b) => (b.prompt.ids.length > a.prompt.ids.length ? b : a));
    const cost = (stage: Stage, on: typeof all): number =>
      on.reduce((sum, { prompt, run }) => sum + (stage.cost?.(ask, prompt, run) ?? 0), 0);
    const notes: string[] = [];
    this.stages = stages.filter((stage) => {
      const budget = (typeof stage.budget === 'function' ? stage.budget(ask) : stage.budget) ?? Infinity;
      const fits = stage.on !== 'headline' || cost(stage, [longest]) <= budget;
      if (stage.on === 'every' && cost(stage, all) <= budget) this.spread.add(stage);
      else if (stage.overBudget && (stage.on === 'every' ? all.length > 1 : !fits)) notes.push(stage.overBudget);
      return fits;
    });
    this.notes = notes;
    const of: Record<Stage['on'], typeof all> = { traced: all, probe: probes, headline: [longest], every: all };
    const steps = (stage: Stage): number =>
      (stage.on === 'every' && !this.spread.has(stage) ? [longest] : of[stage.on]).reduce(
        (sum, { prompt, run }) => sum + this.steps(stage, prompt, run),
        0,
      );
    const paraphrases = plan.runs.reduce((sum, run) => sum + run.paraphrases.length, 0);
    this.total = all.length + paraphrases + this.stages.reduce((sum, stage) => sum + steps(stage), 0);
  }

  /** Steps of a stage on one prompt, at least one. */
  steps(stage: Stage, prompt: PreparedPrompt, run: PlannedRun): number {
    const cost = stage.cost?.(this.ask, prompt, run) ?? 0;
    return Math.max(1, Math.round(cost / forwardCost(this.ask.model, prompt.ids.length)));
  }

  /** Whether an `every` stage is affordable on all that was traced. */
  everywhere(stage: Stage): boolean {
    return this.spread.has(stage);
  }
}
