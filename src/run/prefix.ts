import type { KvCache, Model } from '../engine/api.js';

/** Keys and values of a prompt without its last token, shared by every variant that edits at p alone, and by whatever goes on from there. */
export interface Prefix {
  ids: readonly number[];
  cache: KvCache | null;
}

interface Known {
  /** Keys and values of the whole prompt, one row. */
  whole: (() => KvCache) | null;
  prefix: Promise<Prefix> | null;
}

/** By model and by the prompt's ids, which a plan makes anew for each run of a shell: what is cached goes with them. */
const all = new WeakMap<Model, WeakMap<readonly number[], Known>>();

function knownOf(model: Model, ids: readonly number[]): Known {
  let prompts = all.get(model);
  if (!prompts) all.set(model, (prompts = new WeakMap()));
  let known = prompts.get(ids);
  if (!known) prompts.set(ids, (known = { whole: null, prefix: null }));
  return known;
}

/**
 * Keeps what a run of a prompt has cached for all that goes on from it.
 * @param whole Gives keys and values of all of its tokens, one row; called when they are first wanted, until `forgetCache`.
 */
export function rememberCache(model: Model, ids: readonly number[], whole: () => KvCache): void {
  knownOf(model, ids).whole ??= whole;
}

/** To be called before a cache that was remembered is released. */
export function forgetCache(model: Model, ids: readonly number[]): void {
  const known = knownOf(model, ids);
  known.whole = null;
  known.prefix = null;
}

/** Keys and values of a whole prompt, one row, where a run of it has left them. */
export const cacheOf = (model: Model, ids: readonly number[]): KvCache | null => knownOf(model, ids).whole?.() ?? null;

/** The cached prefix of a prompt: cut from what a run of it left, else computed; once. It is shared, so nobody may release it. */
export function prefixOf(model: Model, ids: readonly number[], signal?: AbortSignal): Promise<Prefix> {
  const known = knownOf(model, ids);
  if (known.prefix) return known.prefix;
  const prefix = make(model, ids, known.whole, signal);
  known.prefix = prefix;
  prefix.catch(() => (known.prefix = null));
  return prefix;
}

async function make(model: Model, ids: readonly number[], whole: Known['whole'], signal?: AbortSignal): Promise<Prefix> {
  if (ids.length < 2) return { ids, cache: null };
  if (whole) return { ids, cache: whole().prefix(ids.length - 1) };
  const { cache } = await model.run(ids.slice(0, -1), { keepCache: true, logits: 'none', signal });
  return { ids, cache };
}
