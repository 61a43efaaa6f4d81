import { InputError } from '../../errors.js';
import { firstNonFinite } from '../../model/finite.js';
import type { LoadedModel } from '../../model/types.js';
import type { Edit } from '../api.js';

/**
 * Throws InputError when a part gave NaN or an infinity. Its weights are finite (they are looked through before its first run), so
 * its numbers grew out of float32. `layer` −1 is the embedding, nLayers the unembedding.
 */
export function refuseOverflow(loaded: LoadedModel, values: Float32Array, layer: number, edits: readonly Edit[]): void {
  if (firstNonFinite(values) < 0) return;
  const where = layer < 0 ? 'the embedding' : layer < loaded.spec.nLayers ? `layer ${layer}` : 'the unembedding';
  if (edits.length > 0) {
    throw new InputError(`Activations overflow float32 in ${where}: use smaller numbers in the edits.`, { field: 'edits' });
  }
  throw new InputError(`Activations overflow float32 in ${where}: this model computes with numbers that float32 cannot hold.`, {
    file: loaded.path,
  });
}
