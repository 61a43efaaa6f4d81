import type { Edit, Model, RunResult } from '../../engine/api.js';
import { pairsIn, type AlignedPair } from '../../methods/align.js';
import { causedInterval, hasDrop, recovery, type Ends } from '../../methods/recovery.js';
import type { PatchMap, Verification } from '../../residue/types-verify.js';
import type { Contest } from '../edited.js';
import type { PreparedPrompt } from '../types.js';
import { groupPairs, type Group } from './groups.js';
import { patch, patchHead, variantMargins, type MarginOptions } from './patching.js';

/** Multiply-adds of one map of the default run; more positions are grouped. */
const MAP_BUDGET = 3e10;

export interface Pair {
  model: Model;
  probe: RunResult;
  control: RunResult;
  prompt: PreparedPrompt;
  pairs: readonly AlignedPair[];
  /** Tokens that both prompts begin with: all that is computed there is the same in both, so patching it changes nothing. */
  shared: number;
  contest: Contest;
  ends: Ends;
}

type Patched = Pick<Verification, 'curves' | 'interval' | 'maps' | 'heads'>;

/** Whether moving these activations can change anything. */
const live = ({ shared }: Pair, pairs: readonly AlignedPair[]): AlignedPair[] =>
  pairs.filter(({ probe, control }) => probe !== control || probe >= shared);

/**
 * Curves, interval, maps and heads of patching the control into the probe. The last residual row is known without a run: with the answer
 * position's stream replaced after the last block, the output is the control's.
 */
export async function patchAll(
  pair: Pair,
  span: readonly [number, number] | null,
  full: boolean,
  options: MarginOptions,
): Promise<Patched> {
  if (!hasDrop(pair.ends)) return { curves: null, interval: null, maps: [], heads: null };
  const { model, prompt, pairs } = pair;
  const { nLayers, nHeads } = model.spec;
  const last = pairs.slice(-1);
  const source = span === null ? [] : live(pair, pairsIn(pairs, span));
  const layers = Array.from({ length: nLayers }, (_, l) => l);
  const grouped = groupPairs(model, prompt, pairs, span, full ? Infinity : MAP_BUDGET);
  const places = ['resid_pre', 'attn_out', 'mlp_out'] as const;
  const cells = new Cells();
  const answerCells = layers.map((layer) => cells.add([patch(pair.control, 'resid_pre', layer, last)]));
  const sourceCells = source.length === 0 ? null : layers.map((layer) => cells.add([patch(pair.control, 'resid_pre', layer, source)]));
  const heads = layers.map((layer) => Array.from({ length: nHeads }, (_, head) => cells.add([patchHead(pair.control, layer, head, last)])));
  const maps = places.map((at) => ({
    at,
    cells: layers.map((layer) => grouped.groups.map((group) => cellOf(cells, pair, at, layer, group))),
  }));
  const margins = await variantMargins(model, pair.probe, cells.edits, pair.contest, options);
  const r = (cell: number | null): number => (cell === null ? 0 : recovery(margins[cell]!, pair.ends)!);
  const end = source.some(({ probe }) => probe === prompt.ids.length - 1) ? 1 : 0;
  const curves = { source: sourceCells && [...sourceCells.map(r), end], answer: [...answerCells.map(r), 1] };
  return {
    curves,
    interval: causedInterval(curves.source, curves.answer),
    maps: maps.map(({ at, cells: rows }): PatchMap => ({
      at,
      groups: grouped.groups.map(({ range }) => range),
      complete: grouped.complete,
      recovery: rows.map((row) => row.map(r)),
    })),
    heads: heads.map((row) => row.map(r)),
  };
}

/** Every variant of one call, so that those of one position are run together whatever asked for them. */
class Cells {
  readonly edits: Edit[][] = [];

  add(edits: Edit[]): number {
    return this.edits.push(edits) - 1;
  }
}

/** The cell of one group in one layer; null where it can change nothing. */
function cellOf(cells: Cells, pair: Pair, at: PatchMap['at'], layer: number, { pairs }: Group): number | null {
  const moving = live(pair, pairs);
  return moving.length === 0 ? null : cells.add([patch(pair.control, at, layer, moving)]);
}
