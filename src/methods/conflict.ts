import { jensenShannon } from './divergence.js';

/** Part of an instruction's solo direction below which it is suppressed. */
export const SUPPRESSED = 0.5;

/** Least distance, Jensen-Shannon nats, at which an output is another one: that of an even bet whose odds change by a tenth of a nat. */
export const LEAST_DISTANCE = jensenShannon(
  [Math.log(0.5), Math.log(0.5)],
  [0.1, 0].map((z) => z - Math.log(1 + Math.exp(0.1))),
);

/** How an output under two instructions lies to each alone. */
export interface Conflict {
  /** It is another output than either alone gives: farther from both than half of what these are apart, and by enough to be another. */
  far: boolean;
  /** Both have less than half of their solo direction; null where one has no direction. */
  suppressed: boolean | null;
  present: boolean;
  /** [0, 1]: its distance to the nearer by what the two are apart, or what is missing of the larger projection. */
  score: number;
}

/**
 * Conflict of two instructions (docs/methods.md): with J the Jensen-Shannon divergence (Lin 1991) and π the projection on a solo direction,
 *
 *   far = min(J_a, J_b) > J_ab / 2,   suppressed = π_a < ½ and π_b < ½,   score = max(min(J_a, J_b) / J_ab, suppressed · (1 − max(π_a, π_b)))
 *
 * limited to [0, 1], and where the nearer output is less than `LEAST_DISTANCE` away, not far.
 * @param toA Jensen-Shannon divergence of the output with both from that of a alone, nats; `toB` alike, `between` of the two alone.
 * @param projections Part of each solo direction that is there with both; null where one has none.
 */
export function conflict(toA: number, toB: number, between: number, projections: { a: number; b: number } | null): Conflict {
  const nearer = Math.min(toA, toB);
  const far = nearer >= LEAST_DISTANCE && nearer > between / 2;
  const suppressed = projections && projections.a < SUPPRESSED && projections.b < SUPPRESSED;
  const distance = nearer < LEAST_DISTANCE ? 0 : between > 0 ? Math.min(1, nearer / between) : 1;
  const missing = suppressed ? Math.min(1, Math.max(0, 1 - Math.max(projections.a, projections.b))) : 0;
  return { far, suppressed, present: far || suppressed === true, score: Math.max(distance, missing) };
}
