import { availableParallelism } from 'node:os';
import { InputError, throwIfAborted } from '../../errors.js';
import type { LoadedModel } from '../../model/types.js';
import type { Edit, EngineInfo, GenerateOptions, LensRequest, Model, OpenOptions, RunOptions, RunResult, VariantOptions } from '../api.js';
import { Lanes, lanesFor } from '../lane/lanes.js';
import { defaultBudget } from './budget.js';
import { ownCache } from './cache.js';
import { forward } from './forward.js';
import type { Engine } from './forward.js';
import { generate } from './generate.js';
import { unembedGram } from './gram.js';
import { lens, unembed } from './lens.js';
import { shrinkHeap } from './memory.js';
import { Parts } from './parts.js';
import { LocalResult } from './result.js';
import { onnxruntimeVersion } from './sessions.js';
import { checkTokens } from './validate.js';
import { variantLogits } from './variants.js';

export { listProviders, onnxruntimeVersion } from './sessions.js';

const MAX_DEFAULT_THREADS = 8;

export interface LocalOptions extends OpenOptions {
  /** False leaves hook points out of the graphs, so that only logits, caches and resid_post can be had: to measure what they cost. */
  taps?: boolean;
  /** The program of a lane (dist/lane.cjs): a small model's variants are then run by several threads. Default: by the calling one alone. */
  lane?: string;
}

/** Opens a loaded model in this process. Its weights stay mapped from the user's files until it is closed. */
export async function openLocal(loaded: LoadedModel, options: LocalOptions = {}): Promise<Model> {
  throwIfAborted(options.signal);
  const threads = options.threads ?? Math.min(availableParallelism(), MAX_DEFAULT_THREADS);
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InputError(`The number of threads ${threads} is not a whole number from 1 to 256.`, { field: 'threads' });
  }
  const memoryBudget = options.memoryBudget ?? defaultBudget();
  if (!(memoryBudget > 0))
    throw new InputError(`The memory budget ${memoryBudget} is not a number of bytes above 0.`, { field: 'memoryBudget' });
  const { provider: asked = 'cpu', taps = true, lane } = options;
  const count = lane === undefined || asked !== 'cpu' ? 0 : lanesFor(loaded.weights.parameters, threads);
  let lanes: Lanes | null = null;
  const parts = new Parts(loaded, threads, asked, taps, (part, bytes) => lanes?.give(part, bytes));
  if (lane !== undefined && count > 0)
    lanes = new Lanes(lane, { spec: loaded.spec, path: loaded.path, folder: parts.folder, memoryBudget }, count);
  try {
    await parts.open(options);
    shrinkHeap();
  } catch (error) {
    await lanes?.close();
    await parts.close();
    throw error;
  }
  const { provider } = parts.sessions;
  return new LocalModel(loaded, parts, memoryBudget, lanes, { onnxruntime: onnxruntimeVersion(), provider, threads });
}

class LocalModel implements Model {
  private readonly engine: Engine;

  constructor(
    readonly loaded: LoadedModel,
    parts: Parts,
    memoryBudget: number,
    lanes: Lanes | null,
    readonly info: EngineInfo,
  ) {
    this.engine = { loaded, parts, memoryBudget, owner: this, lanes };
  }

  get spec() {
    return this.loaded.spec;
  }

  get tokenizer() {
    return this.loaded.tokenizer;
  }

  get weights() {
    return this.loaded.weights;
  }

  async run(tokens: readonly number[] | readonly (readonly number[])[], options: RunOptions = {}): Promise<RunResult> {
    this.engine.parts.refuseClosed();
    const rows = checkTokens(this.spec, tokens);
    return forward(this.engine, { rows, options, cache: ownCache(options.cache, this, rows.length) });
  }

  async variants(run: RunResult, variants: readonly (readonly Edit[])[], options: VariantOptions) {
    this.engine.parts.refuseClosed();
    const work = () => variantLogits(this.engine, run, variants, options);
    return run instanceof LocalResult ? run.reading(work) : work();
  }

  lens(run: RunResult, request: LensRequest, row = 0) {
    return lens(this.engine, run, request, row);
  }

  unembed(vectors: Float32Array, n: number) {
    return unembed(this.engine, vectors, n);
  }

  unembedGram(signal?: AbortSignal) {
    return unembedGram(this.engine, signal);
  }

  async generate(tokens: readonly number[], options: GenerateOptions) {
    this.engine.parts.refuseClosed();
    const [row] = checkTokens(this.spec, [tokens]);
    return generate(this.engine, row!, options);
  }

  async close(): Promise<void> {
    await this.engine.lanes?.close();
    await this.engine.parts.close();
    this.loaded.close();
  }
}
