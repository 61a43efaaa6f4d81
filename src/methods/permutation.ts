import { Random } from './random.js';
import { mean } from './statistics.js';

/** Every relabelling is tried up to this many; beyond it as many are drawn. */
export const RELABELLINGS = 4096;

/** Relative slack under which two statistics count as equal: sums in another order differ in the last digits. */
const TIE = 1e-9;

export interface PermutationTest {
  /** What was tested: the mean of the differences, or the difference of the means (second − first). */
  statistic: number;
  /** Two-sided: the share of relabellings whose statistic is at least as large in magnitude, the observed one among them. */
  p: number;
  /** The smallest p that so many values can give: 2/2ⁿ for pairs. A larger sample is needed to go below it. */
  smallest: number;
  exact: boolean;
}

/**
 * Are paired differences centred on 0? If the two conditions were exchangeable, each difference could as well have had the other
 * sign: p is the share of the 2ⁿ sign patterns whose |mean| is at least the observed one (Fisher 1935). All patterns up to n = 12,
 * else 4,095 seeded draws and p = (1 + #)/(1 + draws). Negating every difference leaves p as it is.
 * @param differences [n], n ≥ 2; null for fewer, for one pair cannot be told from chance.
 */
export function signFlipTest(differences: readonly number[], seed = 0): PermutationTest | null {
  const n = differences.length;
  if (n < 2) return null;
  const size = Math.abs(sum(differences));
  const reaches = (total: number): boolean => Math.abs(total) >= size - TIE * scaleOf(differences);
  const statistic = mean(differences);
  if (2 ** n <= RELABELLINGS) {
    let count = 0;
    for (let signs = 0; signs < 2 ** n; signs++) {
      let total = 0;
      for (let i = 0; i < n; i++) total += (signs >> i) & 1 ? -differences[i]! : differences[i]!;
      if (reaches(total)) count++;
    }
    return { statistic, p: count / 2 ** n, smallest: 2 / 2 ** n, exact: true };
  }
  const random = new Random(seed);
  let count = 1;
  for (let draw = 1; draw < RELABELLINGS; draw++) {
    let total = 0;
    for (const d of differences) total += random.next() & 1 ? -d : d;
    if (reaches(total)) count++;
  }
  return { statistic, p: count / RELABELLINGS, smallest: 1 / RELABELLINGS, exact: false };
}

/**
 * Do two samples have the same mean? p is the share of the ways to deal all values into groups of the same sizes whose difference
 * of means is at least the observed one in magnitude (Pitman 1937). Every way where there are at most 4,096, else seeded draws.
 * Swapping the samples leaves p as it is: the pooled values are sorted before they are dealt.
 * @param a [n] @param b [m], each of at least 2 values; null for fewer.
 */
export function twoSampleTest(a: readonly number[], b: readonly number[], seed = 0): PermutationTest | null {
  if (a.length < 2 || b.length < 2) return null;
  const pool = [...a, ...b].sort((x, y) => x - y);
  const all = sum(pool);
  const k = Math.min(a.length, b.length);
  const n = pool.length;
  const statistic = mean(b) - mean(a);
  const differenceOf = (inside: number): number => Math.abs(inside / k - (all - inside) / (n - k));
  const floor = Math.abs(statistic) - TIE * scaleOf(pool);
  const ways = choose(n, k);
  if (ways <= RELABELLINGS) {
    let count = 0;
    for (const subset of subsets(n, k)) if (differenceOf(subset.reduce((s, i) => s + pool[i]!, 0)) >= floor) count++;
    return { statistic, p: count / ways, smallest: (a.length === b.length ? 2 : 1) / ways, exact: true };
  }
  const random = new Random(seed);
  let count = 1;
  for (let draw = 1; draw < RELABELLINGS; draw++) {
    const inside = random.sample(n, k).reduce((s, i) => s + pool[i]!, 0);
    if (differenceOf(inside) >= floor) count++;
  }
  return { statistic, p: count / RELABELLINGS, smallest: 1 / RELABELLINGS, exact: false };
}

const sum = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0);
const scaleOf = (values: readonly number[]): number => values.reduce((s, v) => s + Math.abs(v), 0);

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return Math.round(ways);
}

/** The k-subsets of 0 … n − 1 in lexicographic order. */
function* subsets(n: number, k: number): Generator<readonly number[]> {
  const at = Array.from({ length: k }, (_, i) => i);
  for (;;) {
    yield at;
    let i = k - 1;
    while (i >= 0 && at[i] === n - k + i) i--;
    if (i < 0) return;
    at[i]!++;
    for (let j = i + 1; j < k; j++) at[j] = at[j - 1]! + 1;
  }
}
