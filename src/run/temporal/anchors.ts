import type { Model } from '../../engine/api.js';
import { ownTokens } from '../../methods/anchors.js';
import { spanMass, spanNorms, type Span } from '../../methods/attention.js';
import { logitDirection, type Direction } from '../../methods/attribution.js';
import { lensRow } from '../../methods/lens.js';
import { mean } from '../../methods/statistics.js';
import { termsOf } from '../attribute.js';
import { rowAt, writesOf } from '../trace.js';
import type { PreparedPrompt, TracedRun } from '../types.js';
import { MethodWeights } from '../weights.js';

/** One anchor as the answer position p sees it. */
export interface AnchorReading {
  name: string;
  span: Span;
  /** The tokens that it alone has, ids. Empty where all are shared. */
  own: number[];
  /** Σ α(p, k) over the anchor, [layer][head]. */
  attention: number[][];
  /** ‖Σ α v W_O‖ over the anchor, [layer][head]. */
  valueWeighted: number[][];
  /**
   * What each head writes toward the anchor's own tokens against the other anchors' (mean logits, final norm's scale frozen), nats,
   * [layer][head]; null without own tokens, and where no other anchor has any.
   */
  written: number[][] | null;
  /** The same of each MLP, [layer]. */
  writtenByMlp: number[] | null;
  /** Mean lens log-probability of its own tokens at p, [L + 1]; null without own tokens. */
  logprob: number[] | null;
}

/** Reads the anchors of a run off what p attended to and wrote. `names` must all be spans of the prompt. */
export async function readAnchors(model: Model, run: TracedRun, names: readonly string[], signal?: AbortSignal): Promise<AnchorReading[]> {
  const { prompt } = run;
  const spans = names.map((name) => prompt.spans[name]!);
  const own = ownTokens(
    spans.map(([start, end]) => prompt.ids.slice(start, end)),
    sayable(prompt),
  );
  const writes = writesOf(model, run);
  const alone = own.flatMap((ids, i) => (ids.length > 0 ? [i] : []));
  // One anchor's tokens with none to hold them against would always be those that are written toward.
  const measured = alone.length > 1 ? alone : [];
  const directions = measured.map((i) =>
    towards(
      model,
      run,
      own[i]!,
      own.filter((ids, j) => j !== i && ids.length > 0),
    ),
  );
  const terms = await termsOf(model, writes, directions, signal);
  const weights = MethodWeights.of(model);
  const rows = Array.from({ length: model.spec.nLayers + 1 }, (_, l) => lensRow(run.lens, l));
  return names.map((name, i) => {
    const span = spans[i]!;
    const found = terms[measured.indexOf(i)];
    return {
      name,
      span,
      own: own[i]!,
      attention: writes.layers.map((layer) => layer.pattern.map((row) => spanMass(row, span))),
      valueWeighted: writes.layers.map((layer, l) => spanNorms(layer, span, weights.gram(l), weights.sizes)),
      written: found?.head ?? null,
      writtenByMlp: found?.mlp ?? null,
      logprob: own[i]!.length > 0 ? rows.map((row) => mean(own[i]!.map((id) => row[id]!))) : null,
    };
  });
}

const sayable = ({ answer, rivals }: PreparedPrompt): Set<number> => new Set([answer, ...rivals].map(({ ids }) => ids[0]!));

/** The direction of the mean logit of `ids` against the mean over the others of their mean logits. */
function towards(model: Model, run: TracedRun, ids: readonly number[], others: readonly (readonly number[])[]): Direction {
  const { w, b } = model.weights.readLnFinal();
  const scale = rowAt(run.result.get('ln_final.hook_scale'), run.position)[0]!;
  const shares = others.flatMap((other) => other.map((id) => ({ id, share: 1 / (others.length * other.length) })));
  return logitDirection(
    { kind: model.spec.norm.kind, weight: w, bias: b, scale },
    meanRow(
      model,
      ids.map((id) => ({ id, share: 1 / ids.length })),
    ),
    shares.length > 0 ? meanRow(model, shares) : null,
  );
}

/** Weighted mean of rows of the unembedding, [d_model], and of its bias. */
function meanRow(model: Model, shares: readonly { id: number; share: number }[]): { row: Float64Array; bias: number } {
  const { dModel } = model.spec;
  const { w, b } = model.weights.readUnembed(shares.map(({ id }) => id));
  const row = new Float64Array(dModel);
  let bias = 0;
  shares.forEach(({ share }, i) => {
    for (let j = 0; j < dModel; j++) row[j]! += share * w[i * dModel + j]!;
    if (b) bias += share * b[i]!;
  });
  return { row, bias };
}
