import { Worker } from 'node:worker_threads';
import { CancelledError, InputError } from '../../errors.js';
import type { Base, Passed, PassPart } from '../local/pass.js';
import type { Edit } from '../api.js';
import type { Placed } from '../local/placing.js';
import { giveBack } from '../local/memory.js';
import { isSmall } from '../small.js';
import { floatsOf } from '../local/sessions.js';
import { Claims, type FromLane, type LaneError, type LaneSetup, type SentBase, type ToLane } from './protocol.js';

/** Lanes beside the engine's own thread, at most. */
const MOST_LANES = 3;
/** Multiply-adds that are worth being shared out. */
const LEAST_WORK = 2e8;
/** Bytes of variants that are sent at once. */
const WINDOW_BYTES = 2 ** 25;

/** How many lanes a model gets; 0: it is run by the engine's own thread alone, with all threads for each product. */
export const lanesFor = (parameters: number, threads: number): number => (isSmall(parameters) ? Math.min(MOST_LANES, threads - 1) : 0);

/** Those of this process that are not closed. */
const open = new Set<Lanes>();

/** Ends every lane of the process, what they are at stopped: one that is in onnxruntime when the process exits would bring it down. */
export async function endLanes(): Promise<void> {
  await Promise.all(
    [...open].map((lanes) => {
      lanes.stop();
      return lanes.close();
    }),
  );
}

interface Pending {
  onPassed: (index: number, passed: Passed) => void;
  end: (error: LaneError | null) => void;
}

/** One thread. */
class Lane {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private readonly gone: Promise<void>;
  private ended = false;

  constructor(file: string, setup: LaneSetup) {
    this.worker = new Worker(file, { workerData: setup });
    this.worker.unref();
    this.worker.on('message', (message: FromLane) => {
      const one = this.pending.get(message.id);
      if (message.type === 'passed') one?.onPassed(message.index, message.passed);
      else one?.end(message.error);
    });
    this.gone = new Promise((resolve) => {
      const over = (): void => {
        this.ended = true;
        // What it has taken and not done, the engine's own thread does.
        for (const one of [...this.pending.values()]) one.end(null);
        resolve();
      };
      this.worker.once('error', over);
      this.worker.once('exit', over);
    });
  }

  give(part: PassPart, bytes: Uint8Array): void {
    this.post({ type: 'part', part, bytes });
  }

  /** Resolves when there is nothing left to take, or the lane is gone. */
  async work(id: number, message: Extract<ToLane, { type: 'work' }>, onPassed: Pending['onPassed']): Promise<LaneError | null> {
    if (this.ended) return null;
    this.worker.ref();
    const error = await new Promise<LaneError | null>((resolve) => {
      this.pending.set(id, { onPassed, end: resolve });
      this.post(message);
    });
    this.pending.delete(id);
    if (this.pending.size === 0) this.worker.unref();
    return error;
  }

  async close(): Promise<void> {
    if (this.ended) return;
    this.worker.ref();
    this.post({ type: 'close' });
    await this.gone;
  }

  private post(message: ToLane): void {
    if (!this.ended) this.worker.postMessage(message);
  }
}

/**
 * Threads of the engine's process that each have the blocks of one small model in sessions with one thread, and run passes of variants
 * beside the engine's own thread: the many small products of such a model do not fill several threads, and between them all but one wait.
 * Passes are the same whoever runs them, so results do not depend on lanes.
 */
export class Lanes {
  private readonly all: Lane[];
  private readonly claims = new Set<Claims>();
  private nextId = 1;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    file: string,
    private readonly setup: LaneSetup,
    count: number,
  ) {
    this.all = Array.from({ length: count }, () => new Lane(file, setup));
    open.add(this);
  }

  /** Gives every lane a part. */
  give(part: PassPart, bytes: Uint8Array): void {
    for (const lane of this.all) lane.give(part, bytes);
  }

  /**
   * Runs passes, some here by `own` and some in lanes.
   * @returns What each gave, in the order of `passes`.
   */
  async run(
    base: Base,
    passes: readonly (readonly Placed[])[],
    own: (members: readonly Placed[]) => Promise<Passed>,
    onPassed: (members: readonly Placed[]) => void,
  ): Promise<Passed[]> {
    const results: Passed[] = [];
    for (let from = 0; from < passes.length;) {
      let to = from + 1;
      for (let bytes = bytesOf(passes[from]!); to < passes.length && (bytes += bytesOf(passes[to]!)) <= WINDOW_BYTES;) to++;
      results.push(...(await this.share(base, passes.slice(from, to), own, onPassed)));
      from = to;
    }
    return results;
  }

  private async share(
    base: Base,
    passes: readonly (readonly Placed[])[],
    own: (members: readonly Placed[]) => Promise<Passed>,
    onPassed: (members: readonly Placed[]) => void,
  ): Promise<Passed[]> {
    const done = new Map<number, Passed>();
    const deliver = (index: number, passed: Passed): void => {
      done.set(index, passed);
      onPassed(passes[index]!);
    };
    const claims = new Claims(passes.length);
    this.claims.add(claims);
    const id = this.nextId++;
    const helpers = this.worth(passes, base.length) ? this.send(id, base, passes, claims, deliver) : [];
    try {
      // One pass at a time, whoever asks for it: others that are asked for meanwhile are left to the lanes.
      while (await this.inTurn(() => this.next(claims, passes, own, deliver)));
      const errors = await Promise.all(helpers);
      const error = errors.find((one) => one !== null);
      if (error) throw toError(error);
    } catch (error) {
      claims.stop();
      await Promise.all(helpers);
      throw error;
    } finally {
      this.claims.delete(claims);
    }
    for (const [index, members] of passes.entries()) if (!done.has(index)) deliver(index, await own(members));
    return passes.map((_, index) => done.get(index)!);
  }

  /** Has all that is under way end after the layer that it is in. */
  stop(): void {
    for (const claims of this.claims) claims.stop();
  }

  /** Ends every lane when it has done what it is at. */
  async close(): Promise<void> {
    open.delete(this);
    await Promise.all(this.all.map((lane) => lane.close()));
  }

  /** Takes and runs one pass; false when there is none left. */
  private async next(
    claims: Claims,
    passes: readonly (readonly Placed[])[],
    own: (members: readonly Placed[]) => Promise<Passed>,
    deliver: (index: number, passed: Passed) => void,
  ): Promise<boolean> {
    const index = claims.take();
    if (index === null) return false;
    deliver(index, await own(passes[index]!));
    return true;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private send(
    id: number,
    base: Base,
    passes: readonly (readonly Placed[])[],
    claims: Claims,
    deliver: (index: number, passed: Passed) => void,
  ): Promise<LaneError | null>[] {
    const message = {
      type: 'work',
      id,
      base: sent(base, passes),
      passes: passes.map((members) => members.map(alone)),
      claims: claims.shared,
    } as const;
    const ends = this.all.map((lane) => lane.work(id, message, deliver));
    // Copies of the cache that have been sent.
    giveBack([...message.base.keys, ...message.base.values].filter((data) => data !== null));
    return ends;
  }

  private worth(passes: readonly (readonly Placed[])[], length: number): boolean {
    const { nLayers, dModel, nHeads, nKvHeads, dHead, dMlp, mlp } = this.setup.spec;
    const perToken = dModel * (2 * nHeads * dHead + 2 * nKvHeads * dHead + (mlp.gated ? 3 : 2) * dMlp);
    let work = 0;
    for (const members of passes)
      for (const { layer, position } of members) work += (nLayers - layer) * (length - position) * (perToken + 2 * nHeads * dHead * length);
    return work >= LEAST_WORK;
  }
}

function toError({ kind, message, place }: LaneError): Error {
  if (kind === 'input') return new InputError(message, place);
  return kind === 'stopped' ? new CancelledError() : new Error(message);
}

/** What passes read of the unchanged run: from the first layer on that one of them enters. */
function sent({ cache, residuals, heads, ...base }: Base, passes: readonly (readonly Placed[])[]): SentBase {
  const first = Math.min(...passes.flat().map(({ layer }) => layer));
  const from = <T>(layer: number, make: () => T): T | null => (layer < first ? null : make());
  const layers = residuals.slice(1).map((_, layer) => layer);
  const cached = (which: 'keys' | 'values') => layers.map((layer) => from(layer, () => floatsOf(cache.first(which, layer, base.length))));
  return {
    ...base,
    residuals: residuals.map((data, layer) => from(layer, () => whole(data))),
    keys: cached('keys'),
    values: cached('values'),
    heads: new Map([...heads].map(([layer, data]) => [layer, whole(data)])),
  };
}

/** An array that is all of its buffer: of a part of one, the whole buffer would be sent. */
const whole = (data: Float32Array): Float32Array => (data.byteLength === data.buffer.byteLength ? data : data.slice());

function alone(placed: Placed): Placed {
  const { edits, added } = placed;
  const own = (edit: Edit): Edit => {
    if ('value' in edit) return { ...edit, value: whole(edit.value) };
    return 'direction' in edit ? { ...edit, direction: whole(edit.direction) } : edit;
  };
  return { ...placed, edits: edits.map(own), added: added && { ...added, vectors: whole(added.vectors) } };
}

function bytesOf(members: readonly Placed[]): number {
  const ofEdit = (edit: Edit): number => ('value' in edit ? edit.value.byteLength : 0);
  return members.reduce((sum, { edits, added }) => sum + (added?.vectors.byteLength ?? 0) + edits.reduce((n, e) => n + ofEdit(e), 0), 0);
}
