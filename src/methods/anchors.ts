import { argmax } from './statistics.js';

/**
 * Each anchor's own tokens: those of its ids that no other anchor has, each once. Where every anchor has some that may be said (`sayable`:
 * the first tokens of the answer and its rivals), these alone, for the others only name the moment.
 * @param anchors Token ids of each anchor.
 * @returns Per anchor; empty where all of its tokens are shared.
 */
export function ownTokens(anchors: readonly (readonly number[])[], sayable: ReadonlySet<number>): number[][] {
  const own = anchors.map((ids, i) => [...new Set(ids)].filter((id) => !anchors.some((other, j) => j !== i && other.includes(id))));
  const said = own.map((ids) => ids.filter((id) => sayable.has(id)));
  return said.every((ids) => ids.length > 0) ? said : own;
}

/** Index of the largest value; null of nothing but nulls. */
export function largest(values: readonly (number | null)[]): number | null {
  const index = argmax(values.map((value) => value ?? -Infinity));
  return index < 0 || values[index] === null ? null : index;
}

/**
 * The anchor that a layer attends to: the one with the largest mass, if that is more than attention spread evenly over all tokens
 * up to p would give it; else null (the layer attends to none of them).
 * @param masses Σ α over each anchor, a mean over heads.
 * @param lengths Tokens of each anchor.
 * @param tokens Tokens up to p, p included.
 */
export function attendedAnchor(masses: readonly number[], lengths: readonly number[], tokens: number): number | null {
  const best = largest(masses);
  return best !== null && masses[best]! > lengths[best]! / tokens ? best : null;
}
