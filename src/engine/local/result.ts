import { InputError } from '../../errors.js';
import type { HookName, KvCache, NdArray, RunResult } from '../api.js';

/** The arrays of a finished run. */
export class LocalResult implements RunResult {
  readonly hooks: readonly HookName[];

  constructor(
    readonly batch: number,
    readonly length: number,
    readonly logits: NdArray | null,
    readonly cache: KvCache | null,
    private readonly arrays: ReadonlyMap<HookName, NdArray>,
  ) {
    this.hooks = [...arrays.keys()];
  }

  get(name: HookName): NdArray {
    const array = this.arrays.get(name);
    if (!array) throw new InputError(`The run did not keep ${name}: name it among its hooks.`, { field: 'hooks' });
    return array;
  }
}
