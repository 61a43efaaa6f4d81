import type { Model } from '../../engine/api.js';
import { prefixOf, type Prefix } from '../edited.js';
import type { PreparedPrompt } from '../types.js';

/** By prompt, which a plan makes anew for each run of a shell: what is cached goes with it. */
const known = new WeakMap<PreparedPrompt, Promise<Prefix>>();

/** The cached prefix of a prompt, made once for the verdicts of its heads and the errors that are followed through it. */
export function sharedPrefix(model: Model, prompt: PreparedPrompt, signal?: AbortSignal): Promise<Prefix> {
  let prefix = known.get(prompt);
  if (!prefix) {
    prefix = prefixOf(model, prompt.ids, signal);
    known.set(prompt, prefix);
    prefix.catch(() => known.delete(prompt));
  }
  return prefix;
}
