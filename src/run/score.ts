import type { Model } from '../engine/api.js';
import { entropy, logSoftmax, margin, rankOf, strongestOf } from '../methods/lens.js';
import { TAU } from '../methods/collapse.js';
import { topIndexes } from '../methods/statistics.js';
import type { Candidate, Scores } from '../residue/types.js';
import { cacheOf } from './prefix.js';
import type { PreparedPrompt } from './types.js';

/** Rivals taken from the model's own top tokens when a shell names none. */
const OWN_RIVALS = 5;
/** Tokens listed under `top`. */
const TOP = 10;

/**
 * The answer and its rivals at the output. Without rivals of the shell's, the model's own most probable tokens other than the answer,
 * never special ones; the prompt then fails when the answer is not top-1.
 * @param logprobs Log-probs at the answer position, [vocab].
 */
export async function score(model: Model, prompt: PreparedPrompt, logprobs: ArrayLike<number>, signal?: AbortSignal): Promise<Scores> {
  const { tokenizer } = model;
  const answerId = prompt.answer.ids[0]!;
  const own = prompt.rivals.length === 0;
  const skip = { has: (id: number) => id === answerId || tokenizer.specialIds.has(id) };
  const rivals = own ? topIndexes(logprobs, OWN_RIVALS, skip).map((id) => ({ text: tokenizer.token(id), ids: [id] })) : prompt.rivals;
  const totals = await wholeStrings(model, prompt.ids, [prompt.answer, ...rivals], logprobs, signal);
  const candidates = [prompt.answer, ...rivals].map(({ text, ids }, i): Candidate => ({
    text,
    ids: [...ids],
    logprob: logprobs[ids[0]!]!,
    totalLogprob: totals[i]!,
    rank: rankOf(logprobs, ids[0]!),
  }));
  const answer = candidates[0]!;
  const firsts = rivals.map((rival) => rival.ids[0]!);
  const m = margin(logprobs, answerId, firsts);
  return {
    answer,
    rivals: candidates.slice(1),
    rivalsFromModel: own,
    strongest: strongestOf(logprobs, firsts),
    margin: m,
    failed: m < TAU || (own && answer.rank > 0),
    tau: TAU,
    entropy: entropy(logprobs),
    top: topIndexes(logprobs, Math.min(TOP, logprobs.length)).map((id) => ({
      id,
      text: tokenizer.token(id),
      prob: Math.exp(logprobs[id]!),
      logprob: logprobs[id]!,
    })),
  };
}

/** Σ log p of every candidate's tokens after the prompt; those of several tokens are run, in batches of equal length. */
async function wholeStrings(
  model: Model,
  prompt: readonly number[],
  candidates: readonly { ids: readonly number[] }[],
  first: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<number[]> {
  const totals = candidates.map(({ ids }) => first[ids[0]!]!);
  const lengths = [...new Set(candidates.map(({ ids }) => ids.length).filter((n) => n > 1))];
  if (lengths.length === 0) return totals;
  const cache = cacheOf(model, prompt) ?? (await model.run(prompt, { keepCache: true, logits: 'none', signal })).cache;
  for (const length of lengths) {
    const members = candidates.map((_, i) => i).filter((i) => candidates[i]!.ids.length === length);
    // Few rows at a time: their logits are [rows, length − 1, vocab].
    const size = Math.max(1, Math.floor(2 ** 24 / ((length - 1) * model.spec.vocabSize)));
    for (let from = 0; from < members.length; from += size) {
      const batch = members.slice(from, from + size);
      const result = await model.run(
        batch.map((i) => candidates[i]!.ids.slice(0, -1)),
        { cache: cache!, logits: 'all', signal },
      );
      const { data, shape } = result.logits!;
      const vocab = shape[2]!;
      batch.forEach((member, b) => {
        for (let t = 1; t < length; t++) {
          const at = (b * (length - 1) + t - 1) * vocab;
          totals[member]! += logSoftmax(data.subarray(at, at + vocab))[candidates[member]!.ids[t]!]!;
        }
      });
      result.release();
    }
  }
  return totals;
}
