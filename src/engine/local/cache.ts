import { InputError } from '../../errors.js';
import type { KvCache } from '../api.js';
import { giveBack } from './memory.js';
import { floatsOf } from './sessions.js';
import type { Tensor } from './sessions.js';

/** Keys and values of every layer [batch, kv_head, length, d_head], after RoPE. */
export class LocalCache implements KvCache {
  private gone = false;

  constructor(
    /** The model that made it. */
    readonly owner: object,
    readonly batch: number,
    readonly length: number,
    readonly keys: readonly Tensor[],
    readonly values: readonly Tensor[],
  ) {}

  get released(): boolean {
    return this.gone;
  }

  release(): void {
    if (this.gone) return;
    this.gone = true;
    giveBack([...this.keys, ...this.values].map(floatsOf));
  }
}

/** The cache as this model made it, fit for a batch of `batch`. Throws InputError. */
export function ownCache(cache: KvCache | undefined, owner: object, batch: number): LocalCache | null {
  if (cache === undefined) return null;
  if (!(cache instanceof LocalCache) || cache.owner !== owner) {
    throw new InputError('The cache belongs to another model: use one that a run of this model gave.', { field: 'cache' });
  }
  if (cache.released) throw new InputError('The cache was released: use one that is still held.', { field: 'cache' });
  if (cache.batch !== 1 && cache.batch !== batch) {
    throw new InputError(`The cache holds ${cache.batch} rows and the batch has ${batch}: they must be equal, or the cache of one row.`, {
      field: 'cache',
    });
  }
  return cache;
}
