import { dot } from '../../methods/linear.js';
import { InputError, throwIfAborted } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit, RunResult, VariantOptions, VariantOutputs } from '../api.js';
import { LocalCache } from './cache.js';
import { checkEdits } from './edits.js';
import type { Extent } from './edits.js';
import type { Engine } from './forward.js';
import { LastValues } from './last-values.js';
import { pass, TAIL, type Base, type Ground, type Passed } from './pass.js';
import { place } from './placing.js';
import type { Placed } from './placing.js';
import { resolvePositions } from './positions.js';
import { floatTensor, floatsOf, type Part } from './sessions.js';
import { isSmall } from '../small.js';
import { checkIndex } from './validate.js';

/** Tokens of one pass over the layers, and numbers of its attention scores, at most. Fixed, so that results do not depend on the machine. */
const PASS_TOKENS = 1024;
const PASS_SCORES = 2 ** 23;

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
  const { spec, path, weights } = engine.loaded;
  const cache = cacheOf(engine, run);
  tokens.forEach((id) => checkIndex(id, 0, spec.vocabSize - 1, 'token', 'tokens'));
  const positions = resolvePositions(spec, ids, 1, run.length, 0);
  const whole: Extent = { batch: 1, tokens: run.length, past: 0, origin: 0, lenient: false };
  const placed = variants.map((edits, index): Placed => {
    checkEdits(spec, edits, whole);
    return place(spec, run, edits, index, whole, isSmall(weights.parameters));
  });
  const last = new LastValues(spec, run, hooks, variants.length);
  placed.forEach((one) => last.unchanged(one));
  const base: Base = { ...unchanged(spec, run, placed, last), cache, ids: positions.rows[0]! };
  const batches = passes(placed, run.length, spec.nHeads);
  const { parts, memoryBudget } = engine;
  const behindHeads = (layer: number): Promise<Part> => parts.behindHeads(layer);
  const ground: Ground = { spec, path, memoryBudget, block: (layer) => parts.block(layer), behindHeads };
  // Before lanes are to run them.
  await Promise.all([...base.heads.keys()].map(behindHeads));
  const own = (members: readonly Placed[]): Promise<Passed> => pass(ground, base, members, () => throwIfAborted(signal));
  let done = 0;
  const tell = (members: readonly Placed[]): void => onProgress?.((done += members.length), variants.length);
  const passed = await (engine.lanes?.run(base, batches, own, tell) ?? alone(batches, own, tell));
  const data = new Float32Array(variants.length * tokens.length);
  const read = columns(engine, tokens);
  for (const [i, { vectors, last: values }] of passed.entries()) {
    const members = batches[i]!;
    for (const { layer, local, first, count, data } of values) last.take(layer, local, data, members.slice(first, first + count));
    const { logits, scales } = await read(vectors);
    logits.forEach((row, r) => data.set(row, members[r]!.index * tokens.length));
    if (last.of(spec.nLayers).length > 0) last.take(spec.nLayers, 'ln_final.hook_scale', scales, members);
  }
  return { data, shape: [variants.length, tokens.length], last: last.arrays };
}

/** Every pass on the engine's own thread. */
async function alone(
  batches: readonly (readonly Placed[])[],
  own: (members: readonly Placed[]) => Promise<Passed>,
  tell: (members: readonly Placed[]) => void,
): Promise<Passed[]> {
  const all: Passed[] = [];
  for (const members of batches) {
    all.push(await own(members));
    tell(members);
  }
  return all;
}

/** Keys and values of the unchanged run. Throws InputError where it is none that variants can be made of. */
function cacheOf({ owner }: Engine, { cache, batch, length }: RunResult): LocalCache {
  if (!(cache instanceof LocalCache) || cache.owner !== owner || batch !== 1 || cache.length !== length) {
    throw new InputError('Variants need a run of one row of this model that starts from no cache and keeps its own: set keepCache.', {
      field: 'cache',
    });
  }
  return cache;
}

/** What passes read of the unchanged run. */
function unchanged(spec: ModelSpec, run: RunResult, placed: readonly Placed[], last: LastValues): Omit<Base, 'cache' | 'ids'> {
  const names = Array.from({ length: spec.nLayers + 1 }, (_, l) =>
    l < spec.nLayers ? `blocks.${l}.hook_resid_pre` : `blocks.${l - 1}.hook_resid_post`,
  );
  const behind = new Set(placed.filter(({ afterHeads }) => afterHeads).map(({ layer }) => layer));
  return {
    length: run.length,
    residuals: names.map((name) => run.get(name).data),
    heads: new Map([...behind].map((layer) => [layer, run.get(`blocks.${layer}.attn.hook_z`).data])),
    wanted: Array.from({ length: spec.nLayers }, (_, layer) => last.of(layer)),
  };
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
