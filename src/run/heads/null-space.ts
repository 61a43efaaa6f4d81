import type { Model } from '../../engine/api.js';
import { finalNorm, logitNullShare, weakDirections, type WeakDirections } from '../../methods/null-space.js';
import type { WeightStore } from '../../model/weights.js';

/** Widest residual stream, and most multiplications of UᵀU, for which weak directions are sought: seconds, once for each open model. */
const WIDEST = 1024;
const MOST_PRODUCTS = 1.5e11;

const known = new WeakMap<WeightStore, Promise<WeakDirections | null>>();

/** The unembedding's weak directions, found once for each model; null where that would take long. */
export function weakDirectionsOf(model: Model, signal?: AbortSignal): Promise<WeakDirections | null> {
  const { dModel, vocabSize } = model.spec;
  if (dModel > WIDEST || vocabSize * dModel * dModel > MOST_PRODUCTS) return Promise.resolve(null);
  let found = known.get(model.weights);
  if (!found) {
    found = model.unembedGram(signal).then((gram) => weakDirections(gram, dModel));
    known.set(model.weights, found);
    // A run that was cancelled while it waited is no reason for the next one to go without.
    found.catch(() => known.delete(model.weights));
  }
  return found;
}

/** Reads the logit-null share of any residual vector, [d_model]; the final norm's weights are read once. */
export function nullShareReader(model: Model, weak: WeakDirections): (residual: ArrayLike<number>) => number {
  const { w, b } = model.weights.readLnFinal();
  return (residual) => logitNullShare(finalNorm(residual, { ...model.spec.norm, weight: w, bias: b }), weak);
}

/** Logit-null share of a last residual at p, [d_model]. */
export function nullShareOf(model: Model, residual: ArrayLike<number>, weak: WeakDirections): number {
  return nullShareReader(model, weak)(residual);
}
