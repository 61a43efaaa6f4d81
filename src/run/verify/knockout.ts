import { cutEdits } from '../../commands/inhibit.js';
import type { RunResult } from '../../engine/api.js';
import type { RunTrace } from '../../residue/types.js';
import type { Verification } from '../../residue/types-verify.js';
import { knockoutStanding } from '../nulls/knockout.js';
import { contestOf } from '../observe.js';
import { LEAST_EFFECT } from '../opinions/opinion.js';
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
  const { model, subject, paraphrases, signal } = context;
  const contest = contestOf(subject.trace.scores!);
  const keys = Array.from({ length: end - start }, (_, i) => start + i);
  const heads = 'all';
  const cut = (layers: readonly number[] | 'all') => cutEdits([{ layers, heads }], subject.prompt.ids.length - 1, keys);
  const each = Array.from({ length: model.spec.nLayers }, (_, l) => cut([l]));
  const [base, all, ...byLayer] = await variantMargins(model, run, [[], cut('all'), ...each], contest, { signal });
  const effect = all! - base!;
  const told = { span, effect, byLayer: byLayer.map((m) => m - base!) };
  // An INHIBIT of the span is told in its place, with these of its own.
  return isInhibited(subject.trace, span) || Math.abs(effect) < LEAST_EFFECT
    ? told
    : { ...told, ...(await knockoutStanding(context, span, effect, [[{ layers: 'all', heads }]], paraphrases.slice(0, most))) };
}
