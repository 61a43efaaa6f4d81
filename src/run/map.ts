import type { Model } from '../engine/api.js';
import type { LensMap } from '../residue/types.js';
import type { TracedRun } from './types.js';
import { breathe } from './weights.js';

/** Multiply-adds the map may cost: about a second on two cores. Fixed, so that what is covered does not depend on the machine. */
const BUDGET = 3e10;
/** Tokens either side of a span, and at the end of the prompt, that a partial map covers first. */
const AROUND = 2;
const TAIL = 8;
/** Bytes of one lens call's log-probs. */
const CALL_BYTES = 64 * 2 ** 20;

/**
 * Positions of the map: all when (L + 1) · T · vocab · d_model is within the budget. Otherwise as many as fit, never fewer than 1, in this
 * order: the end of the prompt backwards (8 tokens), the spans with two tokens either side, then the rest backwards.
 */
export function mapPositions(model: Pick<Model, 'spec'>, { prompt }: Pick<TracedRun, 'prompt'>): number[] {
  const { nLayers, vocabSize, dModel } = model.spec;
  const length = prompt.ids.length;
  const affordable = Math.max(1, Math.floor(BUDGET / ((nLayers + 1) * vocabSize * dModel)));
  const backwards = Array.from({ length }, (_, i) => length - 1 - i);
  if (affordable >= length) return backwards.reverse();
  const near = (p: number): boolean => Object.values(prompt.spans).some(([start, end]) => p >= start - AROUND && p < end + AROUND);
  const order = [...new Set([...backwards.slice(0, TAIL), ...backwards.filter(near), ...backwards])];
  return order.slice(0, affordable).sort((a, b) => a - b);
}

/** Lens log-probability of the answer's first token at every residual row and the map's positions. */
export async function lensMap(model: Model, run: TracedRun, answer: number, signal?: AbortSignal): Promise<LensMap> {
  const positions = mapPositions(model, run);
  const rows = model.spec.nLayers + 1;
  const answerLogprob: number[][] = Array.from({ length: rows }, () => []);
  const step = Math.max(1, Math.floor(CALL_BYTES / (4 * rows * model.spec.vocabSize)));
  for (let from = 0; from < positions.length; from += step) {
    await breathe(signal);
    const some = positions.slice(from, from + step);
    const { tokenLogprobs } = await model.lens(run.result, { layers: 'all', positions: some, tokens: [answer] });
    for (let l = 0; l < rows; l++) for (let i = 0; i < some.length; i++) answerLogprob[l]!.push(tokenLogprobs[l * some.length + i]!);
  }
  return { positions, complete: positions.length === run.prompt.ids.length, answerLogprob };
}
