import type { Model } from '../../engine/api.js';
import { sample } from '../../engine/local/sampling.js';
import { throwIfAborted } from '../../errors.js';
import { Random } from '../../methods/random.js';
import { prefixOf } from '../prefix.js';

/** Samples that are drawn together; fixed, so that results do not depend on the machine. */
const BATCH = 32;

export interface SampleSettings {
  samples: number;
  /** Tokens of each, at most. */
  tokens: number;
  temperature: number;
  seed: number;
  /** Whether a sample ends with this token; the token is part of it. */
  ends: (id: number) => boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Continuations of a prompt, drawn side by side after one cached prefix. Sample i has random numbers of its own, so the first n of
 * more samples are the same n. End-of-text is not part of a sample.
 * @returns The ids of each sample; it may be empty.
 */
export async function drawSamples(model: Model, ids: readonly number[], settings: SampleSettings): Promise<number[][]> {
  const { samples, seed, signal, onProgress } = settings;
  const prefix = await prefixOf(model, ids, signal);
  const all: number[][] = [];
  for (let from = 0; from < samples; from += BATCH) {
    const count = Math.min(BATCH, samples - from);
    // Above the low 32 bits, which are the seed's, the number of the sample.
    const randoms = Array.from({ length: count }, (_, i) => new Random((seed >>> 0) + (from + i + 1) * 2 ** 32));
    all.push(...(await drawBatch(model, ids, prefix.cache, randoms, settings)));
    onProgress?.(all.length, samples);
  }
  return all;
}

async function drawBatch(
  model: Model,
  prompt: readonly number[],
  prefix: Awaited<ReturnType<typeof prefixOf>>['cache'],
  randoms: readonly Random[],
  { tokens, temperature, ends, signal }: SampleSettings,
): Promise<number[][]> {
  const stops = new Set(model.tokenizer.eosIds);
  const drawn = randoms.map((): number[] => []);
  const open = randoms.map(() => true);
  let cache = prefix;
  let next = randoms.map(() => (prefix ? [prompt.at(-1)!] : [...prompt]));
  for (let step = 0; step < tokens && open.includes(true); step++) {
    throwIfAborted(signal);
    if ((cache?.length ?? 0) + next[0]!.length > model.spec.context) break;
    const result = await model.run(next, { cache: cache ?? undefined, keepCache: true, logits: 'last', signal });
    const { data } = result.logits!;
    const vocab = data.length / randoms.length;
    // A sample that has ended goes on in the batch, and what it says is thrown away.
    next = randoms.map((random, row) => {
      const id = sample(data.subarray(row * vocab, (row + 1) * vocab), { temperature, topK: 0, topP: 1 }, random);
      if (!open[row]) return [id];
      if (stops.has(id)) open[row] = false;
      else {
        drawn[row]!.push(id);
        if (ends(id)) open[row] = false;
      }
      return [id];
    });
    result.release();
    if (cache !== prefix) cache?.release();
    cache = result.cache;
  }
  if (cache !== prefix) cache?.release();
  return drawn;
}
