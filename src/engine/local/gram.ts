import { InputError, throwIfAborted } from '../../errors.js';
import type { Engine } from './forward.js';
import { floatTensor, floatsOf } from './sessions.js';

/** Numbers of the unembedding that are widened at once. */
const CHUNK = 2 ** 22;

/** UᵀU, [d_model, d_model]: rows of the vocabulary in pieces, each product in float32 by onnxruntime, their sum in float64. Throws InputError where the budget of memory is less than that takes. */
export async function unembedGram({ loaded, parts, memoryBudget }: Engine, signal?: AbortSignal): Promise<Float64Array> {
  const { dModel, vocabSize } = loaded.spec;
  const step = Math.max(1, Math.floor(CHUNK / dModel));
  // The sum, and for a piece its rows (as they are and transposed) and its product.
  const needed = 12 * dModel * dModel + 8 * dModel * Math.min(step, vocabSize);
  if (needed > memoryBudget)
    throw new InputError(
      `UᵀU of ${dModel} dimensions needs ${Math.ceil(needed / 1e6)} MB of memory and ${Math.floor(memoryBudget / 1e6)} MB are allowed: raise the memory budget.`,
      { field: 'memoryBudget' },
    );
  const part = await parts.gram();
  const sum = new Float64Array(dModel * dModel);
  for (let from = 0; from < vocabSize; from += step) {
    throwIfAborted(signal);
    const ids = Array.from({ length: Math.min(step, vocabSize - from) }, (_, i) => from + i);
    const rows = loaded.weights.readUnembed(ids).w;
    const { gram } = await part.run({ rows: floatTensor(rows, [ids.length, dModel]) }, ['gram']);
    const product = floatsOf(gram!);
    for (let i = 0; i < product.length; i++) sum[i]! += product[i]!;
  }
  return sum;
}
