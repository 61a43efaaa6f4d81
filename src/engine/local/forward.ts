import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../../errors.js';
import { selectHooks } from '../../graph/hooks.js';
import type { HookPoint } from '../../graph/hooks.js';
import type { LoadedModel } from '../../model/types.js';
import type { Edit, NdArray, RunOptions } from '../api.js';
import type { Lanes } from '../lane/lanes.js';
import { AttentionFeeds } from './attention-edits.js';
import { checkBudget, editNumbers } from './budget.js';
import { LocalCache, noTokens, Segment } from './cache.js';
import { checkEdits, inOrder } from './edits.js';
import type { Extent } from './edits.js';
import { refuseOverflow } from './finite.js';
import type { Parts } from './parts.js';
import { resolvePositions, ropeFeeds } from './positions.js';
import type { Positions } from './positions.js';
import { LocalResult } from './result.js';
import { floatTensor, floatsOf, intTensor } from './sessions.js';
import type { Feeds, Tensor } from './sessions.js';
import { startOf } from './start.js';
import type { Start } from './start.js';
import { editResidual, outputFeeds } from './stream-edits.js';
import { checkContext, checkIndex } from './validate.js';

/** What a forward pass works with. */
export interface Engine {
  loaded: LoadedModel;
  parts: Parts;
  memoryBudget: number;
  /** Marks caches as this model's. */
  owner: object;
  /** Threads that run variants beside this one. */
  lanes: Lanes | null;
}

export interface Pass {
  rows: readonly (readonly number[])[];
  options: Omit<RunOptions, 'cache'>;
  cache: LocalCache | null;
  /** See Extent: a generation's edits count from the prompt's first token. */
  lenient?: boolean;
}

/** A pass with everything checked and made ready. */
interface Plan {
  rows: Pass['rows'];
  cache: LocalCache | null;
  keepCache: boolean;
  signal?: AbortSignal;
  extent: Extent;
  positions: Positions;
  edits: readonly Edit[];
  start: Start | null;
  logitRows: readonly number[];
  hooks: readonly HookPoint[];
}

/** One forward pass of a batch, part by part, with its edits. Inputs are checked here, but for tokens and cache. */
export async function forward(engine: Engine, pass: Pass): Promise<LocalResult> {
  const plan = prepare(engine, pass);
  const { batch, tokens, past } = plan.extent;
  const arrays = new Map<string, NdArray>();
  const keep: Keep = (hook, data) => arrays.set(hook.name, { data, shape: hook.shape(batch, tokens, past + tokens) });
  const first = plan.start?.residual ?? embed(engine, plan, keep);
  const { residual, keys, values } = await runBlocks(engine, plan, first, keep);
  await finalHooks(engine, plan, residual, keep);
  const logits = plan.logitRows.length === 0 ? null : await finalLogits(engine, plan, residual);
  const cache = plan.keepCache ? grown(engine, plan, keys, values) : null;
  const inOrderOfModel = new Map(plan.hooks.map((hook) => [hook.name, arrays.get(hook.name)!]));
  return new LocalResult(batch, tokens, logits, cache, inOrderOfModel);
}

type Keep = (hook: HookPoint, data: Float32Array) => void;

function prepare({ loaded: { spec }, memoryBudget }: Engine, { rows, options, cache, lenient = false }: Pass): Plan {
  const batch = rows.length;
  const tokens = rows[0]?.length ?? 0;
  const past = cache?.length ?? 0;
  const extent: Extent = { batch, tokens, past, origin: lenient ? 0 : past, lenient };
  checkContext(spec, past, tokens);
  const positions = resolvePositions(spec, options.positions, batch, tokens, past);
  if (!lenient) checkEdits(spec, options.edits ?? [], extent);
  const edits = inOrder(options.edits ?? []);
  const hooks = selectHooks(spec, options.hooks ?? []);
  const logitRows = rowsOfLogits(options.logits ?? 'last', tokens);
  const keepCache = options.keepCache ?? false;
  const size = { batch, tokens, past, hooks, keepCache, logitRows: batch * logitRows.length, edits: editNumbers(spec, edits, extent) };
  checkBudget(spec, size, memoryBudget);
  const start = startOf(spec, options, { batch, tokens, past }, hooks);
  return { rows, cache, keepCache, signal: options.signal, extent, positions, edits, start, logitRows, hooks };
}

/** Tokens that are kept behind a cached prefix, at least, before all are put together. */
const MOST_RECENT = 32;

/** Whether what a pass caches is put together with what was cached before it, which copies both. */
function mergesCache({ cache, extent }: Plan): boolean {
  if (!cache) return true;
  const recent = (cache.recent?.length ?? 0) + extent.tokens;
  return recent > Math.max(MOST_RECENT, cache.prefixed.length / 2);
}

/** The cache behind a pass, of the keys and values of each layer that it gave. */
function grown({ owner }: Engine, plan: Plan, keys: readonly Tensor[], values: readonly Tensor[]): LocalCache {
  const { batch, tokens, past } = plan.extent;
  const prefixed = mergesCache(plan) ? null : plan.cache!.prefixed;
  const made = new Segment(keys, values, past + tokens - (prefixed?.length ?? 0));
  return prefixed ? new LocalCache(owner, batch, prefixed, made) : new LocalCache(owner, batch, made, null);
}

/** Whether a hook point is made of all queries and keys at once. */
const readsScores = ({ local }: HookPoint): boolean => local === 'attn.hook_attn_scores' || local === 'attn.hook_pattern';

const hooksAt = (plan: Plan, layer: number): HookPoint[] => plan.hooks.filter((hook) => hook.layer === layer);

/** The residual stream before the first block [B, T, d_model]. */
function embed({ loaded }: Engine, { rows, extent, positions, edits, hooks }: Plan, keep: Keep): Float32Array {
  const { spec, weights } = loaded;
  const embedded = weights.readRows('embed.W_E', rows.flat());
  let residual = embedded;
  let placed: Float32Array | null = null;
  if (spec.position.kind === 'learned') {
    const all = Array.from({ length: extent.batch }, (_, b) => [...(positions.rows[b] ?? positions.rows[0]!)]).flat();
    const vectors = weights.readRows('pos_embed.W_pos', all);
    placed = vectors;
    residual = embedded.map((x, i) => x + vectors[i]!);
  }
  for (const hook of hooks) {
    if (hook.local === 'hook_embed') keep(hook, embedded);
    if (hook.local === 'hook_pos_embed') keep(hook, placed!);
  }
  refuseOverflow(loaded, residual, -1, edits.length > 0);
  return residual;
}

/** Every block from the one to start with; gives the last resid_post and, where they are to be kept, each layer's keys and values. */
async function runBlocks(
  { loaded, parts }: Engine,
  plan: Plan,
  first: Float32Array,
  keep: Keep,
): Promise<{ residual: Float32Array; keys: Tensor[]; values: Tensor[] }> {
  const { spec } = loaded;
  const { extent, edits, cache, keepCache } = plan;
  const rope = ropeFeeds(spec, plan.positions);
  const attention = new AttentionFeeds(spec, edits, extent);
  const merge = mergesCache(plan);
  const noKeys = noTokens(spec, extent.batch);
  const all = intTensor(Array.from({ length: extent.tokens }, (_, i) => i));
  const keys: Tensor[] = [];
  const values: Tensor[] = [];
  let residual = first;
  for (let layer = plan.start?.layer ?? 0; layer < blocksWanted(spec.nLayers, plan); layer++) {
    // A turn of the event loop lets a signal or a message in before each part.
    await nextTurn();
    throwIfAborted(plan.signal);
    const arrived = residual;
    residual = editResidual(spec, edits, layer, extent, arrived);
    if (residual !== arrived) refuseOverflow(loaded, residual, layer, edits.length > 0);
    const asked = hooksAt(plan, layer);
    const feeds: Feeds = {
      ...rope,
      ...attention.feeds(layer, cache?.prefixed.length ?? 0, { whole: asked.some(readsScores), keep: keepCache, merge }),
      ...outputFeeds(spec, edits, layer, extent),
      resid_pre: floatTensor(residual, [extent.batch, extent.tokens, spec.dModel]),
      past_k: cache?.prefixed.keys[layer] ?? noKeys,
      past_v: cache?.prefixed.values[layer] ?? noKeys,
      recent_k: cache?.recent?.keys[layer] ?? noKeys,
      recent_v: cache?.recent?.values[layer] ?? noKeys,
      rows: all,
    };
    const outputs = new Set(['hook_resid_post', ...asked.map((h) => h.local), ...(keepCache ? ['present_k', 'present_v'] : [])]);
    outputs.delete('hook_resid_pre');
    const part = await parts.block(layer);
    const result = await part.run(feeds, [...outputs]);
    for (const hook of asked) keep(hook, hook.local === 'hook_resid_pre' ? residual : floatsOf(result[hook.local]!));
    if (keepCache) {
      keys.push(result.present_k!);
      values.push(result.present_v!);
    }
    residual = floatsOf(result.hook_resid_post!);
    refuseOverflow(loaded, residual, layer, edits.length > 0);
  }
  throwIfAborted(plan.signal);
  return { residual, keys, values };
}

/** Blocks that a pass needs: those up to its last hook point when it is asked for nothing else. */
function blocksWanted(all: number, { logitRows, keepCache, hooks }: Plan): number {
  if (logitRows.length > 0 || keepCache) return all;
  return Math.min(all, 1 + Math.max(-1, ...hooks.map(({ layer }) => layer)));
}

/** The final norm's hook points at every position. */
async function finalHooks({ loaded: { spec }, parts }: Engine, plan: Plan, residual: Float32Array, keep: Keep): Promise<void> {
  const asked = hooksAt(plan, spec.nLayers);
  if (asked.length === 0) return;
  const outputs = asked.map((hook) => hook.local.replace('ln_final.', ''));
  const part = await parts.finalNorm();
  const result = await part.run({ resid: floatTensor(residual, [residual.length / spec.dModel, spec.dModel]) }, outputs);
  asked.forEach((hook, i) => keep(hook, floatsOf(result[outputs[i]!]!)));
}

/** Rows whose logits a run gives. Throws InputError for a position outside. */
function rowsOfLogits(asked: NonNullable<RunOptions['logits']>, tokens: number): number[] {
  if (asked === 'none') return [];
  if (asked === 'last') return [tokens - 1];
  if (asked === 'all') return Array.from({ length: tokens }, (_, i) => i);
  asked.forEach((position) => checkIndex(position, 0, tokens - 1, 'position for logits', 'logits'));
  return [...asked];
}

/** Logits [batch, rows, vocab] of the rows asked for. */
async function finalLogits(engine: Engine, { extent, edits, logitRows }: Plan, residual: Float32Array): Promise<NdArray> {
  const { spec } = engine.loaded;
  const { batch, tokens } = extent;
  const picked = new Float32Array(batch * logitRows.length * spec.dModel);
  for (let b = 0; b < batch; b++) {
    logitRows.forEach((row, i) => {
      const from = (b * tokens + row) * spec.dModel;
      picked.set(residual.subarray(from, from + spec.dModel), (b * logitRows.length + i) * spec.dModel);
    });
  }
  const data = await headLogits(engine, picked);
  refuseOverflow(engine.loaded, data, spec.nLayers, edits.length > 0);
  return { data, shape: [batch, logitRows.length, spec.vocabSize] };
}

/** Logits [n, vocab] of residual vectors [n, d_model]; `frozen` [n] puts other scales into the final norm. */
export async function headLogits(engine: Engine, vectors: Float32Array, frozen?: Float32Array): Promise<Float32Array> {
  const { spec } = engine.loaded;
  await nextTurn();
  const part = await engine.parts.head();
  const scale = frozen ?? new Float32Array(1);
  const feeds = {
    resid: floatTensor(vectors, [vectors.length / spec.dModel, spec.dModel]),
    frozen_scale: floatTensor(scale, [scale.length, 1]),
  };
  return floatsOf((await part.run(feeds, ['logits'])).logits!);
}
