/** What crosses between the engine's thread and a lane, a thread beside it that runs passes of variants. */
import type { ModelSpec } from '../../model/spec.js';
import type { Place } from '../../errors.js';
import type { Base, Passed, PassPart } from '../local/pass.js';
import type { Placed } from '../local/placing.js';

/** What a lane is started with. */
export interface LaneSetup {
  spec: ModelSpec;
  /** Where the model lies, for messages. */
  path: string;
  /** Folder that external weights are relative to. */
  folder: string;
  memoryBudget: number;
}

/** The unchanged run, without what no pass reads: null in its place. */
export interface SentBase extends Omit<Base, 'cache' | 'residuals'> {
  residuals: readonly (Float32Array | null)[];
  /** [layer] of [1, kv_head, T, d_head]. */
  keys: readonly (Float32Array | null)[];
  values: readonly (Float32Array | null)[];
}

export interface Work {
  id: number;
  base: SentBase;
  passes: readonly (readonly Placed[])[];
  /** Shared by all who work on these passes: see `Claims`. */
  claims: SharedArrayBuffer;
}

export type ToLane = { type: 'part'; part: PassPart; bytes: Uint8Array } | ({ type: 'work' } & Work) | { type: 'close' };

/** `input`: a user's mistake, `stopped`: by `Claims.stop`, else a fault of the program. */
export interface LaneError {
  kind: 'input' | 'stopped' | 'fault';
  message: string;
  place?: Place;
}

export type FromLane =
  { type: 'passed'; id: number; index: number; passed: Passed } | { type: 'ended'; id: number; error: LaneError | null };

/** Who does which of some pieces of work, agreed on between threads: each takes the next that nobody has taken. */
export class Claims {
  private readonly state: Int32Array;

  constructor(
    private readonly count: number,
    /** [taken, stopped] */
    readonly shared: SharedArrayBuffer = new SharedArrayBuffer(8),
  ) {
    this.state = new Int32Array(shared);
  }

  /** The next piece; null when all are taken, or the work was stopped. */
  take(): number | null {
    if (this.stopped) return null;
    const index = Atomics.add(this.state, 0, 1);
    return index < this.count ? index : null;
  }

  stop(): void {
    Atomics.store(this.state, 1, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.state, 1) !== 0;
  }
}
