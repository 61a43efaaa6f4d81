import { ALONE, matchByRole, roleDistance, type Role } from '../methods/match.js';
import type { ComparedHead, ComparedHeads } from '../residue/types-comparison.js';
import type { RunTrace } from '../residue/types.js';
import { spanOf } from './measures.js';
import { varyKey, weightsOf, type Side } from './sides.js';
import { over, type Design } from './tests.js';

/** Heads of a side that are compared: those that write most, and those that look at the span most. */
const BY_CONTRIBUTION = 6;
const BY_ATTENTION = 2;

/** Heads of two sides, matched: by index where the weights are the same, by role otherwise. Null where either has no attribution. */
export function compareHeads(design: Design): ComparedHeads | null {
  const { a, b } = design;
  if (!a.run.attribution || !b.run.attribution) return null;
  const spans = { a: spanOf(a.run), b: spanOf(b.run) };
  const weights = weightsOf(a);
  const byIndex = weights !== null && weights === weightsOf(b);
  const [headsA, headsB] = [headsOf(a, a.run, spans.a), headsOf(b, b.run, spans.b)];
  if (byIndex) {
    const chosen = telling(headsA, headsB);
    return {
      by: 'index',
      spans,
      pairs: chosen.map((i) => ({
        a: headsA[i]!,
        b: headsB[i]!,
        distance: null,
        chance: null,
        test: testOf(headsA[i]!, headsB[i]!, design),
      })),
      unmatched: { a: [], b: [] },
    };
  }
  const [topA, topB] = [leading(headsA), leading(headsB)];
  const matched = matchEitherWay(topA.map(roleOf), topB.map(roleOf));
  const all = headsA.map(roleOf).flatMap((p) => headsB.map((q) => roleDistance(p, roleOf(q))));
  const pairs = matched.map(([i, j]) => {
    const distance = roleDistance(roleOf(topA[i]!), roleOf(topB[j]!));
    const alike = all.filter((d) => d <= distance).length;
    return { a: topA[i]!, b: topB[j]!, distance, chance: alike / all.length, test: testOf(topA[i]!, topB[j]!, design) };
  });
  const usedA = new Set(matched.map(([i]) => i));
  const usedB = new Set(matched.map(([, j]) => j));
  return {
    by: 'role',
    spans,
    pairs: pairs.filter(({ distance }) => distance <= 2 * ALONE),
    unmatched: { a: topA.filter((_, i) => !usedA.has(i)), b: topB.filter((_, j) => !usedB.has(j)) },
  };
}

/** Several matchings may cost the same; which is taken does not depend on the side that is named first. */
function matchEitherWay(a: readonly Role[], b: readonly Role[]): [number, number][] {
  if (JSON.stringify(a) <= JSON.stringify(b)) return matchByRole(a, b);
  return matchByRole(b, a)
    .map(([j, i]): [number, number] => [i, j])
    .sort(([p], [q]) => p - q);
}

/** Every head of a run, layer by layer. */
function headsOf({ residue }: Side, run: RunTrace, span: string | null): ComparedHead[] {
  const { layers } = residue.provenance.model;
  const { head } = run.attribution!;
  const largest = Math.max(...head.flat().map(Math.abs)) || 1;
  const attention = span === null ? undefined : run.attention?.spans[span]?.attention;
  return head.flatMap((row, layer) =>
    row.map((contribution, h) => ({
      layer,
      head: h,
      depth: (layer + 1) / layers,
      attention: attention?.[layer]?.[h] ?? null,
      contribution,
      relative: contribution / largest,
    })),
  );
}

const roleOf = ({ attention, relative, depth }: ComparedHead) => ({ attention: attention ?? 0, contribution: relative, depth });

function leading(heads: readonly ComparedHead[]): ComparedHead[] {
  const by = (value: (head: ComparedHead) => number, count: number, from: readonly ComparedHead[]): ComparedHead[] =>
    [...from].sort((p, q) => value(q) - value(p)).slice(0, count);
  const writers = by(({ contribution }) => Math.abs(contribution), BY_CONTRIBUTION, heads);
  const rest = heads.filter((head) => !writers.includes(head));
  return [...writers, ...by(({ attention }) => attention ?? 0, BY_ATTENTION, rest)];
}

/** Indexes of the heads that matter on either side. */
function telling(a: readonly ComparedHead[], b: readonly ComparedHead[]): number[] {
  const weight = (i: number): number => Math.max(Math.abs(a[i]!.contribution), Math.abs(b[i]!.contribution));
  const order = a.map((_, i) => i).sort((p, q) => weight(q) - weight(p));
  return order.slice(0, BY_CONTRIBUTION + BY_ATTENTION);
}

/** Tests the difference of two heads' contributions over the runs that both sides have. */
function testOf(p: ComparedHead, q: ComparedHead, design: Design) {
  const { a, b, paired } = design;
  if (!paired) return null;
  const twins = a.runs.flatMap((run) => {
    const twin = b.runs.find((other) => varyKey(other) === varyKey(run));
    const [x, y] = [run.attribution?.head[p.layer]?.[p.head], twin?.attribution?.head[q.layer]?.[q.head]];
    return x === undefined || y === undefined ? [] : [[x, y] as const];
  });
  return over('values of vary', { a: twins.map(([x]) => x), b: twins.map(([, y]) => y) }, design).test;
}
