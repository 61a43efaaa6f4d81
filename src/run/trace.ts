import type { Model, NdArray, RunResult } from '../engine/api.js';
import type { LayerWrites, Writes } from '../methods/attribution.js';
import { runOf, type Batch } from './paraphrases.js';
import { prefixOf, rememberCache } from './prefix.js';
import type { PreparedPrompt, TracedRun } from './types.js';

/** Bytes of lens rows computed in one call. */
const LENS_BYTES = 64 * 2 ** 20;

/** Hooks that measuring reads; with arrays asked for, all of them are kept. */
export function measuredHooks(model: Model): string[] {
  const { nLayers, position } = model.spec;
  return [
    'hook_embed',
    ...(position.kind === 'learned' ? ['hook_pos_embed'] : []),
    'blocks.*.hook_resid_pre',
    `blocks.${nLayers - 1}.hook_resid_post`,
    'blocks.*.attn.hook_v',
    'blocks.*.attn.hook_z',
    'blocks.*.attn.hook_pattern',
    'blocks.*.hook_attn_out',
    'blocks.*.hook_mlp_out',
    'ln_final.hook_scale',
  ];
}

/**
 * Runs a prompt with its hooks and reads the lens at its answer position.
 * @param positions Position ids, where they are not 0…T−1.
 */
export async function traceRun(
  model: Model,
  prompt: PreparedPrompt,
  hooks: readonly string[] | 'all',
  signal?: AbortSignal,
  positions?: readonly number[],
): Promise<TracedRun> {
  const result = await model.run(prompt.ids, { hooks, keepCache: true, signal, positions });
  if (!positions) rememberCache(model, prompt.ids, () => result.cache!);
  return { prompt, result, position: prompt.ids.length - 1, lens: await lensRows(model, result) };
}

/** Log-probabilities of every residual row at the last position of a run, [layer + 1, vocab]. */
async function lensRows(model: Model, result: RunResult): Promise<NdArray> {
  const position = result.length - 1;
  const vocab = model.spec.vocabSize;
  const rows = model.spec.nLayers + 1;
  const lens: NdArray = { data: new Float32Array(rows * vocab), shape: [rows, vocab] };
  const step = Math.max(1, Math.floor(LENS_BYTES / (4 * vocab)));
  for (let from = 0; from < rows; from += step) {
    const layers = Array.from({ length: Math.min(step, rows - from) }, (_, i) => from + i);
    const part = await model.lens(result, { layers, positions: [position], full: true });
    lens.data.set(part.logprobs!, from * vocab);
  }
  return lens;
}

/**
 * `traceRun` of a prompt that was run together with others: what the batch holds is not computed again, and what it does not, by running
 * the last token alone behind the cached ones. Of patterns there are then the rows of the last query (see `patternRows`), and the final
 * norm's scale is not a number anywhere but there.
 */
export async function traceHeld(model: Model, batch: Batch, row: number, signal?: AbortSignal): Promise<TracedRun> {
  const prompt = batch.prompts[row]!;
  const { ids } = prompt;
  const { cache } = await prefixOf(model, ids, signal);
  if (!cache) return traceRun(model, prompt, measuredHooks(model), signal);
  const end = await model.run(ids.slice(-1), { cache, hooks: ['blocks.*.attn.hook_pattern', 'ln_final.hook_scale'], signal });
  const held = runOf(batch, row);
  const get = (name: string): NdArray => {
    if (name.endsWith('.attn.hook_pattern')) return end.get(name);
    if (name.endsWith('.attn.hook_v')) return batch.cache.values(Number(name.split('.')[1]), row);
    if (name === 'hook_embed') return rowsOf(model, 'embed.W_E', ids);
    if (name === 'hook_pos_embed') return rowsOf(model, 'pos_embed.W_pos', [...ids.keys()]);
    if (name !== 'ln_final.hook_scale') return held.get(name);
    const data = new Float32Array(ids.length).fill(NaN);
    data[ids.length - 1] = end.get(name).data[0]!;
    return { data, shape: [1, ids.length, 1] };
  };
  const values = new Map<string, NdArray>();
  const result: RunResult = {
    batch: 1,
    length: ids.length,
    logits: end.logits,
    hooks: measuredHooks(model),
    cache: null,
    get: (name) => {
      const known = values.get(name) ?? get(name);
      values.set(name, known);
      return known;
    },
    release: () => end.release(),
  };
  return { prompt, result, position: ids.length - 1, lens: await lensRows(model, result) };
}

function rowsOf(model: Model, name: 'embed.W_E' | 'pos_embed.W_pos', ids: readonly number[]): NdArray {
  return { data: model.weights.readRows(name, ids), shape: [1, ids.length, model.spec.dModel] };
}

/** Row `index` of an array whose batch axis is 1: `result[0, index, …]`. */
export function rowAt(array: NdArray, index: number): Float32Array {
  const size = array.shape.slice(2).reduce((a, b) => a * b, 1);
  return array.data.subarray(index * size, (index + 1) * size);
}

/** What the model wrote at p, layer by layer, as attribution reads it. */
export function writesOf(model: Model, { result, position }: TracedRun): Writes {
  const { nLayers, position: kind } = model.spec;
  return {
    embed: rowAt(result.get('hook_embed'), position),
    posEmbed: kind.kind === 'learned' ? rowAt(result.get('hook_pos_embed'), position) : null,
    layers: Array.from({ length: nLayers }, (_, l) => layerWrites(model, result, l, position)),
  };
}

function layerWrites(model: Model, result: RunResult, layer: number, position: number): LayerWrites {
  const { nHeads, dHead } = model.spec;
  const z = rowAt(result.get(`blocks.${layer}.attn.hook_z`), position);
  return {
    pattern: patternRows(result, layer, position, nHeads),
    z: Array.from({ length: nHeads }, (_, h) => z.subarray(h * dHead, (h + 1) * dHead)),
    v: result.get(`blocks.${layer}.attn.hook_v`).data,
    mlpOut: rowAt(result.get(`blocks.${layer}.hook_mlp_out`), position),
  };
}

/** Pattern rows of one query, [head][key]. A pattern may be held of the last queries alone. */
export function patternRows(result: RunResult, layer: number, query: number, heads: number): Float32Array[] {
  const { data, shape } = result.get(`blocks.${layer}.attn.hook_pattern`);
  const queries = shape[2]!;
  const keys = shape[3]!;
  return Array.from({ length: heads }, (_, h) => {
    const start = (h * queries + query - (keys - queries)) * keys;
    return data.subarray(start, start + keys);
  });
}
