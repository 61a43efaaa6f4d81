import { InputError } from '../../errors.js';
import type { HookPoint } from '../../graph/hooks.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit, RunOptions } from '../api.js';
import { checkIndex, firstNonFinite } from './validate.js';

/** Where a pass begins: the first block that is run, and the residual stream [batch, T, d_model] that enters it. */
export interface Start {
  layer: number;
  residual: Float32Array;
}

/** Checks `RunOptions.from` and spreads its residual over the batch; null when the run begins with the embedding. Throws InputError. */
export function startOf(
  spec: ModelSpec,
  { from, keepCache, edits = [] }: Omit<RunOptions, 'cache'>,
  size: { batch: number; tokens: number; past: number },
  hooks: readonly HookPoint[],
): Start | null {
  if (!from) return null;
  const { layer, residual } = from;
  checkIndex(layer, 0, spec.nLayers - 1, 'layer to start from', 'from.layer');
  if (size.past > 0 || keepCache) {
    throw new InputError('A run that starts from a layer cannot use or keep a cache, whose earlier layers it does not have.', {
      field: 'from',
    });
  }
  const numbers = size.tokens * spec.dModel;
  if (residual.length !== numbers) {
    throw new InputError(`The residual to start from has ${residual.length} numbers, not ${numbers} (tokens × d_model).`, {
      field: 'from.residual',
    });
  }
  const bad = firstNonFinite(residual);
  if (bad >= 0)
    throw new InputError(`The residual to start from holds ${residual[bad]} at ${bad}: give finite numbers.`, { field: 'from.residual' });
  const early = hooks.find((hook) => hook.layer < layer);
  if (early) throw new InputError(`A run that starts from layer ${layer} does not compute ${early.name}.`, { field: 'hooks' });
  const lost = edits.findIndex((edit) => layersBefore(edit, layer));
  if (lost >= 0) {
    throw new InputError(`A run that starts from layer ${layer} cannot edit the layers before it.`, { field: `edits[${lost}]` });
  }
  const spread = new Float32Array(size.batch * numbers);
  for (let row = 0; row < size.batch; row++) spread.set(residual, row * numbers);
  return { layer, residual: spread };
}

function layersBefore(edit: Edit, layer: number): boolean {
  if ('layer' in edit) return edit.layer < layer;
  return layer > 0 && (edit.layers === 'all' || edit.layers.some((l) => l < layer));
}
