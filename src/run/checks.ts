import type { Model } from '../engine/api.js';
import { lensRow, logSoftmax } from '../methods/lens.js';
import type { IdentityCheck } from '../residue/types.js';
import type { TracedRun } from './types.js';
import { breathe } from './weights.js';

/** float32 softmax rows of a few thousand entries stay well within the first; attribution's tolerance is the published one. */
const TOLERANCES: Record<IdentityCheck['name'], number> = {
  'pattern-rows-sum-to-1': 1e-4,
  'no-attention-to-the-future': 0,
  'contributions-sum-to-margin': 1e-3,
  'lens-last-layer-equals-logits': 1e-3,
};

const check = (name: IdentityCheck['name'], run: string, residual: number): IdentityCheck => ({
  name,
  run,
  residual,
  tolerance: TOLERANCES[name],
  passed: residual <= TOLERANCES[name],
});

/**
 * What must hold whatever the weights, measured on one traced run.
 * @param residual Attribution's |margin − sum of terms|, nats.
 */
export async function identityChecks(
  model: Model,
  run: TracedRun,
  name: string,
  residual: number,
  signal?: AbortSignal,
): Promise<IdentityCheck[]> {
  const { nLayers } = model.spec;
  let sums = 0;
  let future = 0;
  for (let layer = 0; layer < nLayers; layer++) {
    await breathe(signal);
    const { data, shape } = run.result.get(`blocks.${layer}.attn.hook_pattern`);
    const length = shape[3]!;
    for (let start = 0, query = 0; start < data.length; start += length, query = (query + 1) % length) {
      let sum = 0;
      for (let k = 0; k <= query; k++) sum += data[start + k]!;
      for (let k = query + 1; k < length; k++) future = Math.max(future, Math.abs(data[start + k]!));
      sums = Math.max(sums, Math.abs(sum - 1));
    }
  }
  const output = logSoftmax(run.result.logits!.data);
  const lens = lensRow(run.lens, nLayers);
  let lensGap = 0;
  for (let id = 0; id < output.length; id++) lensGap = Math.max(lensGap, Math.abs(output[id]! - lens[id]!));
  return [
    check('pattern-rows-sum-to-1', name, sums),
    check('no-attention-to-the-future', name, future),
    check('contributions-sum-to-margin', name, residual),
    check('lens-last-layer-equals-logits', name, lensGap),
  ];
}
