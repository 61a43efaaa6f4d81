import type { Edit } from '../../engine/api.js';
import type { Span } from '../../methods/attention.js';
import { quantile } from '../../methods/statistics.js';
import type { Variant } from '../edited.js';
import type { Scene } from './verdicts.js';

/** Random spans that a silent head is cut off from, beside the span. */
export const GHOST_NULLS = 16;

interface HeadName {
  layer: number;
  head: number;
}

/** Whether something is left to attend to when the span is cut off. */
export const canCut = ({ span, run }: Scene): boolean => span[1] - span[0] < run.prompt.ids.length;

/** Cuts a head off from a span at the answer position. */
export const cut = ({ run }: Scene, { layer, head }: HeadName, [start, end]: Span): Edit => ({
  kind: 'knockout',
  layers: [layer],
  heads: [head],
  queries: [run.position],
  keys: Array.from({ length: end - start }, (_, i) => start + i),
});

/** What a silent head is tested by: cut off from the span, then from each of the random spans. */
export const ghostVariants = (scene: Scene, head: HeadName): Variant[] =>
  [scene.span, ...scene.nulls.slice(0, GHOST_NULLS)].map((span) => [cut(scene, head, span)]);

/**
 * Whether a head that looks at the span and writes nothing from it is a ghost: cut off from it, it changes the margin by no more than cut
 * off from random spans, or by nothing that counts.
 * @param effects Changes of the margin under `ghostVariants`, nats.
 * @param nothing Nats that are nothing here (`headVerdicts`).
 */
export function judgeGhost(
  [effect, ...others]: readonly number[],
  nothing: number,
): { effect: number; null95: number | null; ghost: boolean } {
  const null95 = others.length === 0 ? null : quantile(others.map(Math.abs), 0.95);
  return { effect: effect!, null95, ghost: Math.abs(effect!) <= Math.max(nothing, null95 ?? 0) };
}
