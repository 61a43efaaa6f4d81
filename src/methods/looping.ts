/** Repetitions of the tail from which on a text is said to loop. */
export const MIN_REPEATS = 3;

/** rep-n (Welleck et al. 2020): the share of n-grams that repeat an earlier one, 1 − different / all. 0 for fewer than n tokens. */
export function repetition(ids: readonly number[], n = 4): number {
  const total = ids.length - n + 1;
  if (total < 1) return 0;
  const seen = new Set<string>();
  for (let i = 0; i < total; i++) seen.add(ids.slice(i, i + n).join(' '));
  return 1 - seen.size / total;
}

export interface Period {
  /** Tokens. */
  period: number;
  /** Whole repetitions at the end. */
  repeats: number;
}

/** The smallest period that the end of `ids` repeats `MIN_REPEATS` times or more; null when there is none. */
export function tailPeriod(ids: readonly number[], minRepeats = MIN_REPEATS): Period | null {
  for (let period = 1; period * minRepeats <= ids.length; period++) {
    let equal = 0;
    for (let i = ids.length - 1; i >= period && ids[i] === ids[i - period]; i--) equal++;
    const repeats = Math.floor((equal + period) / period);
    if (repeats >= minRepeats) return { period, repeats };
  }
  return null;
}

/**
 * Induction score of a head (Olsson et al. 2022, prefix matching): over positions q ≥ `from` whose token occurred before, the mean
 * attention to the tokens that followed those earlier occurrences, Σ over k ≤ q with ids[k − 1] = ids[q] of α(q, k).
 * @param pattern One head's [query, key], row-major.
 * @returns A share; 0 where no token occurs twice.
 */
export function inductionScore(pattern: Float32Array, ids: readonly number[], from: number): number {
  const length = ids.length;
  const followers = new Map<number, number[]>();
  let sum = 0;
  let count = 0;
  for (let q = 0; q < length; q++) {
    const earlier = followers.get(ids[q]!);
    if (q >= from && earlier) {
      for (const k of earlier) sum += pattern[q * length + k]!;
      count++;
    }
    // The token at q has a follower, q + 1, that later queries may attend to.
    if (earlier) earlier.push(q + 1);
    else followers.set(ids[q]!, [q + 1]);
  }
  return count === 0 ? 0 : sum / count;
}

/** Where `part` begins in `ids`; null when it is not in it, or empty. */
export function indexOfIds(ids: readonly number[], part: readonly number[]): number | null {
  if (part.length === 0) return null;
  for (let i = 0; i + part.length <= ids.length; i++) if (part.every((id, j) => ids[i + j] === id)) return i;
  return null;
}
