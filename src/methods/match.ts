/** What a head does, by which heads of different models are matched: an index means nothing across models. */
export interface Role {
  /** Attention from the answer position to the span, a share. */
  attention: number;
  /** Contribution to the margin over the largest of any head's, in [−1, 1]. */
  contribution: number;
  /** Relative depth, in (0, 1]. */
  depth: number;
}

/** Depth counts for less than what the head reads and writes. */
const DEPTH_WEIGHT = 0.5;

/** A head is left without a partner when the best one is farther than twice this. */
export const ALONE = 0.4;

/** Most heads of a side that `matchByRole` takes: the assignment is found exactly, in 2ᵐ steps per head. */
export const MOST_MATCHED = 12;

/** How unlike two roles are: |Δ attention| + |Δ contribution| + |Δ depth| / 2. 0 for the same role; symmetric. */
export function roleDistance(a: Role, b: Role): number {
  return Math.abs(a.attention - b.attention) + Math.abs(a.contribution - b.contribution) + DEPTH_WEIGHT * Math.abs(a.depth - b.depth);
}

/**
 * Pairs of a one-to-one matching whose summed distance is the least possible, a head without a partner counting `ALONE`
 * (an assignment problem, solved exactly by dynamic programming over the subsets of `b`).
 * @param a [n] @param b [m], m ≤ 12.
 * @returns [index in a, index in b], ascending in a.
 */
export function matchByRole(a: readonly Role[], b: readonly Role[]): [number, number][] {
  if (b.length > MOST_MATCHED) throw new RangeError(`At most ${MOST_MATCHED} heads can be matched, not ${b.length}.`);
  const all = 1 << b.length;
  // cost[used]: least cost of the heads of `a` so far with exactly these of `b` taken; choice[i][used]: whom head i then took (−1: no one).
  let cost = new Float64Array(all).fill(Infinity);
  cost[0] = 0;
  const choice: Int8Array[] = [];
  for (const head of a) {
    const next = new Float64Array(all).fill(Infinity);
    const taken = new Int8Array(all).fill(-1);
    for (let used = 0; used < all; used++) {
      if (cost[used] === Infinity) continue;
      if (cost[used]! + ALONE < next[used]!) {
        next[used] = cost[used]! + ALONE;
        taken[used] = -1;
      }
      for (let j = 0; j < b.length; j++) {
        if (used & (1 << j)) continue;
        const with_ = used | (1 << j);
        const total = cost[used]! + roleDistance(head, b[j]!);
        if (total < next[with_]!) {
          next[with_] = total;
          taken[with_] = j;
        }
      }
    }
    cost = next;
    choice.push(taken);
  }
  let used = 0;
  const withAlone = (set: number): number => cost[set]! + ALONE * (b.length - bits(set));
  for (let set = 1; set < all; set++) if (withAlone(set) < withAlone(used)) used = set;
  const pairs: [number, number][] = [];
  for (let i = a.length - 1; i >= 0; i--) {
    const j = choice[i]![used]!;
    if (j < 0) continue;
    pairs.unshift([i, j]);
    used &= ~(1 << j);
  }
  return pairs;
}

function bits(set: number): number {
  let count = 0;
  for (let rest = set; rest; rest &= rest - 1) count++;
  return count;
}
