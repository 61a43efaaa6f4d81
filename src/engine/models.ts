import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { CancelledError, InputError, throwIfAborted } from '../errors.js';
import type { LoadedModel } from '../model/types.js';
import type { Model, RunResult } from './api.js';
import type { EngineLimits, Handle, ModelSettings } from './protocol.js';

export type OpenProgress = (event: { stage: string; done: number; total: number }) => void;

export interface ModelPlace {
  /** What the model is called. */
  id: string;
  /** Absolute. */
  path: string;
}

/** How the cache gets at models: files first (cheap, no onnxruntime), then sessions. */
export interface Opener {
  load(path: string, options: { id: string }): Promise<LoadedModel>;
  open(loaded: LoadedModel, settings: ModelSettings & { signal: AbortSignal; onProgress: OpenProgress }): Promise<Model>;
}

interface Entry {
  key: string;
  place: ModelPlace;
  model: Promise<Model>;
  /** Set when `model` has resolved. */
  opened: Model | null;
  /** Bytes of the weights in float32. */
  bytes: number;
  /** Size and time of each file when it was opened. */
  stamp: string;
  /** The last of the queue: each use waits for the one before. */
  tail: Promise<unknown>;
  waiting: number;
  listeners: Set<OpenProgress>;
  abort: AbortController;
}

interface Kept {
  entry: Entry;
  result: RunResult;
  bytes: number;
  /** Requests that read it: it is let go when the last is done. */
  readers: number;
}

/**
 * The open models of an engine process and the runs kept of them. Uses of one model are queued; the least recently used model is
 * closed when there are more than `maxModels` or their weights would exceed `weightsBudget`.
 */
export class Models {
  /** In order of use, least recent first. */
  private readonly entries = new Map<string, Entry>();
  private readonly owners = new WeakMap<Model, Entry>();
  private readonly kept = new Map<Handle, Kept>();
  private keptBytes = 0;
  private nextHandle = 1;
  private opening: Promise<unknown> = Promise.resolve();
  private readonly maxModels: number;
  private readonly weightsBudget: number;
  private readonly tracesBudget: number;

  constructor(
    private readonly opener: Opener,
    limits: EngineLimits = {},
  ) {
    const memory = usableMemory();
    this.maxModels = limits.maxModels ?? 3;
    this.weightsBudget = limits.weightsBudget ?? 0.75 * memory;
    this.tracesBudget = limits.tracesBudget ?? 0.25 * memory;
  }

  /** Does `work` with a model when its turn comes. */
  async use<T>(
    place: ModelPlace,
    settings: ModelSettings,
    signal: AbortSignal,
    onProgress: OpenProgress,
    work: (model: Model) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    const entry = this.entry(place, settings);
    let waits = true;
    const leave = () => {
      if (!waits) return;
      waits = false;
      entry.waiting--;
      entry.listeners.delete(onProgress);
      if (!signal.aborted || entry.waiting > 0 || entry.opened) return;
      // The opening is given up when nobody waits for it any more.
      entry.abort.abort();
      if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key);
    };
    entry.waiting++;
    entry.listeners.add(onProgress);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await this.queue(entry, signal, work);
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  /** Keeps a run under a handle until it is released or its model closed. */
  keep(model: Model, result: RunResult): Handle {
    const entry = this.owners.get(model);
    if (!entry) throw new Error('A run of a model that was not opened here.');
    const bytes = result.hooks.reduce((sum, hook) => sum + result.get(hook).data.byteLength, result.logits?.data.byteLength ?? 0);
    if (this.keptBytes + bytes > this.tracesBudget && this.kept.size > 0) {
      throw new InputError(
        `The engine holds ${gigabytes(this.keptBytes)} of ${this.kept.size} runs and this one takes ${gigabytes(bytes)} more, of ${gigabytes(this.tracesBudget)} allowed: release runs that are no longer needed, or ask for fewer hooks.`,
        { field: 'hooks' },
      );
    }
    const handle = this.nextHandle++;
    this.kept.set(handle, { entry, result, bytes, readers: 0 });
    this.keptBytes += bytes;
    return handle;
  }

  /** Does `work` with a kept run, in its model's queue. */
  async useRun<T>(handle: Handle, signal: AbortSignal, work: (result: RunResult, model: Model) => Promise<T>): Promise<T> {
    const { entry } = this.mustKeep(handle);
    return this.queue(entry, signal, (model) => this.reading(handle, (result) => work(result, model)));
  }

  /** Does `work` with a kept run (of `model` where one is given) at once, not in the queue; a release meanwhile waits for its end. */
  async reading<T>(handle: Handle, work: (result: RunResult) => Promise<T>, model?: Model): Promise<T> {
    const kept = this.mustKeep(handle);
    if (model && kept.entry.opened !== model) throw new InputError('The cache belongs to a run of another model.', { field: 'cache' });
    kept.readers++;
    try {
      return await work(kept.result);
    } finally {
      kept.readers--;
      if (this.kept.get(handle) !== kept) letGo(kept);
    }
  }

  release(handles: readonly Handle[]): number {
    let released = 0;
    for (const handle of handles) {
      const kept = this.kept.get(handle);
      if (!kept) continue;
      this.kept.delete(handle);
      this.keptBytes -= kept.bytes;
      letGo(kept);
      released++;
    }
    return released;
  }

  /** Closes a model when its queue is empty; false when it was not open. */
  async close(path: string, settings: ModelSettings): Promise<boolean> {
    const entry = this.entries.get(keyOf(path, settings));
    if (entry) await this.evict(entry);
    return entry !== undefined;
  }

  /** Most recently used first. */
  list(): { id: string; path: string; bytes: number; handles: number }[] {
    return [...this.entries.values()]
      .filter((e) => e.opened)
      .reverse()
      .map((e) => ({
        ...e.place,
        bytes: e.bytes,
        handles: [...this.kept.values()].filter((k) => k.entry === e).length,
      }));
  }

  private mustKeep(handle: Handle): Kept {
    const kept = this.kept.get(handle);
    if (!kept)
      throw new InputError(
        'The arrays of this run are no longer held: it was released, or its model was closed to make room; run it again.',
      );
    return kept;
  }

  /** The model's entry, moved to the most recent place; opened if it is not, or if its files have changed since. */
  private entry(place: ModelPlace, settings: ModelSettings): Entry {
    const key = keyOf(place.path, settings);
    const known = this.entries.get(key);
    if (known && (!known.opened || known.stamp === stampOf(known.opened.loaded))) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    if (known) void this.evict(known);
    const entry: Entry = {
      key,
      place,
      opened: null,
      bytes: 0,
      stamp: '',
      tail: Promise.resolve(),
      waiting: 0,
      listeners: new Set(),
      abort: new AbortController(),
      model: Promise.reject(new CancelledError()),
    };
    entry.model.catch(() => undefined);
    // One model opens at a time: what is free is known only when the one before has taken its share.
    entry.model = this.opening.then(() => this.open(entry, settings));
    this.opening = entry.model.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    this.entries.set(key, entry);
    return entry;
  }

  private async open(entry: Entry, settings: ModelSettings): Promise<Model> {
    const { signal } = entry.abort;
    throwIfAborted(signal);
    const onProgress: OpenProgress = (event) => entry.listeners.forEach((listener) => listener(event));
    onProgress({ stage: 'reading the model', done: 0, total: 1 });
    const loaded = await this.opener.load(entry.place.path, { id: entry.place.id });
    try {
      throwIfAborted(signal);
      entry.bytes = loaded.weights.parameters * 4;
      await this.makeRoom(entry);
      entry.stamp = stampOf(loaded);
      entry.opened = await this.opener.open(loaded, { ...settings, signal, onProgress });
      this.owners.set(entry.opened, entry);
      return entry.opened;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  private async makeRoom(entry: Entry): Promise<void> {
    if (entry.bytes > this.weightsBudget) {
      throw new InputError(
        `The weights of model ${entry.place.id} take ${gigabytes(entry.bytes)} in memory (float32) and ${gigabytes(this.weightsBudget)} are allowed: use a smaller model.`,
        { file: entry.place.path },
      );
    }
    for (;;) {
      const others = [...this.entries.values()].filter((e) => e !== entry && e.opened);
      const bytes = others.reduce((sum, e) => sum + e.bytes, entry.bytes);
      const oldest = others[0];
      if (!oldest || (others.length < this.maxModels && bytes <= this.weightsBudget)) return;
      await this.evict(oldest);
    }
  }

  /** Closes a model after what is queued on it. */
  private evict(entry: Entry): Promise<void> {
    if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key);
    const closed = entry.tail.then(async () => {
      this.release([...this.kept].filter(([, kept]) => kept.entry === entry).map(([handle]) => handle));
      const model = await entry.model.catch(() => null);
      await model?.close();
    });
    entry.tail = closed.catch(() => undefined);
    return closed;
  }

  /** Does `work` after what is queued already. Who is cancelled while it waits need not wait for its turn. */
  private queue<T>(entry: Entry, signal: AbortSignal, work: (model: Model) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(new CancelledError());
      signal.addEventListener('abort', onAbort, { once: true });
      const turn = entry.tail
        .then(() => entry.model)
        .then((model) => {
          throwIfAborted(signal);
          signal.removeEventListener('abort', onAbort);
          return work(model);
        });
      entry.tail = turn.catch(() => undefined);
      turn.then(resolve, reject);
    });
  }
}

/** Gives back what is held of a run that is kept no more, unless a request still reads it. */
function letGo({ result, readers }: Kept): void {
  if (readers > 0) return;
  result.release();
  result.cache?.release();
}

const keyOf = (path: string, { provider, threads, memoryBudget }: ModelSettings): string =>
  JSON.stringify([path, provider ?? 'cpu', threads ?? null, memoryBudget ?? null]);

/** Sizes and times of a model's files: a model that was trained on or replaced is opened anew. */
function stampOf(loaded: LoadedModel): string {
  return JSON.stringify(
    loaded.files.map(({ path }) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? [path, stat.size, stat.mtimeMs] : [path];
    }),
  );
}

/** The machine's memory, or what a container may use of it. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

const gigabytes = (bytes: number): string => (bytes < 1e8 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`);
