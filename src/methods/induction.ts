import { Random } from './random.js';

/** Random tokens of one block, and how often the block stands there, as Olsson et al. (2022) take them. */
export const BLOCK = 25;
export const REPEATS = 4;

/**
 * Random ids in a block that is repeated: what induction heads are found with (Olsson et al. 2022, 25 tokens four times over).
 * @param pool Ids to draw from, without replacement while there are enough.
 * @param prefix Ids that stand once before the blocks (BOS).
 */
export function repeatedBlocks(pool: readonly number[], block: number, repeats: number, prefix: readonly number[], seed: number): number[] {
  const random = new Random(seed);
  const drawn = random.sample(pool.length, Math.min(block, pool.length)).map((i) => pool[i]!);
  while (drawn.length < block) drawn.push(pool[random.below(pool.length)]!);
  // Ascending ids would let a head match by order; Fisher and Yates 1938.
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [drawn[i], drawn[j]] = [drawn[j]!, drawn[i]!];
  }
  return [...prefix, ...Array.from({ length: repeats }, () => drawn).flat()];
}

export interface RepeatedEnd {
  /** Index of the token that followed the earlier occurrence. */
  follower: number;
  /** Tokens at the end that stood there before, 1 or more. */
  length: number;
}

/**
 * What repeating alone would predict: the longest stretch at the end of `ids` that stood there before, and the token that followed it
 * then. Of equally long ones the latest. Null where the last token occurs once.
 */
export function repeatedEnd(ids: readonly number[]): RepeatedEnd | null {
  let best: RepeatedEnd | null = null;
  const last = ids.length - 1;
  for (let end = last - 1; end >= 0; end--) {
    let length = 0;
    while (length <= end && ids[end - length] === ids[last - length]) length++;
    if (length > 0 && length > (best?.length ?? 0)) best = { follower: end + 1, length };
  }
  return best;
}
