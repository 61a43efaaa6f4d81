import { InputError } from '../../errors.js';
import type { HookName, KvCache, NdArray, RunResult } from '../api.js';
import { giveBack } from './memory.js';

/** The arrays of a finished run. */
export class LocalResult implements RunResult {
  readonly hooks: readonly HookName[];
  private held: { logits: NdArray | null; arrays: ReadonlyMap<HookName, NdArray> } | null;
  private readers = 0;
  /** What is to be given back when the last reader is done. */
  private waiting: Float32Array[] = [];

  constructor(
    readonly batch: number,
    readonly length: number,
    logits: NdArray | null,
    readonly cache: KvCache | null,
    arrays: ReadonlyMap<HookName, NdArray>,
  ) {
    this.hooks = [...arrays.keys()];
    this.held = { logits, arrays };
  }

  get logits(): NdArray | null {
    return this.here().logits;
  }

  get(name: HookName): NdArray {
    const array = this.here().arrays.get(name);
    if (!array) throw new InputError(`The run did not keep ${name}: name it among its hooks.`, { field: 'hooks' });
    return array;
  }

  release({ keep = [] }: { keep?: readonly HookName[] } = {}): void {
    if (!this.held) return;
    const { logits, arrays } = this.held;
    // One buffer may have two names: what leaves a block enters the next.
    const kept = new Set(keep.map((name) => arrays.get(name)?.data.buffer));
    this.waiting = [...(logits ? [logits] : []), ...arrays.values()].map(({ data }) => data).filter(({ buffer }) => !kept.has(buffer));
    this.held = null;
    this.settle();
  }

  /** Does work that reads the arrays now and again; a release in the meantime waits for its end. */
  async reading<T>(work: () => Promise<T>): Promise<T> {
    this.readers++;
    try {
      return await work();
    } finally {
      this.readers--;
      this.settle();
    }
  }

  private settle(): void {
    if (this.readers === 0) giveBack(this.waiting.splice(0));
  }

  private here(): NonNullable<LocalResult['held']> {
    if (!this.held) throw new InputError('The arrays of this run are gone, for it was released: read them before, or run it again.');
    return this.held;
  }
}
