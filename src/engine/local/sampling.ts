import type { Random } from '../../methods/random.js';

export interface SamplingOptions {
  /** 0 is greedy. */
  temperature: number;
  /** Only the k most likely tokens; 0 keeps all. */
  topK: number;
  /** Only the fewest most likely tokens whose probabilities reach p together; 1 keeps all. */
  topP: number;
}

/** Index of the largest value; the first on ties. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Natural log-probability of one id under the logits. */
export function logprobOf(logits: Float32Array, id: number): number {
  const top = logits[argmax(logits)]!;
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - top);
  return logits[id]! - top - Math.log(sum);
}

/**
 * Chooses the next token: logits / temperature, then the k best, then the nucleus (Holtzman 2020), then one number of `random`
 * against the cumulated probabilities in descending order (ties by lower id). The steps and their order are transformers'.
 */
export function sample(logits: Float32Array, options: SamplingOptions, random: Random): number {
  if (options.temperature === 0) return argmax(logits);
  const top = logits[argmax(logits)]!;
  let candidates = Array.from(logits, (x, id) => ({ id, weight: Math.exp((x - top) / options.temperature) }));
  candidates.sort((a, b) => b.weight - a.weight || a.id - b.id);
  if (options.topK > 0) candidates = candidates.slice(0, options.topK);
  const total = candidates.reduce((sum, c) => sum + c.weight, 0);
  if (options.topP < 1) {
    let sum = 0;
    const end = candidates.findIndex((c) => (sum += c.weight) >= options.topP * total);
    if (end >= 0) candidates = candidates.slice(0, end + 1);
  }
  let left = random.unit() * candidates.reduce((sum, c) => sum + c.weight, 0);
  for (const candidate of candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  return candidates[candidates.length - 1]!.id;
}
