import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../../errors.js';
import { selectHooks } from '../../graph/hooks.js';
import type { HookPoint } from '../../graph/hooks.js';
import type { LoadedModel } from '../../model/types.js';
import type { NdArray, RunOptions } from '../api.js';
import { AttentionFeeds } from './attention-edits.js';
import { checkBudget, editNumbers } from './budget.js';
import { LocalCache } from './cache.js';
import { checkEdits, inOrder } from './edits.js';
import type { Extent } from './edits.js';
import { refuseOverflow } from './finite.js';
import type { Parts } from './parts.js';
import { resolvePositions, ropeFeeds } from './positions.js';
import { LocalResult } from './result.js';
import { floatTensor, floatsOf } from './sessions.js';
import type { Feeds, Tensor } from './sessions.js';
import { startOf } from './start.js';
import { editResidual, outputFeeds } from './stream-edits.js';
import { checkContext, checkIndex } from './validate.js';

/** What a forward pass works with. */
export interface Engine {
  loaded: LoadedModel;
  parts: Parts;
  memoryBudget: number;
  /** Marks caches as this model's. */
  owner: object;
}

export interface Pass {
  rows: readonly (readonly number[])[];
  options: Omit<RunOptions, 'cache'>;
  cache: LocalCache | null;
  /** See Extent: a generation's edits count from the prompt's first token. */
  lenient?: boolean;
}

/** One forward pass of a batch, part by part, with its edits. Inputs are checked here, but for tokens and cache. */
export async function forward(engine: Engine, pass: Pass): Promise<LocalResult> {
  const { loaded, parts } = engine;
  const { spec, weights } = loaded;
  const { rows, options, cache } = pass;
  const batch = rows.length;
  const tokens = rows[0]?.length ?? 0;
  const past = cache?.length ?? 0;
  const lenient = pass.lenient ?? false;
  const extent: Extent = { batch, tokens, past, origin: lenient ? 0 : past, lenient };

  checkContext(spec, past, tokens);
  const positions = resolvePositions(spec, options.positions, batch, tokens, past);
  if (!lenient) checkEdits(spec, options.edits ?? [], extent);
  const edits = inOrder(options.edits ?? []);
  const hooks = selectHooks(spec, options.hooks ?? []);
  const logitRows = rowsOfLogits(options.logits ?? 'last', tokens);
  const keepCache = options.keepCache ?? false;
  checkBudget(
    spec,
    { batch, tokens, past, hooks, keepCache, logitRows: batch * logitRows.length, edits: editNumbers(spec, edits, extent) },
    engine.memoryBudget,
  );

  const kept = new Map<string, NdArray>();
  const wanted = new Map<number, HookPoint[]>();
  for (const hook of hooks) wanted.set(hook.layer, [...(wanted.get(hook.layer) ?? []), hook]);
  const keep = (hook: HookPoint, data: Float32Array) => kept.set(hook.name, { data, shape: hook.shape(batch, tokens, past + tokens) });

  const start = startOf(spec, options, { batch, tokens, past }, hooks);
  let residual: Float32Array;
  if (start) {
    residual = start.residual;
  } else {
    const ids = rows.flat();
    const embedded = weights.readRows('embed.W_E', ids);
    residual = embedded;
    let placed: Float32Array | null = null;
    if (spec.position.kind === 'learned') {
      const all = Array.from({ length: batch }, (_, b) => [...(positions.rows[b] ?? positions.rows[0]!)]).flat();
      placed = weights.readRows('pos_embed.W_pos', all);
      const vectors = placed;
      residual = embedded.map((x, i) => x + vectors[i]!);
    }
    for (const hook of wanted.get(-1) ?? []) keep(hook, hook.local === 'hook_embed' ? embedded : placed!);
    refuseOverflow(loaded, residual, -1, edits);
  }

  const rope = ropeFeeds(spec, positions);
  const attention = new AttentionFeeds(spec, edits, extent);
  const empty = floatTensor(new Float32Array(0), [1, spec.nKvHeads, 0, spec.dHead]);
  const keys: Tensor[] = [];
  const values: Tensor[] = [];
  for (let layer = start?.layer ?? 0; layer < spec.nLayers; layer++) {
    // A turn of the event loop lets a signal or a message in before each part.
    await nextTurn();
    throwIfAborted(options.signal);
    const arrived = residual;
    residual = editResidual(spec, edits, layer, extent, arrived);
    if (residual !== arrived) refuseOverflow(loaded, residual, layer, edits);
    const asked = wanted.get(layer) ?? [];
    const feeds: Feeds = {
      ...rope,
      ...outputFeeds(spec, edits, layer, extent),
      resid_pre: floatTensor(residual, [batch, tokens, spec.dModel]),
      mask: attention.mask(layer),
      value_scale: attention.valueScale(layer),
      past_k: cache?.keys[layer] ?? empty,
      past_v: cache?.values[layer] ?? empty,
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
    refuseOverflow(loaded, residual, layer, edits);
  }

  throwIfAborted(options.signal);
  const final = wanted.get(spec.nLayers) ?? [];
  if (final.length > 0) {
    const outputs = final.map((h) => h.local.replace('ln_final.', ''));
    const part = await parts.finalNorm();
    const result = await part.run({ resid: floatTensor(residual, [batch * tokens, spec.dModel]) }, outputs);
    final.forEach((hook, i) => keep(hook, floatsOf(result[outputs[i]!]!)));
  }
  const logits = logitRows.length === 0 ? null : await finalLogits(engine, residual, batch, tokens, logitRows);
  if (logits) refuseOverflow(loaded, logits.data, spec.nLayers, edits);
  const next = keepCache ? new LocalCache(engine.owner, batch, past + tokens, keys, values) : null;
  const inOrderOfModel = new Map(hooks.map((hook) => [hook.name, kept.get(hook.name)!]));
  return new LocalResult(batch, tokens, logits, next, inOrderOfModel);
}

/** Rows whose logits a run gives. Throws InputError for a position outside. */
function rowsOfLogits(asked: NonNullable<RunOptions['logits']>, tokens: number): number[] {
  if (asked === 'none') return [];
  if (asked === 'last') return [tokens - 1];
  if (asked === 'all') return Array.from({ length: tokens }, (_, i) => i);
  asked.forEach((position) => checkIndex(position, 0, tokens - 1, 'position for logits', 'logits'));
  return [...asked];
}

async function finalLogits(
  engine: Engine,
  residual: Float32Array,
  batch: number,
  tokens: number,
  rows: readonly number[],
): Promise<NdArray> {
  const { spec } = engine.loaded;
  const picked = new Float32Array(batch * rows.length * spec.dModel);
  for (let b = 0; b < batch; b++) {
    rows.forEach((row, i) => {
      const from = (b * tokens + row) * spec.dModel;
      picked.set(residual.subarray(from, from + spec.dModel), (b * rows.length + i) * spec.dModel);
    });
  }
  const data = await headLogits(engine, picked);
  return { data, shape: [batch, rows.length, spec.vocabSize] };
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
