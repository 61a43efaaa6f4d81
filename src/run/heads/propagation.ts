import type { Edit, Model, RunResult } from '../../engine/api.js';
import { EPSILON, growth, NOISE_SEEDS, perturbation, randomDirection } from '../../methods/propagation.js';
import { mean, standardDeviation } from '../../methods/statistics.js';
import type { ErrorPropagation } from '../../residue/types-heads.js';
import { rowAt } from '../trace.js';
import type { TracedRun } from '../types.js';
import { breathe } from '../weights.js';
import { prefixOf } from '../prefix.js';

/** Rows at which an error is made: all of them in a shallow model, evenly spaced ones in a deep one. */
const MOST_LAYERS = 8;
/** Perturbed copies of the last token that are run together. */
const BATCH = 32;

/** Forward passes of one token that `errorPropagation` makes, for its cost. */
export const propagationRows = (layers: number): number => 1 + (NOISE_SEEDS + 1) * Math.min(layers, MOST_LAYERS);

/** The layers at which an error is made: at most `MOST_LAYERS`, from the first, evenly spaced. */
export function perturbedLayers(layers: number): number[] {
  const n = Math.min(layers, MOST_LAYERS);
  return Array.from({ length: n }, (_, i) => Math.floor((i * layers) / n));
}

/**
 * Error propagation: the residual at p is moved by ε of its length as it enters layer l, in random directions and toward the control's, and
 * ‖Δr_k‖ / ‖r_k‖ is measured at every row after. Only p is run again, after the cached prefix.
 */
export async function errorPropagation(
  model: Model,
  probe: TracedRun,
  control: TracedRun | null,
  seed: number,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<ErrorPropagation> {
  const { nLayers, dModel } = model.spec;
  const layers = perturbedLayers(nLayers);
  const variants = layers.flatMap((layer) => {
    const residual = rowAt(probe.result.get(`blocks.${layer}.hook_resid_pre`), probe.position);
    const toward = control && rowAt(control.result.get(`blocks.${layer}.hook_resid_pre`), control.position).map((x, i) => x - residual[i]!);
    const noise = Array.from({ length: NOISE_SEEDS }, (_, s) => randomDirection(dModel, seed + 7919 * (layer * NOISE_SEEDS + s) + 1));
    return [...noise, ...(toward ? [toward] : [])].map((direction, i) => ({
      layer,
      noise: i < NOISE_SEEDS,
      value: perturbation(direction, residual),
    }));
  });
  const curves = await grown(model, probe, variants, signal, onProgress);
  const of = (layer: number, noise: boolean): number[][] =>
    curves.filter((_, i) => variants[i]!.layer === layer && variants[i]!.noise === noise);
  const across = (rows: number[][], by: (values: number[]) => number): number[] =>
    (rows[0] ?? []).map((_, k) => by(rows.map((row) => row[k]!)));
  return {
    epsilon: EPSILON,
    seeds: NOISE_SEEDS,
    layers,
    noise: layers.map((layer) => across(of(layer, true), mean)),
    spread: layers.map((layer) => across(of(layer, true), standardDeviation)),
    difference: control ? layers.map((layer) => of(layer, false)[0] ?? []) : null,
  };
}

/** Growth curve of each variant; empty where it moves nothing. */
async function grown(
  model: Model,
  { prompt }: TracedRun,
  variants: readonly { layer: number; value: Float32Array | null }[],
  signal: AbortSignal | undefined,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<number[][]> {
  const { nLayers } = model.spec;
  const { ids } = prompt;
  const { cache } = await prefixOf(model, prompt.ids, signal);
  const token = cache ? [ids.at(-1)!] : [...ids];
  const results: number[][] = [];
  for (let from = 0; from < variants.length; from += BATCH) {
    await breathe(signal);
    const some = variants.slice(from, from + BATCH);
    // Row 0 is unchanged, so that both sides of a difference are computed in one way.
    const edits = some.flatMap(({ layer, value }, i): Edit[] =>
      value ? [{ kind: 'add', at: 'resid_pre', layer, positions: [token.length - 1], value, row: i + 1 }] : [],
    );
    const hooks = ['blocks.*.hook_resid_pre', `blocks.${nLayers - 1}.hook_resid_post`];
    const run = await model.run([token, ...some.map(() => token)], { edits, hooks, logits: 'none', signal, ...(cache ? { cache } : {}) });
    const clean = streams(run, 0, nLayers);
    some.forEach(({ layer, value }, i) => results.push(value ? growth(clean.slice(layer), streams(run, i + 1, nLayers).slice(layer)) : []));
    run.release();
    onProgress?.(results.length, variants.length);
  }
  return results;
}

/** Residual rows 0 … L of the last token of a batch row. */
function streams(run: RunResult, row: number, nLayers: number): Float32Array[] {
  return Array.from({ length: nLayers + 1 }, (_, l) => {
    const { data, shape } = run.get(l < nLayers ? `blocks.${l}.hook_resid_pre` : `blocks.${nLayers - 1}.hook_resid_post`);
    const [, length, width] = shape as [number, number, number];
    const start = ((row + 1) * length - 1) * width;
    return data.subarray(start, start + width);
  });
}
