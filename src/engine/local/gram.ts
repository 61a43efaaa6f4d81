import { throwIfAborted } from '../../errors.js';
import type { Engine } from './forward.js';
import { floatTensor, floatsOf } from './sessions.js';

/** Numbers of the unembedding that are widened at once. */
const CHUNK = 2 ** 22;

/** UᵀU, [d_model, d_model]: rows of the vocabulary in pieces, each product in float32 by onnxruntime, their sum in float64. */
export async function unembedGram({ loaded, parts }: Engine, signal?: AbortSignal): Promise<Float64Array> {
  const { dModel, vocabSize } = loaded.spec;
  const part = await parts.gram();
  const sum = new Float64Array(dModel * dModel);
  const step = Math.max(1, Math.floor(CHUNK / dModel));
  for (let from = 0; from < vocabSize; from += step) {
    throwIfAborted(signal);
    const ids = Array.from({ length: Math.min(step, vocabSize - from) }, (_, i) => from + i);
    const rows = loaded.weights.readUnembed(ids).w;
    const { gram } = await part.run({ rows: floatTensor(rows, [ids.length, dModel]) }, ['gram']);
    floatsOf(gram!).forEach((value, i) => (sum[i]! += value));
  }
  return sum;
}
