import { cutEdits, cutTogether, DRAWS, type HeadsAt, type InhibitParams } from '../../commands/inhibit.js';
import type { Edit, Model } from '../../engine/api.js';
import type { Span } from '../../methods/attention.js';
import { NULL_SPANS, randomSpans } from '../../methods/random-spans.js';
import { nullBand, spansInWords, type NullBand, type Opinion } from '../../methods/significance.js';
import { mean } from '../../methods/statistics.js';
import type { CommandOutcome } from '../../residue/types.js';
import { forwardCost } from '../cost.js';
import { marginsAtEnd, type Contest } from '../edited.js';
import { prefixOf } from '../prefix.js';
import { contestOf } from '../observe.js';
import type { Stage, StageContext } from '../stage.js';
import type { PreparedPrompt } from '../types.js';
import { opinionOf, sayOf } from '../opinions/opinion.js';

/** Multiply-adds that nulls and second opinions of interventions may cost together. */
const BUDGET = 1e11;

/**
 * The effect of every INHIBIT of the headline beside its null, the same knockout on random spans; and its second opinion: the span's
 * values set to zero in place of the knockout, and the knockout in each paraphrase. With a rate below 1 each of these is a mean over the
 * same draws of heads, as the effect is.
 */
export const knockoutNulls: Stage = {
  name: 'knockout nulls',
  label: 'random spans and paraphrases cut off',
  on: 'headline',
  fills: ['commands'],
  when: ({ calls }) => calls.some(({ name }) => name === 'INHIBIT'),
  cost: ({ model, calls }, { ids }, { paraphrases }) => {
    const forwards = [ids, ...paraphrases.map(({ prompt }) => prompt.ids)].reduce((sum, { length }) => sum + forwardCost(model, length), 0);
    const sets = calls.filter(({ name }) => name === 'INHIBIT').map(({ params }) => (Number(params['rate'] ?? 1) < 1 ? DRAWS : 1));
    return forwards + sets.reduce((sum, n) => sum + n, 0) * (NULL_SPANS + paraphrases.length) * model.weights.parameters;
  },
  budget: BUDGET,
  overBudget: 'Random spans and paraphrases were not cut off: on a model of this size it would take too long.',
  async run(context) {
    for (const outcome of context.subject.trace.commands ?? [])
      if (outcome.name === 'INHIBIT' && typeof outcome.values['effect'] === 'number') await addNull(context, outcome);
  },
};

async function addNull(context: StageContext, outcome: CommandOutcome): Promise<void> {
  const { model, paraphrases, seed, progress } = context;
  const { params, values } = outcome;
  const sets = cutTogether(model.spec, params as unknown as InhibitParams, seed);
  const standing = await knockoutStanding(context, params['span'] as string, values['effect'] as number, sets, paraphrases, progress);
  if (standing.null) (outcome.nulls ??= {})['effect'] = standing.null;
  if (standing.opinion) (outcome.opinions ??= {})['effect'] = standing.opinion;
}

/**
 * What a knockout's effect is held against: the same knockout of random spans; and the span's values set to zero in its place, and the
 * knockout in each of some paraphrases.
 * @param sets As in `knockoutEffects`.
 */
export async function knockoutStanding(
  { model, subject: { prompt, trace }, seed, signal }: StageContext,
  name: string,
  effect: number,
  sets: readonly (readonly HeadsAt[])[],
  paraphrases: StageContext['paraphrases'],
  progress: (done: number, total: number) => void = () => {},
): Promise<{ null: NullBand | null; opinion: Opinion | null }> {
  const span = prompt.spans[name]!;
  const drawn = randomSpans(prompt.ids.length, span, seed);
  const cuts = [{ span, zero: true }, ...drawn.map((one) => ({ span: one }))];
  const [zero, ...nulls] = await knockoutEffects(model, prompt, contestOf(trace.scores!), cuts, sets, signal);
  progress(1, paraphrases.length + 1);
  const by = [sayOf('its values set to zero', zero!, effect)];
  for (const [i, { prompt: other, scores }] of paraphrases.entries()) {
    const twin = other.spans[name];
    if (twin && twin[1] - twin[0] < other.ids.length) {
      const [same] = await knockoutEffects(model, other, contestOf(scores), [{ span: twin }], sets, signal);
      by.push(sayOf(`paraphrase ${i + 1}`, same!, effect));
    }
    progress(i + 2, paraphrases.length + 1);
  }
  return { null: nullBand(effect, nulls, `the same knockout of ${spansInWords(drawn)}`, 'size'), opinion: opinionOf(by) };
}

/**
 * Effects on the margin of cutting the answer position off from each of several spans, or of setting what it reads there to zero, in one
 * set of heads, or on average over several. A span whose knockout would leave nothing to attend to must not be asked for.
 * @returns Nats, one for each.
 */
export async function knockoutEffects(
  model: Model,
  { ids }: PreparedPrompt,
  contest: Contest,
  cuts: readonly { span: Span; zero?: boolean }[],
  sets: readonly (readonly HeadsAt[])[],
  signal?: AbortSignal,
): Promise<number[]> {
  const last = ids.length - 1;
  const variants = cuts.flatMap(({ span: [start, end], zero }): Edit[][] => {
    const keys = Array.from({ length: end - start }, (_, i) => start + i);
    return sets.map((set) => cutEdits(set, last, keys, zero));
  });
  const [base, ...margins] = await marginsAtEnd(model, await prefixOf(model, ids, signal), [[], ...variants], contest, { signal });
  return cuts.map((_, i) => mean(margins.slice(i * sets.length, (i + 1) * sets.length)) - base!);
}
