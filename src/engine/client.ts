import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EncodedToken } from '../model/types.js';
import type { Residue } from '../residue/types.js';
import type { RunProgress } from '../run/types.js';
import type { GenerateResult, NdArray } from './api.js';
import { InputError } from '../errors.js';
import { EngineError } from './errors.js';
import { EngineProcess, untilGone, type CallOptions, type EngineProcessOptions, type RequestOptions } from './process.js';
import type { AxisSlice, EngineEvent, GenerateParams, Method, Methods, ModelInfo, ModelRef, ProbeParams, ProcessInfo } from './protocol.js';
import type { RunParams, RunShellParams } from './protocol.js';
import { RemoteRun } from './remote.js';

export { EngineError, type EngineFailure } from './errors.js';
export type { CallOptions } from './process.js';

export interface EngineClientOptions extends EngineProcessOptions {
  /** Milliseconds without a request after which the process is ended; the next request starts another. Default: never. */
  idle?: number;
  /** A process that has been started with these options already: the first that is used. */
  started?: EngineProcess;
}

export interface ProgressOptions extends CallOptions {
  onProgress?: (event: RunProgress) => void;
}

export interface ShellCallOptions extends ProgressOptions {
  /** The residue so far, whenever a section of it is finished. */
  onPartial?: (residue: Residue) => void;
  /** The same as JSON text, the finished residue included: for whoever hands it on and needs no objects of it. */
  onJson?: (json: string) => void;
}

/**
 * A client of the engine's process. It starts the process on first use and again after it has ended for whatever reason; models
 * are opened as requests name them. Every method rejects with InputError (bad input, one sentence), CancelledError (its signal
 * fired) or EngineError (the process could not answer).
 *
 * An idle engine does not keep the caller's program running; `dispose` ends it at once.
 */
export class EngineClient {
  private current: EngineProcess | null = null;
  private idleTimer: NodeJS.Timeout | undefined;
  private disposed = false;

  constructor(private readonly options: EngineClientOptions = {}) {
    this.current = options.started ?? null;
  }

  /** Process id while a process is up. */
  get pid(): number | undefined {
    return this.current?.alive ? this.current.pid : undefined;
  }

  /** Versions, the execution providers on offer, open models and memory. */
  info(options?: CallOptions): Promise<ProcessInfo> {
    return this.call('info', {}, options);
  }

  /** Opens a model, or finds it open, and tells what it is. */
  open(model: ModelRef, options: ProgressOptions = {}): Promise<ModelInfo> {
    return this.call('open', model, withProgress(options));
  }

  /**
   * Closes a model and drops its runs; its open requests are finished first. False when it was not open. A process that ends meanwhile
   * has closed it.
   */
  async close(model: ModelRef, options?: CallOptions): Promise<boolean> {
    const engine = this.current;
    if (!engine?.alive) return false;
    return (await untilGone(engine, this.callIn(engine, 'close', ref(model), options)))?.closed ?? true;
  }

  /** Tokens of a text, with special tokens as the model's own configuration says unless `addSpecial` is given. */
  encode(model: ModelRef, text: string, options: CallOptions & { addSpecial?: boolean } = {}): Promise<EncodedToken[]> {
    return this.call('encode', { ...ref(model), text, addSpecial: options.addSpecial }, options);
  }

  decode(model: ModelRef, ids: readonly number[], options: CallOptions & { skipSpecial?: boolean } = {}): Promise<string> {
    return this.call('decode', { ...ref(model), ids, skipSpecial: options.skipSpecial }, options);
  }

  /** One forward pass over one row of tokens or a batch of equal rows. The arrays stay in the engine; read what you need. */
  async run(
    model: ModelRef,
    tokens: readonly number[] | readonly (readonly number[])[],
    { signal, timeout, cache, ...options }: Omit<RunParams, 'cache'> & { cache?: RemoteRun } & CallOptions = {},
  ): Promise<RemoteRun> {
    const engine = this.engine();
    if (cache) this.mustBe(cache, engine);
    const params = { ...ref(model), tokens, options: { ...options, cache: cache?.handle } };
    return new RemoteRun(this, engine, await this.track(engine, 'run', params, { signal, timeout }));
  }

  /** Log-probs [n, vocab] of final norm and unembedding on `n` vectors [n, d_model]. */
  unembed(model: ModelRef, vectors: Float32Array, n: number, options?: CallOptions): Promise<NdArray> {
    return this.call('unembed', { ...ref(model), vectors, n }, options);
  }

  /** Greedy or seeded continuation of `tokens`, with a KV cache. */
  generate(
    model: ModelRef,
    tokens: readonly number[],
    given: GenerateParams & CallOptions & { onToken?: (id: number) => void },
  ): Promise<GenerateResult> {
    // Whoever writes JavaScript may leave them out; the engine says what is missing.
    const { signal, timeout, onToken, ...options } = given ?? {};
    const onEvent = onToken && ((event: EngineEvent) => event.kind === 'token' && onToken(event.id));
    return this.call('generate', { ...ref(model), tokens, options }, { signal, timeout, onEvent });
  }

  /**
   * Runs a shell next to the arrays and returns its residue. An abort gives the residue so far with status `cancelled` where the
   * run had begun, else a CancelledError.
   */
  runShell(params: RunShellParams, options: ShellCallOptions = {}): Promise<Residue> {
    return this.residue('runShell', params, options);
  }

  /** The same, and the residue as JSON text: for whoever hands it on and makes no objects of it. `onJson` hears of what comes before. */
  runShellText(params: RunShellParams, options: ShellCallOptions = {}): Promise<string> {
    return this.residueText('runShell', params, options);
  }

  /** An overview of any text: the shell it makes of it is in the residue. */
  probe(params: ProbeParams, options: ShellCallOptions = {}): Promise<Residue> {
    return this.residue('probe', params, options);
  }

  /** Compares two residues; gives the comparison as JSON text, to be handed on. */
  async compare(params: Methods['compare']['params'], options?: CallOptions): Promise<string> {
    return (await this.call('compare', params, options)).json;
  }

  private async residue<M extends 'runShell' | 'probe'>(
    method: M,
    params: Methods[M]['params'],
    options: ShellCallOptions,
  ): Promise<Residue> {
    const json = await this.residueText(method, params, options);
    options.onJson?.(json);
    // Each takes time in proportion to the residue: others get their turn in between.
    await nextTurn();
    return JSON.parse(json) as Residue;
  }

  private async residueText<M extends 'runShell' | 'probe'>(
    method: M,
    params: Methods[M]['params'],
    options: ShellCallOptions,
  ): Promise<string> {
    const partials = options.onPartial !== undefined || options.onJson !== undefined;
    return (await this.call(method, { ...params, partials }, { ...withProgress(options), onAbort: 'finish' })).json;
  }

  /** Ends the process; requests under way are rejected. The client cannot be used afterwards. */
  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.idleTimer);
    const engine = this.current;
    this.current = null;
    await engine?.stop();
  }

  /** @internal A request about arrays that live in one certain process. */
  callIn<M extends Method>(
    engine: EngineProcess,
    method: M,
    params: Methods[M]['params'],
    options?: RequestOptions,
  ): Promise<Methods[M]['result']> {
    if (!engine.alive) return Promise.reject(lost());
    return this.track(engine, method, params, options);
  }

  private call<M extends Method>(method: M, params: Methods[M]['params'], options?: RequestOptions): Promise<Methods[M]['result']> {
    try {
      return this.track(this.engine(), method, params, options);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private async track<M extends Method>(
    engine: EngineProcess,
    method: M,
    params: Methods[M]['params'],
    options?: RequestOptions,
  ): Promise<Methods[M]['result']> {
    clearTimeout(this.idleTimer);
    try {
      return await engine.request(method, params, options);
    } finally {
      if (this.options.idle !== undefined && !engine.busy) {
        clearTimeout(this.idleTimer);
        this.idleTimer = setTimeout(() => this.endIdle(engine), this.options.idle).unref();
      }
    }
  }

  private engine(): EngineProcess {
    if (this.disposed) throw new EngineError('disposed', 'The engine was closed.');
    if (!this.current?.alive) this.current = new EngineProcess(this.options);
    return this.current;
  }

  private endIdle(engine: EngineProcess): void {
    if (engine.busy || this.current !== engine) return;
    this.current = null;
    void engine.stop(lost());
  }

  private mustBe(run: RemoteRun, engine: EngineProcess): void {
    if (!(run instanceof RemoteRun)) throw new InputError('The `cache` must be a run that was made with `keepCache`.', { field: 'cache' });
    if (run.engine !== engine) throw lost();
  }
}

function lost(): EngineError {
  return new EngineError('crashed', 'The arrays of this run are gone, for the engine that held them has ended: run it again.');
}

/** Only what names a model, whatever else the caller's object holds. */
function ref({ model, settings }: ModelRef): ModelRef {
  return { model, settings };
}

function withProgress({ signal, timeout, onProgress, onPartial, onJson }: ShellCallOptions): RequestOptions {
  return {
    signal,
    timeout,
    onEvent: (event) => {
      if (event.kind === 'progress') onProgress?.({ stage: event.stage, done: event.done, total: event.total });
      else if (event.kind === 'partial') {
        onPartial?.(JSON.parse(event.json) as Residue);
        onJson?.(event.json);
      }
    },
  };
}

export type { AxisSlice };
