import { InputError } from '../../errors.js';
import type { KvCache } from '../api.js';
import { giveBack } from './memory.js';
import { floatTensor, floatsOf } from './sessions.js';
import type { Tensor } from './sessions.js';
import { checkIndex } from './validate.js';

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

  prefix(length: number, row?: number): LocalCache {
    if (this.gone) throw new InputError('The cache was released: use one that is still held.', { field: 'cache' });
    checkIndex(length, 0, this.length, 'number of tokens of the cache', 'length');
    if (row !== undefined) checkIndex(row, 0, this.batch - 1, 'batch row of the cache', 'row');
    const cut = (tensor: Tensor): Tensor => firstTokens(tensor, length, row);
    return new LocalCache(this.owner, row === undefined ? this.batch : 1, length, this.keys.map(cut), this.values.map(cut));
  }

  release(): void {
    if (this.gone) return;
    this.gone = true;
    giveBack([...this.keys, ...this.values].map(floatsOf));
  }
}

/** The first `length` tokens of keys or values [batch, kv_head, T, d_head]: of every batch row, or of one. */
export function firstTokens(tensor: Tensor, length: number, row?: number): Tensor {
  const [batch, heads, all, width] = tensor.dims as [number, number, number, number];
  const data = floatsOf(tensor);
  const [first, rows] = row === undefined ? [0, batch] : [row, 1];
  const out = new Float32Array(rows * heads * length * width);
  for (let i = 0; i < rows * heads; i++) {
    const from = (first * heads + i) * all * width;
    out.set(data.subarray(from, from + length * width), i * length * width);
  }
  return floatTensor(out, [rows, heads, length, width]);
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
