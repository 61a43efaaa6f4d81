import type { Model } from '../engine/api.js';
import type { LensMap } from '../residue/types.js';
import { nullSharesOf, weakDirectionsOf } from './heads/null-space.js';
import { rowAt } from './trace.js';
import type { TracedRun } from './types.js';
import { breathe } from './weights.js';

/** Multiply-adds the map may cost: about a second on two cores. Fixed, so that what is covered does not depend on the machine. */
const BUDGET = 3e10;
/** Tokens either side of a span, and at the end of the prompt, that a partial map covers first. */
const AROUND = 2;
const TAIL = 8;
/** Bytes of one lens call's log-probs. */
const CALL_BYTES = 64 * 2 ** 20;
/** Cells up to which more than the log-probability is kept: half a megabyte of a residue for each measure. */
const EXTRA_CELLS = 2 ** 15;
/** Multiply-adds that the logit-null shares of one map may cost: about a second. */
const NULL_BUDGET = 1e9;

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

/**
 * What each residual row holds at the map's positions: lens log-probability and rank of the answer's first token, entropy of the lens
 * distribution, the stream's norm, and its logit-null share. Beyond EXTRA_CELLS cells, the log-probability alone.
 */
export async function lensMap(model: Model, run: TracedRun, answer: number, signal?: AbortSignal): Promise<LensMap> {
  const positions = mapPositions(model, run);
  const rows = model.spec.nLayers + 1;
  const empty = (): number[][] => Array.from({ length: rows }, () => []);
  const [answerLogprob, answerRank, entropy] = [empty(), empty(), empty()];
  const step = Math.max(1, Math.floor(CALL_BYTES / (4 * rows * model.spec.vocabSize)));
  for (let from = 0; from < positions.length; from += step) {
    await breathe(signal);
    const some = positions.slice(from, from + step);
    const lens = await model.lens(run.result, { layers: 'all', positions: some, tokens: [answer] });
    for (let l = 0; l < rows; l++)
      for (let i = 0; i < some.length; i++) {
        const cell = l * some.length + i;
        answerLogprob[l]!.push(lens.tokenLogprobs[cell]!);
        answerRank[l]!.push(lens.tokenRanks[cell]!);
        // Of a certain token, float32 may leave a little less than nothing.
        entropy[l]!.push(Math.max(0, lens.entropy[cell]!));
      }
  }
  const map: LensMap = { positions, complete: positions.length === run.prompt.ids.length, answerLogprob };
  if (rows * positions.length > EXTRA_CELLS) return map;
  return { ...map, answerRank, entropy, ...(await streamMap(model, run, positions, signal)) };
}

/** Norm and logit-null share of the residual stream, [L + 1][positions] each. */
async function streamMap(
  model: Model,
  { result }: TracedRun,
  positions: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Pick<LensMap, 'norm' | 'nullShare'>> {
  const { nLayers } = model.spec;
  const { weak } = await weakDirectionsOf(model, signal);
  const affordable = weak !== null && (nLayers + 1) * positions.length * weak.cost <= NULL_BUDGET;
  const norm: number[][] = [];
  const nullShare: number[][] = [];
  for (let l = 0; l <= nLayers; l++) {
    await breathe(signal);
    const residual = result.get(l < nLayers ? `blocks.${l}.hook_resid_pre` : `blocks.${nLayers - 1}.hook_resid_post`);
    const vectors = positions.map((p) => rowAt(residual, p));
    norm.push(vectors.map(lengthOf));
    if (affordable) nullShare.push(nullSharesOf(model, vectors, weak));
  }
  return { norm, nullShare: affordable ? nullShare : null };
}

/** ‖x‖₂, summed in float64. */
function lengthOf(x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
}
