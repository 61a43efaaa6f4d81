import type { ModelSpec } from '../../model/spec.js';
import type { Edit, RunResult } from '../api.js';
import { inOrder, tokensOf } from './edits.js';
import type { Extent } from './edits.js';
import { vectorAt } from './stream-edits.js';

/** A variant, placed: nothing before `layer` and `position` differs from the unchanged run. */
export interface Placed {
  index: number;
  /** As it was asked for. */
  given: readonly Edit[];
  /** What is done on the way, from `layer` on. */
  edits: readonly Edit[];
  layer: number;
  position: number;
  /** What is added to the unchanged residual stream as it enters `layer`, by position; and the hook point that it is added to. */
  added: ReadonlyMap<number, Float32Array>;
  addedTo: string | null;
}

/** Where a variant of a run parts from it. Its edits have been checked; those that cannot reach the last position are left out. */
export function place(spec: ModelSpec, run: RunResult, edits: readonly Edit[], index: number, extent: Extent): Placed {
  const ordered = inOrder(edits).flatMap((edit) => reduced(spec, edit, extent.tokens - 1));
  const written = writesOnly(spec, run, ordered);
  const start = startOf(ordered, spec.nLayers, extent.tokens);
  if (written === null) return { index, given: edits, edits: ordered, added: new Map(), addedTo: null, ...start };
  const added = difference(spec, run, ordered, written, extent);
  return { index, given: edits, edits: [], added, addedTo: written, ...start, layer: start.layer + 1 };
}

/** In the last layer only what the last position reads and writes counts, but for the stream that keys and values are made of. */
function reduced(spec: ModelSpec, edit: Edit, last: number): Edit[] {
  const lastLayer = spec.nLayers - 1;
  if (edit.kind === 'knockout' || edit.kind === 'scale-values') {
    if (edit.layers === 'all' || edit.layers.some((layer) => layer !== lastLayer)) return [edit];
    return edit.queries === 'all' || edit.queries.includes(last) ? [{ ...edit, queries: [last] }] : [];
  }
  if (edit.layer !== lastLayer || edit.kind === 'project-out' || ('at' in edit && edit.at === 'resid_pre')) return [edit];
  const { positions } = edit;
  if (positions !== undefined && positions !== 'all') {
    const first = positions.indexOf(last);
    if (first < 0) return [];
    // A position that is named twice is edited twice.
    if (positions.lastIndexOf(last) !== first) return [edit];
    if (!('value' in edit)) return [{ ...edit, positions: [last] }];
    return [{ ...edit, positions: [last], value: vectorAt(edit.value, widthOf(spec, edit.at), first) }];
  }
  if (!('value' in edit)) return [{ ...edit, positions: [last] }];
  return [{ ...edit, positions: [last], value: vectorAt(edit.value, widthOf(spec, edit.at), last) }];
}

const widthOf = (spec: ModelSpec, at: string): number => (at === 'z' ? spec.dHead : spec.dModel);

/**
 * The hook that all of the edits concern, where it is one that nothing in its block reads and the run has kept it: what then leaves the
 * block is known without running it. Else null.
 */
function writesOnly(spec: ModelSpec, run: RunResult, edits: readonly Edit[]): string | null {
  const first = edits[0];
  if (!first || !('at' in first) || (first.at !== 'mlp_out' && !(first.at === 'attn_out' && spec.parallelResidual))) return null;
  if (!edits.every((edit) => 'at' in edit && edit.at === first.at && edit.layer === first.layer)) return null;
  const hook = `blocks.${first.layer}.hook_${first.at}`;
  return run.hooks.includes(hook) ? hook : null;
}

/** What edits of one hook make of it, less what it was, at each position that they name. */
function difference(
  { dModel }: ModelSpec,
  run: RunResult,
  edits: readonly Edit[],
  hook: string,
  extent: Extent,
): Map<number, Float32Array> {
  const { data } = run.get(hook);
  const now = new Map<number, Float32Array>();
  const was = (position: number): Float32Array => data.subarray(position * dModel, (position + 1) * dModel);
  for (const edit of edits) {
    if (edit.kind !== 'replace' && edit.kind !== 'add' && edit.kind !== 'scale-out') continue;
    for (const { token, at } of tokensOf(edit.positions, extent)) {
      const old = now.get(token) ?? was(token);
      now.set(token, changed(edit, old, at));
    }
  }
  return new Map([...now].map(([token, vector]) => [token, vector.map((x, i) => x - was(token)[i]!)]));
}

/** A vector under an edit that names it as the `at`-th of its positions. */
function changed(edit: Extract<Edit, { kind: 'replace' | 'add' | 'scale-out' }>, old: Float32Array, at: number): Float32Array {
  if (edit.kind === 'scale-out') return old.map((x) => x * edit.scale);
  const value = vectorAt(edit.value, old.length, at);
  return edit.kind === 'replace' ? value : old.map((x, i) => x + value[i]!);
}

/** First layer and position that edits may change; behind everything where they change nothing. */
function startOf(edits: readonly Edit[], layers: number, length: number): { layer: number; position: number } {
  let layer = layers;
  let position = length - 1;
  for (const edit of edits) {
    const own = 'layer' in edit ? [edit.layer] : edit.layers === 'all' ? [0] : edit.layers;
    const where = 'queries' in edit ? edit.queries : (edit.positions ?? 'all');
    layer = Math.min(layer, ...own);
    position = where === 'all' ? 0 : Math.min(position, ...where);
  }
  return { layer, position };
}
