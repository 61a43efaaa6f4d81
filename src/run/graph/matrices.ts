import type { Model } from '../../engine/api.js';
import type { WeightStore } from '../../model/weights.js';

/** A stored matrix in float32 with rows as outputs (`out_in`) or as inputs (`in_out`), whichever way it lies in its file. */
export function readMatrix(weights: WeightStore, name: string, as: 'out_in' | 'in_out'): Float32Array {
  const { stored, layout } = weights.get(name);
  const values = weights.readStored(name);
  if (layout === as) return values;
  const [rows, columns] = stored.shape as [number, number];
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c]!;
  return out;
}

export function readVector(weights: WeightStore, name: string): Float32Array | null {
  return weights.has(name) ? weights.readStored(name) : null;
}

/** W_V [kv_head, d_head, d_model] and b_V [kv_head, d_head] of a layer, out of a fused matrix where there is one. */
export function readValueWeights({ weights, spec }: Model, layer: number): { wV: Float32Array; bV: Float32Array | null } {
  const at = `blocks.${layer}.attn`;
  const { nHeads, nKvHeads, dHead, dModel } = spec;
  if (!weights.has(`${at}.W_QKV`)) {
    return { wV: readMatrix(weights, `${at}.W_V`, 'out_in'), bV: readVector(weights, `${at}.b_V`) };
  }
  const all = readMatrix(weights, `${at}.W_QKV`, 'out_in');
  const bias = readVector(weights, `${at}.b_QKV`);
  const outputs =
    weights.get(`${at}.W_QKV`).fused === 'per_head'
      ? Array.from({ length: nKvHeads * dHead }, (_, i) => (3 * Math.floor(i / dHead) + 2) * dHead + (i % dHead))
      : Array.from({ length: nKvHeads * dHead }, (_, i) => (nHeads + nKvHeads) * dHead + i);
  const wV = new Float32Array(outputs.length * dModel);
  outputs.forEach((from, i) => wV.set(all.subarray(from * dModel, (from + 1) * dModel), i * dModel));
  return { wV, bV: bias && Float32Array.from(outputs, (from) => bias[from]!) };
}
