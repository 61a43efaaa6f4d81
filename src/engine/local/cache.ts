import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { KvCache, NdArray } from '../api.js';
import { giveBack } from './memory.js';
import { floatTensor, floatsOf } from './sessions.js';
import type { Tensor } from './sessions.js';
import { checkIndex } from './validate.js';

/** Keys, or values, of no tokens. */
export const noTokens = (spec: ModelSpec, batch: number): Tensor => floatTensor(new Float32Array(0), [batch, spec.nKvHeads, 0, spec.dHead]);

/** Keys and values of every layer [row, kv_head, length, d_head], after RoPE, for as long as any cache holds them. */
export class Segment {
  private holders = 0;

  constructor(
    readonly keys: readonly Tensor[],
    readonly values: readonly Tensor[],
    /** Tokens. Not read off a layer's keys: a lane is sent only those layers that its passes look back at. */
    readonly length: number,
  ) {}

  hold(): this {
    this.holders++;
    return this;
  }

  letGo(): void {
    if (--this.holders === 0) giveBack([...this.keys, ...this.values].map(floatsOf));
  }
}

/**
 * Keys and values of every layer: a prefix, which one row may serve for all of the batch, and behind it what has been added since. So a text that
 * grows token by token is not copied at every one; caches that go on from one prefix share it.
 */
export class LocalCache implements KvCache {
  private gone = false;

  constructor(
    /** The model that made it. */
    readonly owner: object,
    readonly batch: number,
    readonly prefixed: Segment,
    /** [batch, kv_head, length, d_head]; null for none. */
    readonly recent: Segment | null,
  ) {
    prefixed.hold();
    recent?.hold();
  }

  get length(): number {
    return this.prefixed.length + (this.recent?.length ?? 0);
  }

  get released(): boolean {
    return this.gone;
  }

  prefix(length: number, row?: number): LocalCache {
    this.refuseReleased();
    checkIndex(length, 0, this.length, 'number of tokens of the cache', 'length');
    if (row !== undefined) checkIndex(row, 0, this.batch - 1, 'batch row of the cache', 'row');
    const { keys, values } = this.prefixed;
    const cut = (which: 'keys' | 'values') => (_: Tensor, layer: number) => this.first(which, layer, length, row);
    return new LocalCache(
      this.owner,
      row === undefined ? this.batch : 1,
      new Segment(keys.map(cut('keys')), values.map(cut('values')), length),
      null,
    );
  }

  values(layer: number, row = 0): NdArray {
    this.refuseReleased();
    checkIndex(layer, 0, this.prefixed.values.length - 1, 'layer', 'layer');
    checkIndex(row, 0, this.batch - 1, 'batch row of the cache', 'row');
    const tensor = this.first('values', layer, this.length, row);
    const [, heads, length, width] = tensor.dims as [number, number, number, number];
    const from = floatsOf(tensor);
    const data = new Float32Array(from.length);
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < length; t++) {
        const start = (h * length + t) * width;
        data.set(from.subarray(start, start + width), (t * heads + h) * width);
      }
    return { data, shape: [1, length, heads, width] };
  }

  /** Keys or values of the first tokens of a layer: of every batch row, or of one. */
  first(which: 'keys' | 'values', layer: number, length: number, row?: number): Tensor {
    const before = this.prefixed[which][layer]!;
    const behind = this.recent?.[which][layer];
    const [, heads, , width] = before.dims as [number, number, number, number];
    const [from, rows] = row === undefined ? [0, this.batch] : [row, 1];
    const out = new Float32Array(rows * heads * length * width);
    const take = (tensor: Tensor, tokens: number, at: number): void => {
      const [own, , all] = tensor.dims as [number, number, number];
      if (all < tokens) throw new Error(`The cache has ${all} tokens of layer ${layer} and ${tokens} are read.`);
      const data = floatsOf(tensor);
      for (let i = 0; i < rows * heads; i++) {
        // One row serves all.
        const source = ((own === 1 ? 0 : from * heads) + (own === 1 ? i % heads : i)) * all * width;
        out.set(data.subarray(source, source + tokens * width), (i * length + at) * width);
      }
    };
    const ofPrefix = Math.min(length, this.prefixed.length);
    take(before, ofPrefix, 0);
    if (behind && length > ofPrefix) take(behind, length - ofPrefix, ofPrefix);
    return floatTensor(out, [rows, heads, length, width]);
  }

  private refuseReleased(): void {
    if (this.gone) throw new InputError('The cache was released: use one that is still held.', { field: 'cache' });
  }

  release(): void {
    if (this.gone) return;
    this.gone = true;
    this.prefixed.letGo();
    this.recent?.letGo();
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
