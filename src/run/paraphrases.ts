import type { KvCache, Model, NdArray, RunResult } from '../engine/api.js';
import { logSoftmax } from '../methods/lens.js';
import type { Scores } from '../residue/types.js';
import { OUTPUT_HOOKS, outputSums, type OutputSums } from './ablate.js';
import { rowsPerBatch } from './edited.js';
import { promptKey, type PlannedRun } from './plan.js';
import { forgetCache, rememberCache } from './prefix.js';
import { score } from './score.js';
import { patchHooks } from './verify/patching.js';
import type { PreparedPrompt } from './types.js';

/** A paraphrase that was run: what it scored, and sums of what its layers wrote. */
export interface Paraphrase {
  prompt: PreparedPrompt;
  scores: Scores;
  sums: OutputSums;
  /** Last residual at its answer position, [d_model]. */
  final: Float32Array;
  /** Those that were run together with it, while what they left is held. */
  batch: Batch | null;
  /** Which of them it is. */
  row: number;
}

/** Prompts of one length that were run together, and what they left. */
export interface Batch {
  prompts: readonly PreparedPrompt[];
  /** Of all of their tokens, [row, pos, …]: what patching reads (`patchHooks`). */
  arrays: ReadonlyMap<string, NdArray>;
  cache: KvCache;
}

/** Most bytes that the paraphrases of one combination of vary values may hold for what comes after them. */
const KEEP_BYTES = 2 ** 27;
/** Tokens that must be the same for a beginning to be worth sharing. */
const LEAST_SHARED = 16;

/**
 * The paraphrases of a shell: those of equal length are run together, and none twice. Where a text begins as the one before it in the plan
 * did, as it does when only a filler grows, that beginning is not run again.
 */
export class Paraphrases {
  /** By what makes them the same run. */
  private readonly known = new Map<string, Paraphrase>();
  private held: Batch[] = [];

  constructor(private readonly model: Model) {}

  /** Runs those of one combination of vary values that have not been run yet. */
  async measure({ paraphrases }: PlannedRun, progress: (done: number, total: number) => void, signal?: AbortSignal): Promise<void> {
    const { model } = this;
    const fresh = new Map<string, PreparedPrompt>();
    for (const { prompt } of paraphrases) if (!this.known.has(promptKey(prompt))) fresh.set(promptKey(prompt), prompt);
    const keep = this.bytesOf([...fresh.values()]) <= KEEP_BYTES;
    let done = 0;
    for (const length of new Set([...fresh.values()].map(({ ids }) => ids.length))) {
      const alike = [...fresh.values()].filter(({ ids }) => ids.length === length);
      const size = rowsPerBatch(model, length);
      for (let from = 0; from < alike.length; from += size) {
        await this.measureTogether(alike.slice(from, from + size), keep, signal);
        done += Math.min(size, alike.length - from);
        progress(done, fresh.size);
      }
    }
  }

  /** What was measured of one combination's paraphrases, in the shell's order. */
  of({ paraphrases }: PlannedRun): Paraphrase[] {
    return paraphrases.flatMap(({ prompt }) => this.known.get(promptKey(prompt)) ?? []);
  }

  /** Lets go of what was kept of all paraphrases but those of some combinations. */
  letGo(except: readonly PlannedRun[]): void {
    const wanted = new Set(except.flatMap((run) => this.of(run)).map(({ batch }) => batch));
    for (const batch of this.held.filter((one) => !wanted.has(one))) {
      for (const prompt of batch.prompts) {
        // One whose scoring was cancelled is held and not known.
        const one = this.known.get(promptKey(prompt));
        if (one) one.batch = null;
        forgetCache(this.model, prompt.ids);
      }
      batch.cache.release();
    }
    this.held = this.held.filter((one) => wanted.has(one));
  }

  /** Runs prompts of one length as one batch and reads each. */
  private async measureTogether(prompts: readonly PreparedPrompt[], keep: boolean, signal?: AbortSignal): Promise<void> {
    const { model } = this;
    const { vocabSize, dModel, nLayers } = model.spec;
    const last = `blocks.${nLayers - 1}.hook_resid_post`;
    const before = keep ? this.beginning(prompts) : null;
    const cache = before?.batch.cache.prefix(before.tokens);
    const result = await model.run(
      prompts.map(({ ids }) => ids.slice(before?.tokens ?? 0)),
      { hooks: keep ? patchHooks(model) : [...OUTPUT_HOOKS, last], keepCache: keep, cache, signal },
    );
    cache?.release();
    const arrays = new Map(
      result.hooks.map((name) => [name, before ? behind(before.batch, before.tokens, name, result) : result.get(name)]),
    );
    const batch = keep ? { prompts, arrays, cache: result.cache! } : null;
    if (batch) this.held.push(batch);
    const final = result.get(last);
    for (const [row, prompt] of prompts.entries()) {
      const logprobs = logSoftmax(result.logits!.data.subarray(row * vocabSize, (row + 1) * vocabSize));
      const end = ((row + 1) * result.length - 1) * dModel;
      if (batch) rememberCache(model, prompt.ids, () => batch.cache.prefix(prompt.ids.length, row));
      this.known.set(promptKey(prompt), {
        prompt,
        scores: await score(model, prompt, logprobs, signal),
        sums: outputSums(model, { length: prompt.ids.length, get: (name) => rowOf(arrays.get(name)!, row) }),
        final: final.data.slice(end, end + dModel),
        batch,
        row,
      });
    }
    // Arrays of a whole text that were put together lie apart from the run's.
    result.release({ keep: keep && !before ? result.hooks : [] });
  }

  /** The longest beginning that these prompts share, one by one, with others that are held. */
  private beginning(prompts: readonly PreparedPrompt[]): { batch: Batch; tokens: number } | null {
    let best: { batch: Batch; tokens: number } | null = null;
    for (const batch of this.held) {
      if (batch.prompts.length !== prompts.length) continue;
      const tokens = Math.min(...prompts.map(({ ids }, i) => Math.min(sharedTokens(ids, batch.prompts[i]!.ids), ids.length - 1)));
      if (tokens >= LEAST_SHARED && tokens > (best?.tokens ?? 0)) best = { batch, tokens };
    }
    return best;
  }

  /** Bytes that are kept of prompts: keys, values, and what components write. */
  private bytesOf(prompts: readonly PreparedPrompt[]): number {
    const { nLayers, dModel, nHeads, nKvHeads, dHead } = this.model.spec;
    const tokens = prompts.reduce((sum, { ids }) => sum + ids.length, 0);
    return 4 * nLayers * tokens * (2 * nKvHeads * dHead + nHeads * dHead + 3 * dModel);
  }
}

/** What one prompt of a batch left, as a run of that prompt alone would hold it: arrays [1, pos, …], and its cache. To be used while the batch is. */
export function runOf({ arrays, cache, prompts }: Batch, row: number): RunResult {
  const length = prompts[row]!.ids.length;
  let own: KvCache | null = null;
  return {
    batch: 1,
    length,
    logits: null,
    hooks: [...arrays.keys()],
    get cache() {
      return (own ??= cache.prefix(length, row));
    },
    get: (name) => rowOf(arrays.get(name)!, row),
    release: () => undefined,
  };
}

/** One row of an array [row, …], as [1, …]. */
function rowOf({ data, shape }: NdArray, row: number): NdArray {
  const size = data.length / shape[0]!;
  return { data: data.subarray(row * size, (row + 1) * size), shape: [1, ...shape.slice(1)] };
}

/** An array of a run whose first `tokens` were not run again, with what the batch before holds of them in front. */
function behind({ arrays }: Batch, tokens: number, name: string, result: RunResult): NdArray {
  const [front, back] = [arrays.get(name)!, result.get(name)];
  const [rows, , ...rest] = back.shape as [number, number, ...number[]];
  const width = rest.reduce((a, b) => a * b, 1);
  const length = tokens + result.length;
  const data = new Float32Array(rows * length * width);
  const all = front.data.length / rows;
  for (let row = 0; row < rows; row++) {
    data.set(front.data.subarray(row * all, row * all + tokens * width), row * length * width);
    data.set(back.data.subarray(row * result.length * width, (row + 1) * result.length * width), (row * length + tokens) * width);
  }
  return { data, shape: [rows, length, ...rest] };
}

function sharedTokens(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
