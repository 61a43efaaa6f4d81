import type { Model } from '../../engine/api.js';
import { logitDirection } from '../../methods/attribution.js';
import { entropyGradient } from '../../methods/entropy-attribution.js';
import type { NullAttribution } from '../../residue/types-heads.js';
import type { Scores } from '../../residue/types.js';
import { attributionSection, directionOf, termsOf } from '../attribute.js';
import { rowAt, writesOf } from '../trace.js';
import type { TracedRun } from '../types.js';
import { breathe } from '../weights.js';

/** Below this probability of the first choice, nothing comes. */
export const NOTHING_ABOVE = 0.1;
/** Numbers of the unembedding that are widened at once. */
const CHUNK = 2 ** 22;

/** Why nothing comes: the model would end the text, or no token reaches 0.1; null when something comes. */
export function nothingComes(model: Model, scores: Scores): NullAttribution['reason'] | null {
  const first = scores.top[0];
  if (!first) return null;
  if (model.tokenizer.eosIds.includes(first.id)) return 'end-of-text';
  return first.prob < NOTHING_ABOVE ? 'nothing-above-0.1' : null;
}

/** When nothing comes: attribution of the end-of-text logit, and of the output's entropy. Null when something comes. */
export async function nullAttribution(model: Model, run: TracedRun, scores: Scores, signal?: AbortSignal): Promise<NullAttribution | null> {
  const reason = nothingComes(model, scores);
  if (reason === null) return null;
  const logits = run.result.logits!.data.subarray(-model.spec.vocabSize);
  const gradient = entropyGradient(logits);
  const end = endOfText(model, logits);
  const directions = [
    await entropyDirection(model, run, gradient.weights, signal),
    ...(end === null ? [] : [directionOf(model, run, end, null)]),
  ];
  const [entropy, text] = await termsOf(model, writesOf(model, run), directions, signal);
  return {
    reason,
    endOfText: end === null ? null : { token: model.tokenizer.token(end), terms: attributionSection(text!, logits[end]!, null) },
    entropy: attributionSection(entropy!, gradient.change, null),
  };
}

/** The most probable of the tokens that end a text. */
function endOfText(model: Model, logits: Float32Array): number | null {
  const ids = model.tokenizer.eosIds.filter((id) => id < logits.length);
  return ids.length === 0 ? null : ids.reduce((best, id) => (logits[id]! > logits[best]! ? id : best));
}

/** The direction of the residual stream along which the entropy changes: Uᵀg, read through the frozen final norm. */
async function entropyDirection(model: Model, run: TracedRun, g: Float64Array, signal?: AbortSignal) {
  const { dModel, vocabSize, norm } = model.spec;
  const row = new Float64Array(dModel);
  let bias = 0;
  const step = Math.max(1, Math.floor(CHUNK / dModel));
  for (let from = 0; from < vocabSize; from += step) {
    await breathe(signal);
    const ids = Array.from({ length: Math.min(step, vocabSize - from) }, (_, i) => from + i);
    const { w, b } = model.weights.readUnembed(ids);
    ids.forEach((id, i) => {
      const weight = g[id]!;
      for (let j = 0; j < dModel; j++) row[j]! += weight * w[i * dModel + j]!;
      if (b) bias += weight * b[i]!;
    });
  }
  const { w, b } = model.weights.readLnFinal();
  const scale = rowAt(run.result.get('ln_final.hook_scale'), run.position)[0]!;
  return logitDirection({ kind: norm.kind, weight: w, bias: b, scale }, { row, bias }, null);
}
