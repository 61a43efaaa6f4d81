import { InputError } from '../../errors.js';
import type { LoadedModel } from '../../model/types.js';

/** A norm squares numbers and adds them up: beyond this, the sum of d_model ≤ 2¹⁴ squares is no float32 any more. */
const LARGEST = 1e17;

/**
 * Throws InputError when a part gave NaN, an infinity, or numbers so large that the next norm would quietly make zeros of them. Its
 * weights are finite (they are looked through before its first run), so it is the activations that grew out of float32.
 * `layer` −1 is the embedding, nLayers the unembedding.
 */
export function refuseOverflow(
  { spec, path }: Pick<LoadedModel, 'spec' | 'path'>,
  values: Float32Array,
  layer: number,
  edited: boolean,
): void {
  if (fits(values)) return;
  const where = layer < 0 ? 'the embedding' : layer < spec.nLayers ? `layer ${layer}` : 'the unembedding';
  if (edited) {
    throw new InputError(`Activations overflow float32 in ${where}: use smaller numbers in the edits.`, { field: 'edits' });
  }
  throw new InputError(`Activations overflow float32 in ${where}: this model computes with numbers that float32 cannot hold.`, {
    file: path,
  });
}

function fits(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= LARGEST)) return false;
  return true;
}
