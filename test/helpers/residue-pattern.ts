import type { Residue } from '../../src/residue/types.js';
import { random } from './residue-generator.js';

/**
 * A whole causal attention pattern of one head, [query, key], rows summing to 1: attention to itself and near tokens, to the first token,
 * and now and then far back. The residue is made to agree with it: its row and its mass on each span.
 */
export function patternFor(residue: Residue, layer: number, head: number): Float32Array {
  const run = residue.runs[residue.primary]!;
  const T = run.tokens.length;
  const next = random(layer * 97 + head + 5);
  const data = new Float32Array(T * T);
  for (let q = 0; q < T; q++) {
    let sum = 0;
    const far = Math.floor(next() * (q + 1));
    for (let k = 0; k <= q; k++) {
      const weight = Math.exp(-(q - k) / (3 + head)) + (k === 0 ? 0.6 : 0) + (k === far ? 1.5 * next() : 0) + 0.002;
      data[q * T + k] = weight;
      sum += weight;
    }
    for (let k = 0; k <= q; k++) data[q * T + k]! /= sum;
  }
  const row = [...data.subarray(run.position * T, (run.position + 1) * T)];
  const attention = run.attention!;
  attention.rows = attention.rows.map((kept) => (kept.layer === layer && kept.head === head ? { ...kept, pattern: row } : kept));
  for (const [name, [from, to]] of Object.entries(run.spans))
    attention.spans[name]!.attention[layer]![head] = row.slice(from, to).reduce((a, b) => a + b, 0);
  return data;
}
