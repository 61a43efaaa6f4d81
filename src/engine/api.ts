import type { ModelSpec } from '../model/spec.js';
import type { WeightStore } from '../model/weights.js';
import type { LoadedModel, Tokenizer } from '../model/types.js';

/**
 * What a loaded model can do. `LocalModel` (src/engine/local) implements it in the process that owns onnxruntime;
 * `RemoteModel` (src/engine/client) offers the part that may cross processes.
 *
 * Hook names, layouts and the raw-weights convention are TransformerLens's (TransformerBridge, nothing folded), with a
 * leading batch axis here and none in a `.npz`.
 */

/** Row-major float32 array with its shape. */
export interface NdArray {
  data: Float32Array;
  shape: number[];
}

/** `blocks.3.attn.hook_pattern`, `hook_embed`, `ln_final.hook_scale`, … */
export type HookName = string;

export type LayerSet = readonly number[] | 'all';

/**
 * Changes to a forward pass. `row` limits an edit to one batch row (default: all). Positions index the tokens of this run
 * (after any cached prefix). Applied in the order: replace, then scale, then add, at each hook.
 */
export type Edit =
  /**
   * Pre-softmax −inf from `queries` to `keys` (Geva 2023). A negative key is a token of the cached prefix: −1 its last. A knockout
   * that leaves some query no key at all is refused.
   */
  | { kind: 'knockout'; layers: LayerSet; heads: LayerSet; queries: readonly number[] | 'all'; keys: readonly number[]; row?: number }
  /** z of a head times `scale` (0 ablates) at `positions`. */
  | { kind: 'scale-head'; layer: number; head: number; scale: number; positions?: readonly number[] | 'all'; row?: number }
  /** What `queries` read from `keys` (as in a knockout) times `scale`, after the softmax: the pattern keeps its values, v is scaled. */
  | {
      kind: 'scale-values';
      layers: LayerSet;
      heads: LayerSet;
      queries: readonly number[] | 'all';
      keys: readonly number[];
      scale: number;
      row?: number;
    }
  /** Sets an activation. `value` is one vector (d_model; for z: d_head) used at every position, or one vector per position. */
  | {
      kind: 'replace' | 'add';
      at: 'resid_pre' | 'attn_out' | 'mlp_out';
      layer: number;
      positions: readonly number[] | 'all';
      value: Float32Array;
      row?: number;
    }
  | {
      kind: 'replace' | 'add';
      at: 'z';
      layer: number;
      head: number;
      positions: readonly number[] | 'all';
      value: Float32Array;
      row?: number;
    }
  /** attn_out or mlp_out times `scale` at `positions` (0 removes it, biases included). */
  | { kind: 'scale-out'; at: 'attn_out' | 'mlp_out'; layer: number; scale: number; positions?: readonly number[] | 'all'; row?: number }
  /** r − (r·u)u on resid_pre; `direction` need not be a unit vector. */
  | { kind: 'project-out'; layer: number; positions: readonly number[] | 'all'; direction: Float32Array; row?: number };

export interface LensRequest {
  /** Residual rows: 0 = resid_pre of layer 0 … L = the last resid_post. */
  layers: LayerSet;
  positions: readonly number[];
  /** Highest tokens to return per row. */
  topK?: number;
  /** Tokens whose log-probabilities (and ranks) to return per row. */
  tokens?: readonly number[];
  /** Whole log-prob rows too: [.., vocab]. Ask for few rows. */
  full?: boolean;
  /** `recomputed` (default): the final norm of each row. `frozen`: the scale of the last residual at that position. */
  norm?: 'recomputed' | 'frozen';
  signal?: AbortSignal;
}

/** Arrays are [layer, position, …] of the request, for one batch row. */
export interface LensResult {
  layers: number[];
  positions: number[];
  norm: 'recomputed' | 'frozen';
  topIds: Int32Array;
  topLogprobs: Float32Array;
  tokenLogprobs: Float32Array;
  /** Rank of each asked token, 0 = top-1. */
  tokenRanks: Int32Array;
  /** Nats. */
  entropy: Float32Array;
  logprobs?: Float32Array;
}

/** Keys and values of a prefix, opaque; made by a run with `keepCache`. One of a single row serves a batch of any size. */
export interface KvCache {
  readonly length: number;
  readonly batch: number;
  /** A copy of its first `length` tokens: of every batch row, or of `row` alone. Throws for more than there are. */
  prefix(length: number, row?: number): KvCache;
  /** A copy of a layer's values of one row, laid out as `attn.hook_v`: [1, pos, kv_head, d_head]. */
  values(layer: number, row?: number): NdArray;
  /** Gives its memory back at once; no later run may use it. */
  release(): void;
}

export interface RunOptions {
  /** Position ids, one row for all or one per batch row; default 0…T−1 after the cache. A gap does not change causal order. */
  positions?: readonly number[] | readonly (readonly number[])[];
  edits?: readonly Edit[];
  /** Hooks to keep: names, or globs with `*` for one segment (`blocks.*.attn.hook_pattern`), or 'all'. Default none. */
  hooks?: readonly string[] | 'all';
  /** Rows of logits to compute: the last position (default), all, none, or these positions. */
  logits?: 'last' | 'all' | 'none' | readonly number[];
  cache?: KvCache;
  keepCache?: boolean;
  /**
   * Starts at a layer with a residual stream [T, d_model] (its `hook_resid_pre` in a run of the same tokens), the same for every batch
   * row: what lies before is not computed, so its hooks and edits are refused. Not with a cache.
   */
  from?: { layer: number; residual: Float32Array };
  signal?: AbortSignal;
}

export interface RunResult {
  readonly batch: number;
  readonly length: number;
  /** [batch, rows, vocab] for the rows asked for. Throws after `release`. */
  readonly logits: NdArray | null;
  readonly cache: KvCache | null;
  /** Names that `get` answers. */
  readonly hooks: readonly HookName[];
  /** With its batch axis, e.g. hook_q [batch, pos, head, d_head]. Throws if it was not asked for, and after `release`. */
  get(name: HookName): NdArray;
  /**
   * Gives the memory of its arrays back at once, rather than when they are next collected as garbage: they, and views of them, are
   * gone for whoever holds them (on a Node that cannot give memory back, they stay until collected). The arrays of the hooks in `keep`
   * are left to whoever holds them; the cache has a `release` of its own. A second release does nothing; `variants` that still read
   * the run are finished first.
   */
  release(options?: { keep?: readonly HookName[] }): void;
}

export interface VariantOptions {
  /** Tokens whose logits are wanted. */
  tokens: readonly number[];
  /**
   * Hook points whose values at the last position are wanted under each variant, as names or globs: `attn.hook_z`, `hook_attn_out` and
   * `hook_mlp_out` of blocks, which the unchanged run must have kept, and `ln_final.hook_scale`. Default none.
   */
  hooks?: readonly string[];
  /** Position ids of the unchanged run, where they are not 0…T−1. */
  positions?: readonly number[];
  signal?: AbortSignal;
  /** Called with how many variants are done. */
  onProgress?: (done: number, total: number) => void;
}

/** Logits [variant, token]. */
export interface VariantOutputs extends NdArray {
  /** What was asked for of the last position, by hook point: [variant, …], such as `attn.hook_z` [variant, head, d_head]. */
  last: ReadonlyMap<HookName, NdArray>;
}

export interface GenerateOptions {
  maxTokens: number;
  /** 0 is greedy. */
  temperature?: number;
  topP?: number;
  topK?: number;
  /** Of xoshiro128**, see methods/random.ts. The same seed gives the same tokens. */
  seed?: number;
  /** Positions count from the prompt's first token at every step; 'all' includes what is generated. */
  edits?: readonly Edit[];
  /** Keys and values of the prompt's first tokens, one row: they are not computed again. It must leave at least one token. */
  cache?: KvCache;
  /** Stop at these ids; default the tokenizer's end-of-text ids. */
  stopIds?: readonly number[];
  signal?: AbortSignal;
  onToken?: (id: number) => void;
}

export interface GenerateResult {
  ids: number[];
  /** Log-probability of each chosen id under the model (temperature 1). */
  logprobs: number[];
  stopped: 'end-of-text' | 'length' | 'context';
}

/** Resolved settings of an open model, recorded in each residue. */
export interface EngineInfo {
  onnxruntime: string;
  /** Execution provider asked for and the one in use; a note says why they differ. */
  provider: { asked: string; used: string; note?: string };
  threads: number;
}

export interface Model {
  readonly loaded: LoadedModel;
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  readonly weights: WeightStore;
  readonly info: EngineInfo;
  /** tokens: one row, or a batch of rows of equal length. */
  run(tokens: readonly number[] | readonly (readonly number[])[], options?: RunOptions): Promise<RunResult>;
  /**
   * Logits [variant, token] at the last position of many edited versions of one run, each computed from its first edited layer and
   * position on. Positions at which a variant's only edit replaces what the run has kept by the same numbers are not run: those of a patch
   * before the first difference of two prompts. `run`: one row, no cache before it, with `blocks.*.hook_resid_pre`, the last
   * `hook_resid_post` and `keepCache`. Edits without `row`.
   */
  variants(run: RunResult, variants: readonly (readonly Edit[])[], options: VariantOptions): Promise<VariantOutputs>;
  /** Lens on residual rows kept by a run (needs `blocks.*.hook_resid_pre` and the last `hook_resid_post` among its hooks). */
  lens(run: RunResult, request: LensRequest, row?: number): Promise<LensResult>;
  /** Final norm and unembedding on any vectors [n, d_model]: log-probs [n, vocab]. */
  unembed(vectors: Float32Array, n: number): Promise<NdArray>;
  /** UᵀU of the unembedding, [d_model, d_model], row by row. Costs vocab · d_model² multiplications. */
  unembedGram(signal?: AbortSignal): Promise<Float64Array>;
  generate(tokens: readonly number[], options: GenerateOptions): Promise<GenerateResult>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Intra-op threads; default: physical parallelism, at most 8. */
  threads?: number;
  /** `cpu` (default) or any provider the installed onnxruntime lists. One that fails to start falls back to cpu, with a note. */
  provider?: string;
  /** Bytes a run may take beyond the weights; default half of the free memory when the model opens. */
  memoryBudget?: number;
  signal?: AbortSignal;
  onProgress?: (event: { stage: string; done: number; total: number }) => void;
}
