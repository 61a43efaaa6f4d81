import { InputError, throwIfAborted } from '../../errors.js';
import { Random } from '../../methods/random.js';
import type { GenerateOptions, GenerateResult } from '../api.js';
import { bytesNeeded, checkBudget } from './budget.js';
import type { RunSize } from './budget.js';
import { ownCache } from './cache.js';
import type { LocalCache } from './cache.js';
import { checkEdits } from './edits.js';
import { forward } from './forward.js';
import type { Engine } from './forward.js';
import { logprobOf, sample } from './sampling.js';
import { checkContext, checkIndex } from './validate.js';

/**
 * Continues a prompt with a cache of keys and values. Edits hold at every step: positions count from the prompt's first token,
 * and 'all' includes what is generated.
 */
export async function generate(engine: Engine, prompt: readonly number[], options: GenerateOptions): Promise<GenerateResult> {
  const { spec, tokenizer } = engine.loaded;
  const { maxTokens, temperature = 0, topP = 1, topK = 0, seed = 0, edits = [], signal } = options;
  checkIndex(maxTokens, 0, Number.MAX_SAFE_INTEGER, 'number of tokens to generate', 'maxTokens');
  if (!(temperature >= 0 && Number.isFinite(temperature))) fail('temperature', temperature, '0 (greedy) or a positive number');
  if (!(topP > 0 && topP <= 1)) fail('topP', topP, 'a number above 0 and at most 1');
  checkIndex(topK, 0, Number.MAX_SAFE_INTEGER, 'number of tokens to choose from', 'topK');
  if (!Number.isSafeInteger(seed)) fail('seed', seed, 'a whole number');
  checkContext(spec, 0, prompt.length);
  checkEdits(spec, edits, { batch: 1, tokens: prompt.length, past: 0, origin: 0, lenient: true });
  const longest = Math.min(prompt.length + maxTokens, spec.context);
  const size: RunSize = { batch: 1, tokens: 1, past: longest - 1, hooks: [], logitRows: 1, keepCache: true, edits: 0 };
  if (bytesNeeded(spec, size).total > engine.memoryBudget) checkBudget(spec, size, engine.memoryBudget);

  const stopIds = new Set(options.stopIds ?? tokenizer.eosIds);
  const random = new Random(seed);
  const ids: number[] = [];
  const logprobs: number[] = [];
  const given = ownCache(options.cache, engine.owner, 1);
  if (given) checkIndex(given.length, 0, prompt.length - 1, 'number of tokens of the cache', 'cache');
  let next: readonly number[] = prompt.slice(given?.length ?? 0);
  let cache: LocalCache | null = given;
  while (ids.length < maxTokens) {
    throwIfAborted(signal);
    if ((cache?.length ?? 0) + next.length > spec.context) return { ids, logprobs, stopped: 'context' };
    const result = await forward(engine, {
      rows: [next],
      options: { edits, logits: 'last', keepCache: true, signal },
      cache,
      lenient: true,
    });
    if (cache !== given) cache?.release();
    cache = result.cache as LocalCache;
    const logits = result.logits!.data;
    const id = sample(logits, { temperature, topP, topK }, random);
    const logprob = logprobOf(logits, id);
    result.release();
    if (stopIds.has(id)) return { ids, logprobs, stopped: 'end-of-text' };
    ids.push(id);
    logprobs.push(logprob);
    options.onToken?.(id);
    next = [id];
  }
  return { ids, logprobs, stopped: 'length' };
}

function fail(field: string, value: unknown, want: string): never {
  throw new InputError(`The ${field} ${String(value)} is not ${want}.`, { field });
}
