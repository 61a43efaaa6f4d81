import type { ModelSpec } from '../../model/spec.js';
import type { BlockEdit } from '../../graph/block.js';
import type { Edit } from '../api.js';
import { neutral } from './attention-edits.js';
import { rowsOf, tokensOf } from './edits.js';
import type { Extent } from './edits.js';
import { floatTensor } from './sessions.js';
import type { Feeds, Tensor } from './sessions.js';

const ONE3 = neutral(1, 3);
const ZERO3 = neutral(0, 3);
const ONE4 = neutral(1, 4);
const ZERO4 = neutral(0, 4);

/** The feeds of a block that no edit concerns. */
const NEUTRAL: Readonly<Record<Exclude<BlockEdit, 'value_scale'>, Tensor>> = {
  z_mul: ONE4,
  z_add: ZERO4,
  attn_mul: ONE3,
  attn_add: ZERO3,
  mlp_mul: ONE3,
  mlp_add: ZERO3,
};

/**
 * What a block's z, attn_out and mlp_out are multiplied by, then increased by. `edits` are in the order of application: each is
 * composed onto those before (replace: × 0 + value; scale: both × scale; add: + value).
 */
export function outputFeeds(spec: ModelSpec, edits: readonly Edit[], layer: number, extent: Extent): Feeds {
  const feeds: Feeds = { ...NEUTRAL };
  const own = edits.filter((e) => 'layer' in e && e.layer === layer);
  for (const at of ['z', 'attn', 'mlp'] as const) {
    const here = own.filter((e) => placeOf(e) === at);
    if (here.length === 0) continue;
    const { mul, add } = compose(spec, here, at, extent);
    feeds[`${at}_mul`] = mul;
    if (add) feeds[`${at}_add`] = add;
  }
  return feeds;
}

function placeOf(edit: Edit): 'z' | 'attn' | 'mlp' | null {
  if (edit.kind === 'scale-head') return 'z';
  if (edit.kind !== 'replace' && edit.kind !== 'add' && edit.kind !== 'scale-out') return null;
  return edit.at === 'z' ? 'z' : edit.at === 'attn_out' ? 'attn' : edit.at === 'mlp_out' ? 'mlp' : null;
}

function compose(spec: ModelSpec, edits: readonly Edit[], at: 'z' | 'attn' | 'mlp', extent: Extent): { mul: Tensor; add: Tensor | null } {
  const rows = edits.some((e) => e.row !== undefined) ? extent.batch : 1;
  const heads = at === 'z' ? spec.nHeads : 1;
  const width = at === 'z' ? spec.dHead : spec.dModel;
  const slots = rows * extent.tokens * heads;
  const mul = new Float32Array(slots).fill(1);
  const add = edits.some((e) => e.kind === 'replace' || e.kind === 'add') ? new Float32Array(slots * width) : null;
  for (const edit of edits) {
    const head = 'head' in edit ? edit.head : 0;
    const positions = 'positions' in edit ? edit.positions : 'all';
    const tokens = tokensOf(positions, extent);
    for (const row of rowsOf(edit, rows)) {
      for (const { token, at: place } of tokens) {
        const slot = (row * extent.tokens + token) * heads + head;
        const start = slot * width;
        if (edit.kind === 'scale-head' || edit.kind === 'scale-out') {
          mul[slot] = mul[slot]! * edit.scale;
          if (add) for (let i = start; i < start + width; i++) add[i] = add[i]! * edit.scale;
        } else if (edit.kind === 'replace' || edit.kind === 'add') {
          // Without a view of each position's vector: there are hundreds of them, of a few numbers.
          const { value } = edit;
          const from = value.length === width ? 0 : place * width;
          if (edit.kind === 'replace') {
            mul[slot] = 0;
            for (let i = 0; i < width; i++) add![start + i] = value[from + i]!;
          } else for (let i = 0; i < width; i++) add![start + i] = add![start + i]! + value[from + i]!;
        }
      }
    }
  }
  const shape = (last: number) => (at === 'z' ? [rows, extent.tokens, heads, last] : [rows, extent.tokens, last]);
  return { mul: floatTensor(mul, shape(1)), add: add && floatTensor(add, shape(width)) };
}

/** The vector of an edit's value, one for all positions or one for each, at the `place`-th of them. */
export const vectorAt = (value: Float32Array, width: number, place: number): Float32Array =>
  value.length === width ? value : value.subarray(place * width, (place + 1) * width);

/**
 * The residual stream [B, T, d_model] with the layer's edits of resid_pre; the same array when there are none.
 * @param own Whether the array is the caller's alone, and may be written into.
 */
export function editResidual(
  spec: ModelSpec,
  edits: readonly Edit[],
  layer: number,
  extent: Extent,
  residual: Float32Array,
  own = false,
): Float32Array {
  const here = edits.filter((e) => 'layer' in e && e.layer === layer && (e.kind === 'project-out' || ('at' in e && e.at === 'resid_pre')));
  if (here.length === 0) return residual;
  const width = spec.dModel;
  const out = own ? residual : residual.slice();
  for (const edit of here) {
    if (edit.kind !== 'replace' && edit.kind !== 'add' && edit.kind !== 'project-out') continue;
    for (const row of rowsOf(edit, extent.batch)) {
      for (const { token, at } of tokensOf(edit.positions, extent)) {
        const start = (row * extent.tokens + token) * width;
        const vector = out.subarray(start, start + width);
        if (edit.kind === 'project-out') projectOut(vector, edit.direction);
        else if (edit.kind === 'replace') vector.set(vectorAt(edit.value, width, at));
        else {
          const added = vectorAt(edit.value, width, at);
          vector.forEach((x, i) => (vector[i] = x + added[i]!));
        }
      }
    }
  }
  return out;
}

/** r − (r·u)u with u the direction's unit vector. */
function projectOut(vector: Float32Array, direction: Float32Array): void {
  let dot = 0;
  let square = 0;
  for (let i = 0; i < vector.length; i++) {
    dot += vector[i]! * direction[i]!;
    square += direction[i]! ** 2;
  }
  const share = dot / square;
  for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! - share * direction[i]!;
}
