import type { Model } from '../../engine/api.js';
import type { AlignedPair } from '../../methods/align.js';
import { forwardCost } from '../cost.js';
import type { PreparedPrompt } from '../types.js';

/** Pairs that are patched together, and the half-open range of the probe's positions that they lie in. */
export interface Group {
  range: [number, number];
  pairs: AlignedPair[];
}

/** Multiply-adds of patching these groups in every layer: a cell (l, t) runs the layers from l on, at the positions from t on. */
export function mapCost(model: Pick<Model, 'spec' | 'weights'>, groups: readonly Group[], length: number): number {
  const half = (model.spec.nLayers + 1) / 2;
  return groups.reduce((sum, { pairs }) => sum + half * forwardCost(model, length - pairs[0]!.probe), 0);
}

/**
 * The places of a map: each aligned position alone where that is within the budget. Otherwise the span and the answer position stay alone
 * and the rest is grouped: by words, by sentences, then in ever larger equal stretches, until it fits.
 */
export function groupPairs(
  model: Pick<Model, 'spec' | 'weights'>,
  prompt: Pick<PreparedPrompt, 'tokens' | 'ids'>,
  pairs: readonly AlignedPair[],
  span: readonly [number, number] | null,
  budget: number,
): { groups: Group[]; complete: boolean } {
  const length = prompt.ids.length;
  const text = (p: number): string => prompt.tokens[p]?.text ?? '';
  const alone = (p: number): boolean => p === length - 1 || (span !== null && p >= span[0] && p < span[1]);
  const build = (joins: (p: number) => boolean): Group[] => {
    const groups: Group[] = [];
    let previous = -1;
    for (const pair of pairs) {
      const p = pair.probe;
      let joined = groups.length > 0 && !alone(p) && !alone(previous);
      for (let q = previous + 1; joined && q <= p; q++) joined = joins(q);
      if (joined) {
        groups.at(-1)!.pairs.push(pair);
        groups.at(-1)!.range[1] = p + 1;
      } else groups.push({ range: [p, p + 1], pairs: [pair] });
      previous = p;
    }
    return groups;
  };
  const single = build(() => false);
  if (mapCost(model, single, length) <= budget) return { groups: single, complete: true };
  const ways: ((p: number) => boolean)[] = [(p) => !/^\s/.test(text(p)), (p) => !/[.!?\n]\s*$/.test(text(p - 1))];
  for (let size = 8; size < 2 * length; size *= 2) ways.push((p) => p % size !== 0);
  let groups = single;
  for (const way of ways) {
    groups = build(way);
    if (mapCost(model, groups, length) <= budget) break;
  }
  return { groups, complete: groups.length === single.length };
}
