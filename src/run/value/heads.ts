import type { Edit, Model } from '../../engine/api.js';
import { InputError } from '../../errors.js';
import { directionOf, termsOf } from '../attribute.js';
import { editedOutputs, outputsAtEnd, type EditedOptions, type Reading, type Variant } from '../edited.js';
import { prefixOf } from '../prefix.js';
import { writesOf } from '../trace.js';
import type { TracedRun } from '../types.js';

export interface HeadName {
  layer: number;
  head: number;
}

export const headLabel = ({ layer, head }: HeadName): string => `${layer}.${head}`;

/** Every head's contribution at p to logit(answer) − logit(rival), in the model's order, nats. */
export async function headContributions(
  model: Model,
  run: TracedRun,
  answer: number,
  rival: number | null,
  signal?: AbortSignal,
): Promise<(HeadName & { contribution: number })[]> {
  const [terms] = await termsOf(model, writesOf(model, run), [directionOf(model, run, answer, rival)], signal);
  return terms!.head.flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })));
}

/** Where an intervention is made: at the answer position alone, or at every position. */
export type Where = 'answer' | 'all';

/** z of these heads times `scale`. */
export const scaleHeads = (heads: readonly HeadName[], scale: number, where: Where, position: number): Edit[] =>
  heads.map(({ layer, head }) => ({ kind: 'scale-head', layer, head, scale, positions: where === 'all' ? 'all' : [position] }));

/** Reads each variant's output; edits at the answer position alone follow one cached prefix. */
export async function outputsOf<T>(
  model: Model,
  ids: readonly number[],
  variants: readonly Variant[],
  read: Reading<T>,
  where: Where,
  options: EditedOptions,
): Promise<T[]> {
  if (where === 'all') return editedOutputs(model, ids, variants, read, options);
  return outputsAtEnd(model, await prefixOf(model, ids, options.signal), variants, read, options);
}

/** Mean z of every head over all tokens of these prompts, [layer][head] of [d_head]. */
export async function meanZ(model: Model, prompts: readonly (readonly number[])[], signal?: AbortSignal): Promise<Float32Array[][]> {
  const { nLayers, nHeads, dHead } = model.spec;
  if (prompts.length === 0) throw new InputError('There is no prompt to take a mean over.');
  const sums = Array.from({ length: nLayers }, () => new Float64Array(nHeads * dHead));
  let tokens = 0;
  for (const ids of prompts) {
    const result = await model.run(ids, { hooks: ['blocks.*.attn.hook_z'], logits: 'none', signal });
    tokens += ids.length;
    sums.forEach((sum, layer) => {
      result.get(`blocks.${layer}.attn.hook_z`).data.forEach((z, i) => (sum[i % sum.length]! += z));
    });
    result.release();
  }
  return sums.map((sum) =>
    Array.from({ length: nHeads }, (_, h) => Float32Array.from(sum.subarray(h * dHead, (h + 1) * dHead), (z) => z / tokens)),
  );
}
