import type { RunResult } from '../../engine/api.js';
import { randomSpans } from '../../methods/random-spans.js';
import { nullBand, spansInWords } from '../../methods/significance.js';
import type { RunTrace } from '../../residue/types.js';
import type { Verification } from '../../residue/types-verify.js';
import { knockoutEffects } from '../nulls/knockout.js';
import { contestOf } from '../observe.js';
import { LEAST_EFFECT, opinionOf, sayOf } from '../opinions/opinion.js';
import type { StageContext } from '../stage.js';
import { variantMargins } from './patching.js';

/** Whether a command has cut the answer position off from this span. */
export const isInhibited = ({ commands }: RunTrace, span: string): boolean =>
  commands?.some(({ name, params }) => name === 'INHIBIT' && params['span'] === span) ?? false;

/**
 * Attention knockout of the source span at the answer position (Geva et al. 2023), with its null and its second opinion.
 * @param most Paraphrases that are asked at most.
 */
export async function cutOff(
  context: StageContext,
  run: RunResult,
  span: string,
  [start, end]: readonly [number, number],
  most: number,
): Promise<NonNullable<Verification['knockout']>> {
  const { model, subject, signal } = context;
  const contest = contestOf(subject.trace.scores!);
  const keys = Array.from({ length: end - start }, (_, i) => start + i);
  const cut = (layers: readonly number[] | 'all') =>
    [{ kind: 'knockout', layers, heads: 'all', queries: [subject.prompt.ids.length - 1], keys }] as const;
  const each = Array.from({ length: model.spec.nLayers }, (_, l) => cut([l]));
  const [base, all, ...byLayer] = await variantMargins(model, run, [[], cut('all'), ...each], contest, { signal });
  const effect = all! - base!;
  const told = { span, effect, byLayer: byLayer.map((m) => m - base!) };
  // An INHIBIT of the span is told in its place, with these of its own.
  return isInhibited(subject.trace, span) || Math.abs(effect) < LEAST_EFFECT
    ? told
    : { ...told, ...(await standing(context, span, effect, most)) };
}

/** The same knockout of random spans, with the values set to zero in its place, and in each paraphrase. */
async function standing(
  { model, subject, paraphrases, seed, signal }: StageContext,
  name: string,
  effect: number,
  most: number,
): Promise<Pick<NonNullable<Verification['knockout']>, 'null' | 'opinion'>> {
  const everywhere = [[{ layers: 'all', heads: 'all' } as const]];
  const { prompt, trace } = subject;
  const span = prompt.spans[name]!;
  const drawn = randomSpans(prompt.ids.length, span, seed);
  const cuts = [{ span, zero: true }, ...drawn.map((one) => ({ span: one }))];
  const [zero, ...nulls] = await knockoutEffects(model, prompt, contestOf(trace.scores!), cuts, everywhere, signal);
  const by = [sayOf('its values set to zero', zero!, effect)];
  for (const [i, { prompt: other, scores }] of paraphrases.slice(0, most).entries()) {
    const twin = other.spans[name];
    if (!twin || twin[1] - twin[0] >= other.ids.length) continue;
    const [same] = await knockoutEffects(model, other, contestOf(scores), [{ span: twin }], everywhere, signal);
    by.push(sayOf(`paraphrase ${i + 1}`, same!, effect));
  }
  return { null: nullBand(effect, nulls, `the same knockout of ${spansInWords(drawn)}`, 'size'), opinion: opinionOf(by) };
}
