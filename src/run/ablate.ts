import type { Edit, Model, RunResult } from '../engine/api.js';
import type { Salience } from '../residue/types.js';
import { forwardCost } from './cost.js';
import type { Contest } from './edited.js';
import { variantMargins, type MarginOptions } from './verify/patching.js';

/** Sums over tokens of what each layer's attention and MLP write, and how many tokens they are of. */
export interface OutputSums {
  tokens: number;
  /** [layer][d_model] */
  attention: Float64Array[];
  mlp: Float64Array[];
}

/** Hooks that `outputSums` reads. */
export const OUTPUT_HOOKS = ['blocks.*.hook_attn_out', 'blocks.*.hook_mlp_out'] as const;

/** What is read of one prompt's run: arrays [1, pos, …]. */
export type Written = Pick<RunResult, 'length' | 'get'>;

/** Sums over all tokens of a prompt's run (BOS included). */
export function outputSums(model: Model, result: Written): OutputSums {
  const { nLayers, dModel } = model.spec;
  const sums = (hook: string): Float64Array[] =>
    Array.from({ length: nLayers }, (_, l) => {
      const size = result.length * dModel;
      const { data } = result.get(`blocks.${l}.${hook}`);
      const sum = new Float64Array(dModel);
      for (let start = 0; start < size; start += dModel) for (let i = 0; i < dModel; i++) sum[i]! += data[start + i]!;
      return sum;
    });
  return { tokens: result.length, attention: sums('hook_attn_out'), mlp: sums('hook_mlp_out') };
}

/** Means over the tokens of all these runs together, [layer] of [d_model]. */
export function meanOutputs(all: readonly OutputSums[]): { attention: Float32Array[]; mlp: Float32Array[] } {
  const tokens = all.reduce((sum, { tokens }) => sum + tokens, 0);
  const means = (which: 'attention' | 'mlp'): Float32Array[] =>
    (all[0]?.[which] ?? []).map((first, l) =>
      Float32Array.from(first, (_, i) => all.reduce((sum, one) => sum + one[which][l]![i]!, 0) / tokens),
    );
  return { attention: means('attention'), mlp: means('mlp') };
}

/**
 * Layer salience, *causal*: the margin lost when a layer's attention output, or its MLP output, is replaced at every position by its
 * mean over `means`' runs. One edited run per layer and part; positive: the layer's part is needed.
 * @param run The unchanged run, with its cache (see `Model.variants`).
 * @param base Its margin, nats.
 */
export async function causalSalience(
  model: Model,
  run: RunResult,
  contest: Contest,
  base: number,
  means: readonly OutputSums[],
  options: MarginOptions,
): Promise<Salience['causal']> {
  const { attention, mlp } = meanOutputs(means);
  const { nLayers } = model.spec;
  const replace = (at: 'attn_out' | 'mlp_out', layer: number, value: Float32Array): Edit[] => [
    { kind: 'replace', at, layer, positions: 'all', value },
  ];
  const variants = [
    ...attention.map((value, layer) => replace('attn_out', layer, value)),
    ...mlp.map((value, layer) => replace('mlp_out', layer, value)),
  ];
  const margins = await variantMargins(model, run, variants, contest, options);
  const lost = margins.map((m) => base - m);
  return { attention: lost.slice(0, nLayers), mlp: lost.slice(nLayers) };
}

/** Multiply-adds of the causal curves of a prompt, roughly: 2 L forward passes. */
export function causalCost(model: Model, tokens: number): number {
  return 2 * model.spec.nLayers * forwardCost(model, tokens);
}
