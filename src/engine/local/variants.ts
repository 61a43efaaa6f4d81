import { setImmediate as nextTurn } from 'node:timers/promises';
import { dot } from '../../methods/linear.js';
import { InputError, throwIfAborted } from '../../errors.js';
import type { Edit, RunResult, VariantOptions, VariantOutputs } from '../api.js';
import { AttentionFeeds, headsKnown } from './attention-edits.js';
import { checkBudget, editNumbers } from './budget.js';
import { LocalCache } from './cache.js';
import { checkEdits } from './edits.js';
import type { Extent } from './edits.js';
import { refuseOverflow } from './finite.js';
import { noTokens } from './forward.js';
import type { Engine } from './forward.js';
import { LastValues } from './last-values.js';
import { giveBack } from './memory.js';
import { place } from './placing.js';
import type { Placed } from './placing.js';
import { resolvePositions, ropeFeeds } from './positions.js';
import type { Positions } from './positions.js';
import { floatTensor, floatsOf, intTensor } from './sessions.js';
import type { Feeds } from './sessions.js';
import { editResidual, outputFeeds } from './stream-edits.js';
import { checkIndex } from './validate.js';

/** Tokens of one pass over the layers, and numbers of its attention scores, at most. Fixed, so that results do not depend on the machine. */
const PASS_TOKENS = 1024;
const PASS_SCORES = 2 ** 23;
/** The last positions are passed over together: each alone would give the matrix products too few rows to be worth their start. */
const TAIL = 4;

/**
 * Logits of a few tokens at the last position of a run, under each variant's edits. Causal attention leaves everything before a
 * variant's first edited position as it was, in every layer, and everything before its first edited layer: so variants of one
 * position share that prefix's keys and values, and enter the batch at their own layer with the unchanged residual stream.
 *
 * @param run One row, with every `hook_resid_pre`, the last `hook_resid_post` and its cache.
 * @returns [variant, token]
 */
export async function variantLogits(
  engine: Engine,
  run: RunResult,
  variants: readonly (readonly Edit[])[],
  { tokens, hooks = [], positions: ids, signal, onProgress }: VariantOptions,
): Promise<VariantOutputs> {
  const { spec } = engine.loaded;
  const base = baseOf(engine, run);
  tokens.forEach((id) => checkIndex(id, 0, spec.vocabSize - 1, 'token', 'tokens'));
  const positions = resolvePositions(spec, ids, 1, run.length, 0);
  const whole: Extent = { batch: 1, tokens: run.length, past: 0, origin: 0, lenient: false };
  const placed = variants.map((edits, index): Placed => {
    checkEdits(spec, edits, whole);
    return place(spec, run, edits, index, whole);
  });
  const data = new Float32Array(variants.length * tokens.length);
  const last = new LastValues(spec, run, hooks, variants.length);
  const read = columns(engine, tokens);
  let done = 0;
  for (const batch of passes(placed, run.length, spec.nHeads)) {
    batch.forEach((one) => last.unchanged(one));
    const vectors = await pass(engine, base, batch, positions, last, signal);
    const { logits, scales } = await read(vectors);
    logits.forEach((values, row) => data.set(values, batch[row]!.index * tokens.length));
    if (last.of(spec.nLayers).length > 0) last.take(spec.nLayers, 'ln_final.hook_scale', scales, batch);
    done += batch.length;
    onProgress?.(done, variants.length);
  }
  return { data, shape: [variants.length, tokens.length], last: last.arrays };
}

interface Base {
  length: number;
  /** [layer + 1] of [T, d_model] */
  residuals: Float32Array[];
  cache: LocalCache;
  /** What a layer's heads gave, [T, head, d_head]. */
  heads: (layer: number) => Float32Array;
}

function baseOf({ loaded: { spec }, owner }: Engine, run: RunResult): Base {
  const cache = run.cache;
  if (!(cache instanceof LocalCache) || cache.owner !== owner || run.batch !== 1 || cache.length !== run.length) {
    throw new InputError('Variants need a run of one row of this model that starts from no cache and keeps its own: set keepCache.', {
      field: 'cache',
    });
  }
  const names = Array.from({ length: spec.nLayers + 1 }, (_, l) =>
    l < spec.nLayers ? `blocks.${l}.hook_resid_pre` : `blocks.${l - 1}.hook_resid_post`,
  );
  return { length: run.length, residuals: names.map((name) => run.get(name).data), cache, heads: (layer) => run.get(`blocks.${layer}.attn.hook_z`).data };
}

/** Variants that are run together: by first position, those that enter early first. */
function passes(placed: readonly Placed[], length: number, heads: number): Placed[][] {
  const groups = new Map<number, Placed[]>();
  for (const one of placed) {
    const start = Math.min(one.position, Math.max(0, length - TAIL));
    groups.set(start, [...(groups.get(start) ?? []), one]);
  }
  return [...groups].flatMap(([start, members]) => {
    const tokens = length - start;
    const size = Math.max(1, Math.min(Math.floor(PASS_TOKENS / tokens), Math.floor(PASS_SCORES / (heads * tokens * length))));
    members.sort((a, b) => a.layer - b.layer || Number(a.afterHeads) - Number(b.afterHeads) || a.index - b.index);
    return Array.from({ length: Math.ceil(members.length / size) }, (_, i) => members.slice(i * size, (i + 1) * size));
  });
}

/** One pass from the first member's layer to the last layer; gives the last position's residual of each member, [member, d_model]. */
async function pass(
  engine: Engine,
  base: Base,
  members: readonly Placed[],
  { rows: [ids] }: Positions,
  last: LastValues,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { loaded, parts, memoryBudget } = engine;
  const { spec } = loaded;
  const { dModel: width, nLayers } = spec;
  const past = Math.min(...members.map((m) => m.position), Math.max(0, base.length - TAIL));
  const tokens = base.length - past;
  const edits = members.flatMap((member, row) => member.edits.map((edit) => ({ ...moved(edit, past), row })));
  const full: Extent = { batch: members.length, tokens, past, origin: past, lenient: false };
  const size = { batch: members.length, tokens, past, hooks: [], keepCache: false, logitRows: 0, edits: editNumbers(spec, edits, full) };
  checkBudget(spec, size, memoryBudget);
  const rope = ropeFeeds(spec, { rows: [ids!.subarray(past)] });
  /** The feeds of attention that no edit concerns, by how many tokens are asked for. */
  const plain = new Map<number, AttentionFeeds>();
  const attentionFeeds = (own: readonly Edit[], layer: number, extent: Extent): Feeds => {
    if (own.some(({ kind }) => kind === 'knockout' || kind === 'scale-values'))
      return new AttentionFeeds(spec, own, extent).feeds(layer, past);
    if (!plain.has(extent.tokens)) plain.set(extent.tokens, new AttentionFeeds(spec, [], extent));
    return plain.get(extent.tokens)!.feeds(layer, past);
  };
  const asIs = members.flatMap((member) => member.given);
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
  /** Runs a block on some of the members, from row `first` on; gives what leaves it. */
  const through = async (layer: number, first: number, count: number, feeds: Feeds): Promise<Float32Array> => {
    const wanted = last.of(layer);
    const part = await parts.block(layer);
    const given = await part.run(feeds, ['hook_resid_post', ...wanted]);
    for (const local of wanted) last.take(layer, local, floatsOf(given[local]!), members.slice(first, first + count));
    giveBack([floatsOf(feeds.resid_pre!), ...wanted.map((local) => floatsOf(given[local]!))]);
    const post = floatsOf(given.hook_resid_post!);
    refuseOverflow(loaded, post, layer, asIs);
    return post;
  };
  for (let layer = members[0]!.layer; layer < nLayers; layer++) {
    await nextTurn();
    throwIfAborted(signal);
    arrive(layer, tokens);
    // Nothing reads what the last layer makes of the tokens before the last.
    const asked = layer < nLayers - 1 ? tokens : 1;
    const extentOf = (batch: number): Extent => ({ batch, tokens: asked, past: base.length - asked, origin: past, lenient: asked < tokens });
    if (entered > 0) {
      const own = edits.filter((e) => e.row < entered && concerns(e, layer));
      editResidual(spec, own, layer, { ...full, batch: entered }, residual, true);
      const extent = extentOf(entered);
      residual = await through(layer, 0, entered, {
        ...rope,
        ...attentionFeeds(own, layer, extent),
        ...outputFeeds(spec, own, layer, extent),
        resid_pre: floatTensor(residual, [entered, tokens, width]),
        past_k: base.cache.first('keys', layer, past),
        past_v: base.cache.first('values', layer, past),
        recent_k: noTokens(spec, entered),
        recent_v: noTokens(spec, entered),
        rows: intTensor(Array.from({ length: asked }, (_, i) => tokens - asked + i)),
      });
    }
    const late = members.filter((m) => m.layer === layer && m.afterHeads).length;
    if (late === 0) continue;
    await nextTurn();
    throwIfAborted(signal);
    const first = entered;
    const own = edits.filter((e) => e.row >= first && e.row < first + late && concerns(e, layer)).map((e) => ({ ...e, row: e.row - first }));
    const rows = (data: Float32Array): Float32Array => repeated(data.subarray(data.length - (data.length / base.length) * asked), late);
    const z = floatTensor(rows(base.heads(layer)), [late, asked, spec.nHeads, spec.dHead]);
    const post = await through(layer, first, late, {
      ...rope,
      ...headsKnown(spec, z),
      ...outputFeeds(spec, own, layer, extentOf(late)),
      resid_pre: floatTensor(rows(base.residuals[layer]!), [late, asked, width]),
      rows: intTensor(Array.from({ length: asked }, (_, i) => i)),
    });
    giveBack([floatsOf(z)]);
    residual = joined(residual, post);
    entered += late;
  }
  throwIfAborted(signal);
  arrive(nLayers, 1);
  // What was written outright behind the last layer has been looked through nowhere.
  refuseOverflow(loaded, residual, nLayers - 1, asIs);
  return residual;
}

const concerns = (edit: Edit, layer: number): boolean =>
  'layer' in edit ? edit.layer === layer : edit.layers === 'all' || edit.layers.includes(layer);

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

/** Reads the logits of a few tokens off residual vectors, [vector][token]: the final norm, then those columns of the unembedding alone. */
function columns(
  { loaded, parts }: Engine,
  tokens: readonly number[],
): (vectors: Float32Array) => Promise<{ logits: number[][]; scales: Float32Array }> {
  const { dModel } = loaded.spec;
  const { w, b } = loaded.weights.readUnembed(tokens);
  return async (vectors) => {
    const part = await parts.finalNorm();
    const n = vectors.length / dModel;
    const { hook_out: out, hook_scale: scale } = await part.run({ resid: floatTensor(vectors, [n, dModel]) }, ['hook_out', 'hook_scale']);
    const normed = floatsOf(out!);
    const logits = Array.from({ length: n }, (_, row) => {
      const x = normed.subarray(row * dModel, (row + 1) * dModel);
      return tokens.map((_, i) => dot(x, w.subarray(i * dModel, (i + 1) * dModel)) + (b ? b[i]! : 0));
    });
    return { logits, scales: floatsOf(scale!) };
  };
}
