import type { Span } from '../../methods/attention.js';
import { NULL_SPANS } from '../../methods/random-spans.js';
import { Random } from '../../methods/random.js';
import { nullBand } from '../../methods/significance.js';
import { forwardCost } from '../cost.js';
import { repositionedMargins } from '../edited.js';
import { contestOf } from '../observe.js';
import type { Stage } from '../stage.js';
import { gappedPositions } from '../temporal/positions.js';
import { count } from '../words.js';

/** Multiply-adds that the null of SHIFT may cost: 32 passes of 200 tokens through 150 M parameters. */
const BUDGET = 1e12;

/** The effect of every SHIFT of the headline beside its null: a gap as large that opens anywhere but between its two spans. */
export const shiftNulls: Stage = {
  name: 'shift nulls',
  label: 'the same gap elsewhere',
  on: 'headline',
  fills: ['commands'],
  when: ({ calls }) => calls.some(({ name }) => name === 'SHIFT'),
  cost: ({ model, calls }, { ids }) => calls.filter(({ name }) => name === 'SHIFT').length * NULL_SPANS * forwardCost(model, ids.length),
  budget: BUDGET,
  overBudget: 'SHIFT has no null: on a model of this size it would take too long to open its gap elsewhere.',
  async run({ model, subject, seed, signal, progress }) {
    const { ids, spans } = subject.prompt;
    const scores = subject.trace.scores!;
    for (const outcome of subject.trace.commands ?? []) {
      const { name, params } = outcome;
      const { effect, gap } = outcome.values;
      if (name !== 'SHIFT' || typeof effect !== 'number' || typeof gap !== 'number' || gap === 0) continue;
      const [one, two] = params['between'] as [string, string];
      const places = placesElsewhere(ids.length, spans[one]!, spans[two]!, seed);
      const positions = places.map((at) => gappedPositions(ids.length, at, gap));
      const margins = await repositionedMargins(model, ids, positions, contestOf(scores), { signal, onProgress: progress });
      const band = nullBand(
        effect,
        margins.map((m) => m - scores.margin),
        `the same gap before ${count(places.length, 'other token')}, not between the two`,
        'size',
      );
      if (band) (outcome.nulls ??= {})['effect'] = band;
    }
  },
};

/**
 * Tokens before which a gap opens that does not part two spans from one another: those up to the beginning of the earlier, and those
 * behind the beginning of the later. Not the first token of all, where a gap moves everything alike.
 * @returns At most `most` token indexes, drawn from the seed.
 */
export function placesElsewhere(tokens: number, one: Span, two: Span, seed: number, most = NULL_SPANS): number[] {
  const [earlier, later] = [Math.min(one[0], two[0]), Math.max(one[0], two[0])];
  const all = Array.from({ length: tokens - 1 }, (_, i) => i + 1).filter((at) => at <= earlier || at > later);
  return new Random(seed).sample(all.length, Math.min(most, all.length)).map((i) => all[i]!);
}
