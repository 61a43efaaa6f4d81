import type { EncodedToken } from '../model/types.js';
import type { ModelSpec } from '../model/spec.js';
import type { Residue } from '../residue/types.js';
import type { GenerateResult, LensRequest, LensResult, NdArray } from './api.js';
import type { EngineClient, ShellCallOptions } from './client.js';
import { untilGone, type CallOptions, type EngineProcess } from './process.js';
import type { AxisSlice, GenerateParams, ModelInfo, ModelRef, ProbeParams, RunParams, RunShellParams, RunSummary } from './protocol.js';

/** Frees runs in the engine that the program has dropped without `release`. */
const dropped = new FinalizationRegistry<() => void>((free) => free());

/** A forward pass whose arrays are held by the engine. They go with `release`, with their model, or with this object. */
export class RemoteRun {
  readonly batch: number;
  /** Tokens per row of this run (a cached prefix not counted). */
  readonly length: number;
  /** Names that `read` answers. */
  readonly hooks: readonly string[];
  /** @internal */
  readonly handle: number;
  private released = false;

  /** @internal */
  constructor(
    private readonly client: EngineClient,
    /** @internal */
    readonly engine: EngineProcess,
    private readonly summary: RunSummary,
  ) {
    this.handle = summary.handle;
    this.batch = summary.batch;
    this.length = summary.length;
    this.hooks = summary.hooks;
    const { handle } = summary;
    dropped.register(this, () => engine.alive && engine.tell('release', { handles: [handle] }), this);
  }

  /**
   * An array of the run, with its batch axis unless `row` picks one batch row: `blocks.0.attn.hook_pattern`
   * [batch, head, query, key]. `slice` has one entry per axis (after `row`): an index, a half-open range, or null for all.
   * Throws InputError for a hook that was not asked for.
   */
  async read(hook: string, options: CallOptions & { row?: number; slice?: readonly AxisSlice[] } = {}): Promise<NdArray> {
    let data: Float32Array | undefined;
    const { shape } = await this.client.callIn(
      this.engine,
      'read',
      { handle: this.handle, hook, row: options.row, slice: options.slice },
      {
        signal: options.signal,
        timeout: options.timeout,
        onEvent: (event) => {
          if (event.kind !== 'chunk') return;
          data ??= new Float32Array(event.total);
          data.set(event.data, event.offset);
        },
      },
    );
    return { data: data ?? new Float32Array(0), shape };
  }

  /** The logits asked for, [batch, rows, vocab]; null when the run was made with `logits: 'none'`. */
  logits(options?: CallOptions): Promise<NdArray | null> {
    return this.summary.logits ? this.read('logits', options) : Promise.resolve(null);
  }

  /**
   * Logit lens on residual rows of one batch row: final norm and unembedding, with top tokens, asked tokens' log-probs and
   * entropy. Needs `blocks.*.hook_resid_pre` and the last `hook_resid_post` among the run's hooks.
   */
  lens(request: LensRequest, options: CallOptions & { row?: number } = {}): Promise<LensResult> {
    return this.client.callIn(this.engine, 'lens', { handle: this.handle, request, row: options.row }, options);
  }

  /** Frees the run's arrays in the engine. Never fails: arrays go with their process, too, and a caller need not wait. */
  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    dropped.unregister(this);
    const { engine } = this;
    if (engine.alive) await untilGone(engine, this.client.callIn(engine, 'release', { handles: [this.handle] }));
  }
}

export type RunCallOptions = Omit<RunParams, 'cache'> & CallOptions & { cache?: RemoteRun };

/** An open model in the engine's process. Made by `openModel`, or by `EngineClient` and a ModelInfo. */
export class RemoteModel {
  readonly tokenizer: {
    /** Tokens with their ids, texts and character offsets. */
    encode(text: string, options?: CallOptions & { addSpecial?: boolean }): Promise<EncodedToken[]>;
    decode(ids: readonly number[], options?: CallOptions & { skipSpecial?: boolean }): Promise<string>;
  } & ModelInfo['tokenizer'];

  constructor(
    readonly client: EngineClient,
    readonly info: ModelInfo,
    private readonly ref: ModelRef,
    private readonly ownsClient = false,
  ) {
    this.tokenizer = {
      ...info.tokenizer,
      encode: (text, options) => client.encode(ref, text, options),
      decode: (ids, options) => client.decode(ref, ids, options),
    };
  }

  /** The model's shape: layers, heads, norms, positions. */
  get spec(): ModelSpec {
    return this.info.spec;
  }

  /**
   * One forward pass with edits and traced hooks.
   * @param tokens One row of ids, or a batch of rows of equal length. Nothing is added to them.
   * @param options `hooks` names what to keep (globs with `*` for one segment, or 'all'); `edits` change the pass; `logits`
   * says which rows to compute (default: the last position); `cache` continues a run made with `keepCache`.
   */
  run(tokens: readonly number[] | readonly (readonly number[])[], options?: RunCallOptions): Promise<RemoteRun> {
    return this.client.run(this.ref, tokens, options);
  }

  /** Log-probs [n, vocab] of any `n` vectors [n, d_model]. */
  unembed(vectors: Float32Array, n: number, options?: CallOptions): Promise<NdArray> {
    return this.client.unembed(this.ref, vectors, n, options);
  }

  /** Continues `tokens`; greedy unless `temperature` is above 0, then sampled with `seed`. */
  generate(tokens: readonly number[], options: GenerateParams & CallOptions & { onToken?: (id: number) => void }): Promise<GenerateResult> {
    return this.client.generate(this.ref, tokens, options);
  }

  /** Runs a shell's text on this model, whatever model the shell names. */
  runShell(
    text: string,
    options: ShellCallOptions & Omit<RunShellParams, 'text' | 'file' | 'model' | 'settings'> & { file?: string } = {},
  ): Promise<Residue> {
    const { signal, timeout, onProgress, onPartial, onJson, file, ...rest } = options;
    return this.client.runShell({ ...rest, text, file: file ?? null, ...this.ref }, { signal, timeout, onProgress, onPartial, onJson });
  }

  /** Probes any text, with the model's own top tokens as answer and rivals unless given. */
  probe(text: string, options: ShellCallOptions & Omit<ProbeParams, 'text' | 'model' | 'settings'> = {}): Promise<Residue> {
    const { signal, timeout, onProgress, onPartial, onJson, ...rest } = options;
    return this.client.probe({ ...rest, text, ...this.ref }, { signal, timeout, onProgress, onPartial, onJson });
  }

  /** Closes the model and frees its runs; ends the engine's process if it was started for this model. */
  async close(): Promise<void> {
    if (this.ownsClient) await this.client.dispose();
    else await this.client.close(this.ref);
  }
}
