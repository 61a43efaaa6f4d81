import type { ModelSpec } from '../../model/spec.js';
import type { Edit, RunResult } from '../api.js';
import { inOrder, tokensOf } from './edits.js';
import type { Extent } from './edits.js';
import { vectorAt } from './stream-edits.js';

/** A variant, placed: nothing before `layer` and `position` differs from the unchanged run. */
export interface Placed {
  index: number;
  /** Whether anything was asked for. */
  edited: boolean;
  /** What is done on the way, from `layer` on. */
  edits: readonly Edit[];
  layer: number;
  position: number;
  /** What is added to the unchanged residual stream as it enters `layer`. */
  added: Added | null;
  /** Whether everything in `layer` up to the heads' outputs, z, is as it was, and known from the unchanged run. */
  afterHeads: boolean;
}

/** Vectors [n, d_model] for the positions from `first` on, and the hook point that they are added to. */
export interface Added {
  hook: string;
  first: number;
  vectors: Float32Array;
}

/**
 * Where a variant of a run parts from it. Its edits have been checked; those that cannot reach the last position are left out.
 * @param inside Whether it may begin inside a block.
 */
export function place(spec: ModelSpec, run: RunResult, edits: readonly Edit[], index: number, extent: Extent, inside: boolean): Placed {
  const changing = edits.length === 1 ? withoutWhatIsThere(spec, run, edits[0]!, extent) : edits;
  const ordered = inOrder(changing).flatMap((edit) => reduced(spec, edit, extent.tokens - 1));
  const written = writesOnly(spec, run, ordered);
  const start = startOf(ordered, spec.nLayers, extent.tokens);
  if (written === null)
    return {
      index,
      edited: edits.length > 0,
      edits: ordered,
      added: null,
      ...start,
      afterHeads: inside && leavesHeads(run, ordered, start.layer),
    };
  const added = difference(spec, run, ordered, written, extent);
  return { index, edited: edits.length > 0, edits: [], added, ...start, layer: start.layer + 1, afterHeads: false };
}

/**
 * A variant's only edit without the positions where it writes what the run has there: those of a prompt and its control before their
 * first difference. (Behind another edit, what is there may no longer be what the run had.)
 */
function withoutWhatIsThere(spec: ModelSpec, run: RunResult, edit: Edit, extent: Extent): Edit[] {
  if (edit.kind !== 'replace') return [edit];
  const hook = `blocks.${edit.layer}.${edit.at === 'z' ? 'attn.hook_z' : `hook_${edit.at}`}`;
  if (!run.hooks.includes(hook)) return [edit];
  const { data } = run.get(hook);
  const width = widthOf(spec, edit.at);
  const [stride, first] = edit.at === 'z' ? [spec.nHeads * width, edit.head * width] : [width, 0];
  const named = tokensOf(edit.positions, extent);
  const differing = named.filter(({ token, at }) => {
    const start = token * stride + first;
    return vectorAt(edit.value, width, at).some((x, i) => x !== data[start + i]);
  });
  // Of a position that is named twice the last value counts.
  if (differing.length === named.length || new Set(named.map(({ token }) => token)).size < named.length) return [edit];
  if (differing.length === 0) return [];
  const value = new Float32Array(differing.length * width);
  differing.forEach(({ at }, i) => value.set(vectorAt(edit.value, width, at), i * width));
  return [{ ...edit, positions: differing.map(({ token }) => token), value }];
}

/** In the last layer only what the last position reads and writes counts, but for the stream that keys and values are made of. */
function reduced(spec: ModelSpec, edit: Edit, last: number): Edit[] {
  const lastLayer = spec.nLayers - 1;
  if (edit.kind === 'knockout' || edit.kind === 'scale-values') {
    if (edit.layers === 'all' || edit.layers.some((layer) => layer !== lastLayer)) return [edit];
    // A query that is named twice is scaled twice.
    const queries = edit.queries === 'all' ? [last] : edit.queries.filter((query) => query === last);
    return queries.length > 0 ? [{ ...edit, queries }] : [];
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

/** Whether no edit concerns what a layer's heads read and how they look, and the run has kept what they give. */
function leavesHeads(run: RunResult, edits: readonly Edit[], layer: number): boolean {
  const behind = edits.every((edit) => {
    if (edit.kind === 'knockout' || edit.kind === 'scale-values') return edit.layers !== 'all' && !edit.layers.includes(layer);
    return edit.layer !== layer || (edit.kind !== 'project-out' && !('at' in edit && edit.at === 'resid_pre'));
  });
  return behind && run.hooks.includes(`blocks.${layer}.attn.hook_z`);
}

/** What edits of one hook make of it, less what it was, from the first to the last position that they name. */
function difference({ dModel }: ModelSpec, run: RunResult, edits: readonly Edit[], hook: string, extent: Extent): Added {
  const named = edits.flatMap((edit) => tokensOf('positions' in edit ? edit.positions : 'all', extent).map(({ token }) => token));
  const first = named.reduce((a, b) => Math.min(a, b), extent.tokens);
  const end = 1 + named.reduce((a, b) => Math.max(a, b), first - 1);
  const was = run.get(hook).data.subarray(first * dModel, end * dModel);
  const vectors = was.slice();
  for (const edit of edits) {
    if (edit.kind !== 'replace' && edit.kind !== 'add' && edit.kind !== 'scale-out') continue;
    for (const { token, at } of tokensOf(edit.positions, extent)) change(vectors, (token - first) * dModel, dModel, edit, at);
  }
  for (let i = 0; i < vectors.length; i++) vectors[i] = vectors[i]! - was[i]!;
  return { hook, first, vectors };
}

/** Changes a vector in place by an edit that names it as the `at`-th of its positions. */
function change(
  vectors: Float32Array,
  start: number,
  width: number,
  edit: Extract<Edit, { kind: 'replace' | 'add' | 'scale-out' }>,
  at: number,
): void {
  if (edit.kind === 'scale-out') {
    for (let i = start; i < start + width; i++) vectors[i] = vectors[i]! * edit.scale;
    return;
  }
  const value = vectorAt(edit.value, width, at);
  if (edit.kind === 'replace') vectors.set(value, start);
  else for (let i = 0; i < width; i++) vectors[start + i] = vectors[start + i]! + value[i]!;
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
