import type { Model } from '../../engine/api.js';
import { lensRow } from '../../methods/lens.js';
import type { TracedRun } from '../types.js';
import { breathe } from '../weights.js';
import type { Candidate } from './candidates.js';

/**
 * Lens log-probability of whole candidates at every residual row: Σ over its tokens of the lens at the position before each, the
 * tokens before it given (teacher forcing). Row L is the model's own log-probability of the string.
 * @returns [candidate][L + 1], nats.
 */
export async function candidateLens(
  model: Model,
  run: TracedRun,
  candidates: readonly Candidate[],
  signal?: AbortSignal,
): Promise<number[][]> {
  const { nLayers } = model.spec;
  const rows = Array.from({ length: nLayers + 1 }, (_, l) => lensRow(run.lens, l));
  const result: number[][] = [];
  for (const { ids } of candidates) {
    if (ids.length === 1) {
      result.push(rows.map((row) => row[ids[0]!]!));
      continue;
    }
    await breathe(signal);
    const forced = await model.run([...run.prompt.ids, ...ids.slice(0, -1)], {
      hooks: ['blocks.*.hook_resid_pre', `blocks.${nLayers - 1}.hook_resid_post`],
      logits: 'none',
      signal,
    });
    const positions = ids.map((_, i) => run.position + i);
    const { tokenLogprobs } = await model.lens(forced, { layers: 'all', positions, tokens: ids, signal });
    forced.release();
    const n = ids.length;
    result.push(rows.map((_, l) => ids.reduce((sum, _id, i) => sum + tokenLogprobs[(l * n + i) * n + i]!, 0)));
  }
  return result;
}
