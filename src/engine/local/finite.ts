import { InputError } from '../../errors.js';
import { findNonFinite, firstNonFinite, nonFiniteError } from '../../model/finite.js';
import type { LoadedModel } from '../../model/types.js';
import type { Edit } from '../api.js';

/**
 * Throws InputError when a part gave NaN or an infinity: naming the damaged tensor if there is one, else where the numbers grew
 * out of float32. `layer` −1 is the embedding, nLayers the unembedding.
 */
export function refuseNonFinite(loaded: LoadedModel, values: Float32Array, layer: number, edits: readonly Edit[]): void {
  if (firstNonFinite(values) < 0) return;
  const found = findNonFinite(loaded.weights);
  if (found) throw nonFiniteError(found.stored, found);
  const where = layer < 0 ? 'the embedding' : layer < loaded.spec.nLayers ? `layer ${layer}` : 'the unembedding';
  const why = edits.length > 0 ? 'use smaller values in the edits' : 'the model computes with numbers that float32 cannot hold';
  throw new InputError(`Activations overflow float32 in ${where}: ${why}.`, {
    file: loaded.path,
    ...(edits.length > 0 ? { field: 'edits' } : {}),
  });
}
