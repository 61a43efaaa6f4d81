import { InputError } from '../../errors.js';
import type { KvCache, NdArray } from '../api.js';
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
    readonly keysOf: readonly Tensor[],
    readonly valuesOf: readonly Tensor[],
  ) {}

  get released(): boolean {
    return this.gone;
  }

  prefix(length: number, row?: number): LocalCache {
    this.refuseReleased();
    checkIndex(length, 0, this.length, 'number of tokens of the cache', 'length');
    if (row !== undefined) checkIndex(row, 0, this.batch - 1, 'batch row of the cache', 'row');
    const cut = (tensor: Tensor): Tensor => firstTokens(tensor, length, row);
    return new LocalCache(this.owner, row === undefined ? this.batch : 1, length, this.keysOf.map(cut), this.valuesOf.map(cut));
  }

  values(layer: number, row = 0): NdArray {
    this.refuseReleased();
    checkIndex(layer, 0, this.valuesOf.length - 1, 'layer', 'layer');
    checkIndex(row, 0, this.batch - 1, 'batch row of the cache', 'row');
    const tensor = this.valuesOf[layer]!;
    const [, heads, length, width] = tensor.dims as [number, number, number, number];
    const from = floatsOf(tensor).subarray(row * heads * length * width, (row + 1) * heads * length * width);
    const data = new Float32Array(from.length);
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < length; t++) {
        const start = (h * length + t) * width;
        data.set(from.subarray(start, start + width), (t * heads + h) * width);
      }
    return { data, shape: [1, length, heads, width] };
  }

  private refuseReleased(): void {
    if (this.gone) throw new InputError('The cache was released: use one that is still held.', { field: 'cache' });
  }

  release(): void {
    if (this.gone) return;
    this.gone = true;
    giveBack([...this.keysOf, ...this.valuesOf].map(floatsOf));
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
