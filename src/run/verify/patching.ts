import type { Edit, Model, NdArray, RunResult, VariantOutputs } from '../../engine/api.js';
import type { AlignedPair } from '../../methods/align.js';
import type { Contest } from '../edited.js';

/** Where an activation is patched. `z`: one head's output before W_O. */
export type PatchPlace = 'resid_pre' | 'attn_out' | 'mlp_out';

/** Hooks of both runs that patching reads; the probe's run also keeps its cache. */
export function patchHooks(model: Model): string[] {
  return [
    'blocks.*.hook_resid_pre',
    `blocks.${model.spec.nLayers - 1}.hook_resid_post`,
    'blocks.*.attn.hook_z',
    'blocks.*.hook_attn_out',
    'blocks.*.hook_mlp_out',
  ];
}

/** A run that can be patched, or patched from: all its hooks, and its cache. */
export function patchable(model: Model, ids: readonly number[], signal?: AbortSignal): Promise<RunResult> {
  return model.run(ids, { hooks: patchHooks(model), keepCache: true, signal });
}

/** Rows of an array [1, pos, …] at these positions, one behind the other. */
function rowsAt({ data, shape }: NdArray, positions: readonly number[]): Float32Array {
  const width = shape.slice(2).reduce((a, b) => a * b, 1);
  const out = new Float32Array(positions.length * width);
  positions.forEach((p, i) => out.set(data.subarray(p * width, (p + 1) * width), i * width));
  return out;
}

/** The edit that puts the control's activation into the probe at every pair (activation patching, Meng et al. 2022). */
export function patch(control: RunResult, at: PatchPlace, layer: number, pairs: readonly AlignedPair[]): Edit {
  return {
    kind: 'replace',
    at,
    layer,
    positions: pairs.map(({ probe }) => probe),
    value: rowsAt(
      control.get(`blocks.${layer}.hook_${at}`),
      pairs.map((pair) => pair.control),
    ),
  };
}

/** `patch` of one head's z. */
export function patchHead(control: RunResult, layer: number, head: number, pairs: readonly AlignedPair[]): Edit {
  const { data, shape } = control.get(`blocks.${layer}.attn.hook_z`);
  const [, , heads, width] = shape as [number, number, number, number];
  const value = new Float32Array(pairs.length * width);
  pairs.forEach((pair, i) => {
    const start = (pair.control * heads + head) * width;
    value.set(data.subarray(start, start + width), i * width);
  });
  return { kind: 'replace', at: 'z', layer, head, positions: pairs.map(({ probe }) => probe), value };
}

export interface MarginOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Margins of many edited versions of a run: logit(answer) − max logit(rival), which is their log-probabilities' difference.
 * @returns Nats; the answer's own logit where there is no rival.
 */
export async function variantMargins(
  model: Model,
  run: RunResult,
  variants: readonly (readonly Edit[])[],
  contest: Contest,
  options: MarginOptions = {},
): Promise<number[]> {
  if (variants.length === 0) return [];
  return (await variantOutputs(model, run, variants, contest, [], options)).margins;
}

/** `variantMargins`, and what some hook points are at the last position (see `VariantOptions.hooks`). */
export async function variantOutputs(
  model: Model,
  run: RunResult,
  variants: readonly (readonly Edit[])[],
  { answer, rivals }: Contest,
  hooks: readonly string[],
  options: MarginOptions,
): Promise<{ margins: number[]; last: VariantOutputs['last'] }> {
  const { data, last } = await model.variants(run, variants, { tokens: [answer, ...rivals], hooks, ...options });
  const width = 1 + rivals.length;
  return { margins: variants.map((_, i) => marginOf(data.subarray(i * width, (i + 1) * width))), last };
}

/** The answer's logit, first, less the highest of the rivals'. */
const marginOf = ([answer, ...rivals]: Iterable<number> & ArrayLike<number>): number =>
  answer! - (rivals.length === 0 ? 0 : Math.max(...rivals));
