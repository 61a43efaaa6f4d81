import type { Model, RunResult } from '../../engine/api.js';
import { BLOCK, REPEATS, repeatedBlocks } from '../../methods/induction.js';
import { inductionScore } from '../../methods/looping.js';
import { gappedPositions, positionLimit } from './positions.js';

/** Induction score of every head over the tokens from `from` on, a share, [layer][head]. Needs `blocks.*.attn.hook_pattern`. */
export function inductionScores({ spec }: Model, result: RunResult, ids: readonly number[], from: number): number[][] {
  const size = ids.length * ids.length;
  return Array.from({ length: spec.nLayers }, (_, l) => {
    const { data } = result.get(`blocks.${l}.attn.hook_pattern`);
    return Array.from({ length: spec.nHeads }, (_, h) => inductionScore(data.subarray(h * size, (h + 1) * size), ids, from));
  });
}

/**
 * Prefix matching of every head on random tokens in a block that is repeated (Olsson et al. 2022: 25 tokens, 4 times), scored from the
 * second block on, and again with a gap of `gap` in the position ids before the last block, over which that is then scored alone.
 * Shorter blocks where the model's positions do not hold that many; null where not even two tokens fit.
 */
export async function prefixMatching(
  model: Model,
  seed: number,
  gap: number,
  signal?: AbortSignal,
): Promise<{ block: number; plain: number[][]; last: number[][]; shifted: number[][] | null } | null> {
  const { spec, tokenizer } = model;
  const prefix = spec.bosId !== null && spec.bosId < spec.vocabSize ? [spec.bosId] : [];
  const block = Math.min(BLOCK, Math.floor((positionLimit(spec) - gap - prefix.length) / REPEATS));
  if (block < 2) return null;
  const pool = Array.from({ length: spec.vocabSize }, (_, id) => id).filter((id) => !tokenizer.specialIds.has(id));
  if (pool.length < 2) return null;
  const ids = repeatedBlocks(pool, block, REPEATS, prefix, seed);
  const hooks = ['blocks.*.attn.hook_pattern'];
  const lastBlock = ids.length - block;
  const plain = await model.run(ids, { hooks, logits: 'none', signal });
  const shifted =
    gap > 0 ? await model.run(ids, { positions: gappedPositions(ids.length, lastBlock, gap), hooks, logits: 'none', signal }) : null;
  const scores = {
    block,
    plain: inductionScores(model, plain, ids, prefix.length + block),
    last: inductionScores(model, plain, ids, lastBlock),
    shifted: shifted && inductionScores(model, shifted, ids, lastBlock),
  };
  plain.release();
  shifted?.release();
  return scores;
}
