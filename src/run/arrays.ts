import type { NdArray } from '../engine/api.js';
import type { TracedRun } from './types.js';

/** Arrays of one run for a `.npz`. */
export type RunArrays = Map<string, NdArray | { data: BigInt64Array; shape: number[] }>;

/**
 * Every traced array of a run under its hook name, without the batch axis; `tokens` [pos]; at the answer position `final_logits` and
 * `final_logprobs` [vocab], and `lens.logprobs` [layer + 1, vocab].
 * @param logprobs log softmax of the run's logits at the answer position.
 */
export function arraysOf(run: TracedRun, logprobs: ArrayLike<number>): RunArrays {
  const arrays: RunArrays = new Map();
  const { ids } = run.prompt;
  arrays.set('tokens', { data: BigInt64Array.from(ids, BigInt), shape: [ids.length] });
  for (const name of run.result.hooks) {
    const { data, shape } = run.result.get(name);
    arrays.set(name, { data, shape: shape.slice(1) });
  }
  const vocab = run.lens.shape[1]!;
  arrays.set('final_logits', { data: run.result.logits!.data.slice(0, vocab), shape: [vocab] });
  arrays.set('final_logprobs', { data: Float32Array.from(logprobs), shape: [vocab] });
  arrays.set('lens.logprobs', run.lens);
  return arrays;
}
