import { signFlipTest, twoSampleTest, type PermutationTest } from '../methods/permutation.js';
import { quantile } from '../methods/statistics.js';
import type { Difference, DifferenceTest } from '../residue/types-comparison.js';
import type { RunTrace } from '../residue/types.js';
import type { Measure } from './measures.js';
import { paraphrasesAt, varyKey, type Side } from './sides.js';

/** Values of both sides that a difference is tested over. In pairs they stand at the same index. */
export interface Samples {
  a: number[];
  b: number[];
}

export interface Design {
  a: Side;
  b: Side;
  /** Whether run and wording of the same name are the same prompt on both sides. */
  paired: boolean;
  seed: number;
}

type Untested = { test: null; untested: string };
type Tested = { test: DifferenceTest; untested?: undefined };

/** Tests a measure over what it is known for; its q is set later, over all tests. */
export function testMeasure(measure: Measure, design: Design): Tested | Untested {
  const { a, b } = design;
  if (measure.of(a.run, a) === null || measure.of(b.run, b) === null) return { test: null, untested: 'one side has no value' };
  if (measure.untested) return { test: null, untested: measure.untested };
  if (a.prompt === 'control' || b.prompt === 'control') return { test: null, untested: 'a control has one wording and one run' };
  if (measure.known === 'wordings' && !measure.everywhere) {
    const at = (side: Side): RunTrace[] => [side.run, ...paraphrasesAt(side, side.run)];
    return over('wordings', samplesOf(measure, at(a), at(b), design), design);
  }
  const all = (side: Side): RunTrace[] => (measure.everywhere ? [...side.runs, ...side.paraphrases] : side.runs);
  return over(measure.everywhere ? 'all runs' : 'values of vary', samplesOf(measure, all(a), all(b), design), design);
}

const NAMES: Record<DifferenceTest['over'], string> = {
  wordings: 'one wording: give the shell paraphrases',
  'values of vary': 'one run: give the shell values to vary',
  'all runs': 'one run',
};

/** A permutation test of two samples, paired or not. */
export function over(
  what: DifferenceTest['over'],
  { a, b }: Samples,
  { paired, seed }: Pick<Design, 'paired' | 'seed'>,
): Tested | Untested {
  const result = paired
    ? signFlipTest(
        a.map((v, i) => b[i]! - v),
        seed,
      )
    : twoSampleTest(a, b, seed);
  if (!result) return { test: null, untested: NAMES[what] };
  return { test: asTest(what, paired, [a.length, b.length], result) };
}

function asTest(
  what: DifferenceTest['over'],
  paired: boolean,
  n: [number, number],
  { statistic, p, smallest }: PermutationTest,
): DifferenceTest {
  return { over: what, design: paired ? 'pairs' : 'groups', n, mean: statistic, p, smallest, q: 1 };
}

/** The values of runs that have one; in pairs, of runs of the same name and vary values. */
function samplesOf({ of }: Measure, runsA: readonly RunTrace[], runsB: readonly RunTrace[], { a, b, paired }: Design): Samples {
  const values = (runs: readonly RunTrace[], side: Side): { key: string; value: number }[] =>
    runs.flatMap((run) => {
      const value = of(run, side);
      return value === null ? [] : [{ key: `${run.label === 'probe' ? 'probe' : run.name} ${varyKey(run)}`, value }];
    });
  const [p, q] = [values(runsA, a), values(runsB, b)];
  if (!paired) return { a: p.map(({ value }) => value), b: q.map(({ value }) => value) };
  const twins = new Map(q.map(({ key, value }) => [key, value]));
  const both = p.filter(({ key }) => twins.has(key));
  return { a: both.map(({ value }) => value), b: both.map(({ key }) => twins.get(key)!) };
}

/** How far rewording alone moves a value: over pairs of wordings within a side, at the vary values that are looked at. */
export function wordingSpread(measure: Measure, a: Side, b: Side): Difference['wording'] {
  const [p, q] = [measure.of(a.run, a), measure.of(b.run, b)];
  if (measure.known !== 'wordings' || measure.everywhere || p === null || q === null) return null;
  const spread = [a, b].flatMap((side) => {
    const values = [side.run, ...paraphrasesAt(side, side.run)].flatMap((run) => measure.of(run, side) ?? []);
    return values.flatMap((x, i) => values.slice(i + 1).map((y) => Math.abs(x - y)));
  });
  if (spread.length === 0) return null;
  const p95 = quantile(spread, 0.95);
  return { pairs: spread.length, p95, beyond: Math.abs(q - p) > p95 };
}
