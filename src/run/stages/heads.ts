import { participationRatio } from '../../methods/complexity.js';
import { mean } from '../../methods/statistics.js';
import type { Attribution } from '../../residue/types.js';
import { forwardCost } from '../cost.js';
import { disruptionSection } from '../heads/disruption.js';
import { nullAttribution } from '../heads/nothing.js';
import { nullSharesOf, weakDirectionsOf } from '../heads/null-space.js';
import { errorPropagation, propagationRows } from '../heads/propagation.js';
import { headsSection } from '../heads/section.js';
import { TEST_ROWS } from '../heads/test.js';
import { sourceSpan } from '../patterns.js';
import type { Stage } from '../stage.js';
import { rowAt } from '../trace.js';

/** Multiply-adds that the tests of all runs' verdicts may cost together. */
const VERDICT_BUDGET = 2e10;
/** Multiply-adds that following errors through the headline may cost. */
const PROPAGATION_BUDGET = 1e12;

/** What is read off a trace as a whole: attention disruption, trace complexity, logit-null share, and what made nothing come. */
export const shape: Stage = {
  name: 'shape',
  label: 'attention disruption and shape of the trace',
  on: 'traced',
  fills: ['shape', 'disruption', 'nullSpace'],
  async run({ model, shell, planned, subject, control, paraphrases, residue, seed, signal, note }) {
    const traced = await subject.traced();
    const { trace, prompt } = subject;
    const contributions = contributionsOf(trace.attribution!);
    const found = await weakDirectionsOf(model, signal);
    const { weak } = found;
    if (weak === null) note(`The logit-null share was not measured: ${found.why}.`);
    const residual = rowAt(traced.result.get(`blocks.${model.spec.nLayers - 1}.hook_resid_post`), traced.position);
    const reworded = trace.label === 'probe' ? paraphrases : [];
    const [logitNull, ...others] = weak ? nullSharesOf(model, [residual, ...reworded.map(({ final }) => final)], weak) : [null];
    trace.shape = {
      complexity: participationRatio(contributions),
      parts: contributions.filter((c) => c !== 0).length,
      logitNull: logitNull!,
    };
    trace.disruption = disruptionSection(model, traced, control && (await control.traced()), sourceSpan(shell, prompt.spans), seed);
    const nothing = await nullAttribution(model, traced, trace.scores!, signal);
    if (nothing) trace.nothing = nothing;
    if (!weak || trace.label !== 'probe') return;
    const byRun = [
      ...(residue.nullSpace?.byRun ?? []),
      { name: trace.name, share: logitNull! },
      ...others.map((share, i) => ({ name: planned.paraphrases[i]!.name, share: share! })),
    ];
    residue.nullSpace = { volume: mean(byRun.map(({ share }) => share)), byRun, directions: weak.count, of: weak.dModel };
  },
};

/** Every term of the margin. */
const contributionsOf = (a: Attribution): number[] => [
  a.embed,
  a.posEmbed,
  ...a.head.flat(),
  ...a.attnBias,
  ...a.mlp,
  a.lnFinalBias,
  a.unembedBias,
];

/** The QK/OV verdict of each head that touches the span, and ghost heads, tested by interventions at the answer position. */
export const verdicts: Stage = {
  name: 'head verdicts',
  label: 'verdicts of heads',
  on: 'every',
  fills: ['headVerdicts'],
  cost: ({ model }, { ids }) => forwardCost(model, ids.length) + TEST_ROWS * forwardCost(model, 1),
  budget: VERDICT_BUDGET,
  overBudget: 'Verdicts of heads were tested in the run of the headline alone: in all runs it would take too long on a model of this size.',
  async run({ model, shell, subject, control, seed, signal, progress }) {
    const name = sourceSpan(shell, subject.prompt.spans);
    if (name === null) return;
    subject.trace.headVerdicts = await headsSection(
      model,
      {
        probe: await subject.traced(),
        control: control && (await control.traced()),
        trace: subject.trace,
        controlMargin: control?.trace.scores?.margin ?? null,
        name,
        seed,
      },
      { signal, onProgress: progress },
    );
  },
};

/** How an error of a hundredth grows from layer to layer. */
export const propagation: Stage = {
  name: 'propagation',
  label: 'growth of an error',
  on: 'headline',
  fills: ['propagation'],
  cost: ({ model }, { ids }) => forwardCost(model, ids.length) + propagationRows(model.spec.nLayers) * forwardCost(model, 1),
  budget: PROPAGATION_BUDGET,
  overBudget: 'The growth of errors was not measured: it would take too long on a model of this size.',
  async run({ model, subject, control, seed, signal, progress }) {
    subject.trace.propagation = await errorPropagation(model, await subject.traced(), control && (await control.traced()), seed, {
      signal,
      onProgress: progress,
    });
  },
};
