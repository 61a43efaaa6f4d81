import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit } from '../api.js';
import { AttentionFeeds } from './attention-edits.js';
import { checkBudget, editNumbers } from './budget.js';
import { noTokens, type LocalCache } from './cache.js';
import type { Extent } from './edits.js';
import { refuseOverflow } from './finite.js';
import { giveBack } from './memory.js';
import type { Placed } from './placing.js';
import { ropeFeeds } from './positions.js';
import { floatTensor, floatsOf, intTensor } from './sessions.js';
import type { Feeds, Part } from './sessions.js';
import { editResidual, outputFeeds } from './stream-edits.js';

/** The last positions are passed over together: each alone would give the matrix products too few rows to be worth their start. */
export const TAIL = 4;

/** A part that passes of variants run. */
export interface PassPart {
  kind: 'block' | 'behind heads';
  layer: number;
}

export const partName = ({ kind, layer }: PassPart): string => `${kind} ${layer}`;

/** The model that a pass goes through. */
export interface Ground {
  spec: ModelSpec;
  /** Where it lies, for messages. */
  path: string;
  memoryBudget: number;
  block(layer: number): Promise<Part>;
  /** What lies behind a block's heads. */
  behindHeads(layer: number): Promise<Part>;
}

/** The unchanged run of which variants are made. */
export interface Base {
  length: number;
  /** [layer + 1] of [T, d_model] */
  residuals: readonly Float32Array[];
  cache: LocalCache;
  /** What a layer's heads gave, [T, head, d_head], of the layers whose members begin behind them. */
  heads: ReadonlyMap<number, Float32Array>;
  /** Position ids. */
  ids: Int32Array;
  /** Hook points whose values at the last position are wanted, by their names inside each block. */
  wanted: readonly (readonly string[])[];
}

/** What a pass gives. */
export interface Passed {
  /** The last position's residual of each member, [member, d_model]. */
  vectors: Float32Array;
  /** What hook points are at the last position, of the members from `first` on: [member, …]. */
  last: { layer: number; local: string; first: number; count: number; data: Float32Array }[];
}

/**
 * One pass of some variants from the first member's layer to the last layer.
 * @param proceed Throws when there is to be an end of it.
 */
export async function pass(ground: Ground, base: Base, members: readonly Placed[], proceed: () => void): Promise<Passed> {
  const { spec, memoryBudget } = ground;
  const { dModel: width, nLayers } = spec;
  const past = Math.min(...members.map((m) => m.position), Math.max(0, base.length - TAIL));
  const tokens = base.length - past;
  const edits = members.flatMap((member, row) => member.edits.map((edit) => ({ ...moved(edit, past), row })));
  const full: Extent = { batch: members.length, tokens, past, origin: past, lenient: false };
  const size = { batch: members.length, tokens, past, hooks: [], keepCache: false, logitRows: 0, edits: editNumbers(spec, edits, full) };
  checkBudget(spec, size, memoryBudget);
  const rope = ropeFeeds(spec, { rows: [base.ids.subarray(past)] });
  /** The feeds of attention that no edit concerns, by how many tokens are asked for. */
  const plain = new Map<number, AttentionFeeds>();
  const attentionFeeds = (own: readonly Edit[], layer: number, extent: Extent): Feeds => {
    if (own.some(({ kind }) => kind === 'knockout' || kind === 'scale-values'))
      return new AttentionFeeds(spec, own, extent).feeds(layer, past);
    if (!plain.has(extent.tokens)) plain.set(extent.tokens, new AttentionFeeds(spec, [], extent));
    return plain.get(extent.tokens)!.feeds(layer, past);
  };
  const edited = members.some((member) => member.edited);
  const last: Passed['last'] = [];
  let residual: Float32Array = new Float32Array(0);
  let entered = 0;
  /** Takes in the members whose way begins at a layer (`nLayers`: after the last), of whose streams `kept` tokens are wanted. */
  const arrive = (layer: number, kept: number): void => {
    const arrivals = members.filter((m) => m.layer === layer && !m.afterHeads);
    const own = withRows(residual, base.residuals[layer]!.subarray((base.length - kept) * width), arrivals, base.length - kept, width);
    if (own !== residual) giveBack([residual]);
    residual = own;
    entered += arrivals.length;
  };
  /** Runs a block, or what lies behind its heads, on some of the members, from row `first` on; gives what leaves it. */
  const through = async (part: Part, layer: number, first: number, count: number, feeds: Feeds): Promise<Float32Array> => {
    const wanted = base.wanted[layer] ?? [];
    const given = await part.run(feeds, ['hook_resid_post', ...wanted]);
    for (const local of wanted) {
      const { data, dims } = given[local]!;
      last.push({ layer, local, first, count, data: lastOf(data as Float32Array, count * dims[1]!, dims[1]!) });
    }
    giveBack([floatsOf(feeds.resid_pre!), ...wanted.map((local) => floatsOf(given[local]!))]);
    const post = floatsOf(given.hook_resid_post!);
    refuseOverflow(ground, post, layer, edited);
    return post;
  };
  for (let layer = members[0]!.layer; layer < nLayers; layer++) {
    await nextTurn();
    proceed();
    arrive(layer, tokens);
    // Nothing reads what the last layer makes of the tokens before the last.
    const asked = layer < nLayers - 1 ? tokens : 1;
    const extentOf = (batch: number): Extent => ({
      batch,
      tokens: asked,
      past: base.length - asked,
      origin: past,
      lenient: asked < tokens,
    });
    if (entered > 0) {
      const own = edits.filter((e) => e.row < entered && concerns(e, layer));
      editResidual(spec, own, layer, { ...full, batch: entered }, residual, true);
      const extent = extentOf(entered);
      residual = await through(await ground.block(layer), layer, 0, entered, {
        ...rope,
        ...attentionFeeds(own, layer, extent),
        ...outputFeeds(spec, own, layer, extent),
        resid_pre: floatTensor(residual, [entered, tokens, width]),
        past_k: base.cache.first('keys', layer, past),
        past_v: base.cache.first('values', layer, past),
        recent_k: noTokens(spec, entered),
        recent_v: noTokens(spec, entered),
        ...(layer === nLayers - 1 ? { rows: intTensor(Array.from({ length: asked }, (_, i) => tokens - asked + i)) } : {}),
      });
    }
    const late = members.filter((m) => m.layer === layer && m.afterHeads).length;
    if (late === 0) continue;
    await nextTurn();
    proceed();
    const first = entered;
    const own = edits
      .filter((e) => e.row >= first && e.row < first + late && concerns(e, layer))
      .map((e) => ({ ...e, row: e.row - first }));
    const rows = (data: Float32Array): Float32Array => repeated(data.subarray(data.length - (data.length / base.length) * asked), late);
    const z = floatTensor(rows(base.heads.get(layer)!), [late, asked, spec.nHeads, spec.dHead]);
    const post = await through(await ground.behindHeads(layer), layer, first, late, {
      ...outputFeeds(spec, own, layer, extentOf(late)),
      resid_pre: floatTensor(rows(base.residuals[layer]!), [late, asked, width]),
      z,
    });
    giveBack([floatsOf(z)]);
    residual = joined(residual, post);
    entered += late;
  }
  proceed();
  arrive(nLayers, 1);
  // What was written outright behind the last layer has been looked through nowhere.
  refuseOverflow(ground, residual, nLayers - 1, edited);
  return { vectors: residual, last };
}

const concerns = (edit: Edit, layer: number): boolean =>
  'layer' in edit ? edit.layer === layer : edit.layers === 'all' || edit.layers.includes(layer);

/** The last of every `each` rows of an array of `rows` of them. */
function lastOf(data: Float32Array, rows: number, each: number): Float32Array {
  const width = data.length / rows;
  const out = new Float32Array(data.length / each);
  for (let i = 0; i < rows / each; i++) out.set(data.subarray(((i + 1) * each - 1) * width, (i + 1) * each * width), i * width);
  return out;
}

/** An array, so many times. */
function repeated(data: Float32Array, times: number): Float32Array {
  const out = new Float32Array(times * data.length);
  for (let i = 0; i < times; i++) out.set(data, i * data.length);
  return out;
}

/** Two arrays, one behind the other; both are the caller's, and are given back. */
function joined(front: Float32Array, back: Float32Array): Float32Array {
  if (front.length === 0) return back;
  const out = new Float32Array(front.length + back.length);
  out.set(front);
  out.set(back, front.length);
  giveBack([front, back]);
  return out;
}

/** `rows` with a copy of `row` behind for each arrival, what it has added to the stream included; `row` begins at position `first`. */
function withRows(rows: Float32Array, row: Float32Array, arrivals: readonly Placed[], first: number, width: number): Float32Array {
  if (arrivals.length === 0) return rows;
  const out = new Float32Array(rows.length + arrivals.length * row.length);
  out.set(rows);
  arrivals.forEach(({ added }, i) => {
    const start = rows.length + i * row.length;
    out.set(row, start);
    if (!added) return;
    // Of what is added, too, only what stands from `first` on.
    const from = (added.first - first) * width;
    for (let j = Math.max(0, -from); j < added.vectors.length; j++) out[start + from + j] = out[start + from + j]! + added.vectors[j]!;
  });
  return out;
}

/** The same edit with positions counted from the first token after the prefix. */
function moved(edit: Edit, past: number): Edit {
  const move = (positions: readonly number[]): number[] => positions.map((p) => p - past);
  if (edit.kind === 'knockout' || edit.kind === 'scale-values') {
    return { ...edit, queries: edit.queries === 'all' ? 'all' : move(edit.queries), keys: move(edit.keys) };
  }
  return { ...edit, positions: edit.positions === undefined || edit.positions === 'all' ? edit.positions : move(edit.positions) } as Edit;
}
