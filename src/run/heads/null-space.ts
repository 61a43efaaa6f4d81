import type { Model } from '../../engine/api.js';
import { InputError } from '../../errors.js';
import { finalNorm, logitNullShares, weakDirections, wideWeakDirections, type WeakDirections } from '../../methods/null-space.js';
import { tridiagonalise } from '../../methods/tridiagonal.js';
import type { WeightStore } from '../../model/weights.js';
import { breathe } from '../weights.js';

/** Up to this width all eigenvectors of UᵀU are made, in seconds; beyond, none is. */
const ALL_VECTORS = 1024;
/** Widest residual stream, and most multiplications of UᵀU, for which weak directions are sought: a minute or two, once for each open model. */
const WIDEST = 4096;
const MOST_PRODUCTS = 1.5e12;

/** An unembedding's weak directions, or in words why they were not sought. */
export type FoundWeak = { weak: WeakDirections } | { weak: null; why: string };

const known = new WeakMap<WeightStore, Promise<FoundWeak>>();

/** The unembedding's weak directions, found once for each model; none where that would take too long or too much memory. */
export function weakDirectionsOf(model: Model, signal?: AbortSignal): Promise<FoundWeak> {
  const { dModel, vocabSize } = model.spec;
  if (dModel > WIDEST || vocabSize * dModel * dModel > MOST_PRODUCTS)
    return Promise.resolve({
      weak: null,
      why: `the unembedding is ${vocabSize} × ${dModel}, and its weak directions are sought up to ${WIDEST} dimensions and ${MOST_PRODUCTS.toExponential()} multiplications (vocabulary · dimensions²)`,
    });
  let found = known.get(model.weights);
  if (!found) {
    found = seek(model, signal);
    known.set(model.weights, found);
    // A run that was cancelled while it waited, or had no memory then, is no reason for the next one to go without.
    found.then(
      ({ weak }) => weak ?? known.delete(model.weights),
      () => known.delete(model.weights),
    );
  }
  return found;
}

async function seek(model: Model, signal?: AbortSignal): Promise<FoundWeak> {
  const { dModel } = model.spec;
  let gram: Float64Array;
  try {
    gram = await model.unembedGram(signal);
  } catch (error) {
    if (error instanceof InputError && error.place.field === 'memoryBudget') return { weak: null, why: error.message.replace(/\.$/, '') };
    throw error;
  }
  if (dModel <= ALL_VECTORS) return { weak: weakDirections(gram, dModel) };
  const steps = tridiagonalise(gram, dModel);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return { weak: wideWeakDirections(step.value) };
    await breathe(signal);
  }
}

/** Logit-null shares of residual vectors, [d_model] each, after the final norm. */
export function nullSharesOf(model: Model, residuals: readonly ArrayLike<number>[], weak: WeakDirections): number[] {
  const { w, b } = model.weights.readLnFinal();
  const norm = { ...model.spec.norm, weight: w, bias: b };
  return logitNullShares(
    residuals.map((residual) => finalNorm(residual, norm)),
    weak,
  );
}
