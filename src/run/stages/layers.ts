import { causalCost, causalSalience, type OutputSums } from '../ablate.js';
import { contestOf } from '../observe.js';
import type { Stage, StageContext } from '../stage.js';

/** Multiply-adds that the causal curves of all runs may cost together. */
const BUDGET = 2e10;

/** The causal curves of layer salience: what each layer's attention and MLP are worth when they are replaced by their means. */
export const layers: Stage = {
  name: 'layers',
  label: 'mean ablation of each layer',
  on: 'every',
  fills: ['salience'],
  cost: ({ model }, { ids }) => causalCost(model, ids.length),
  budget: BUDGET,
  overBudget: 'Layers were ablated in the run of the headline alone: in all runs it would take too long on a model of this size.',
  async run(context) {
    const { model, subject, signal, progress } = context;
    const scores = subject.trace.scores!;
    const { result } = await subject.traced();
    subject.trace.salience!.causal = await causalSalience(model, result, contestOf(scores), scores.margin, meansFor(context), {
      signal,
      onProgress: progress,
    });
  },
};

/** Runs over whose tokens an ablated output is averaged: control and paraphrases of the same vary values, else the prompt itself. */
function meansFor({ subject, control, paraphrases, note }: StageContext): OutputSums[] {
  const own = control ?? (subject.trace.label === 'control' ? subject : null);
  const means = [...(own ? [own.sums] : []), ...paraphrases.map(({ sums }) => sums)];
  if (means.length > 0) return means;
  note('The shell has neither control nor paraphrases, so ablated outputs were replaced by their mean over the prompt itself.');
  return [subject.sums];
}
