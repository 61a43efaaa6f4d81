import type { Model } from '../engine/api.js';
import { flowShare, meanRows, normalised, spanMass, spanNorms, valueNorms, type Span } from '../methods/attention.js';
import { byToken, collectTerms, layerTerms, logitDirection, sumTerms } from '../methods/attribution.js';
import type { Direction, LayerTerms, Terms, Writes } from '../methods/attribution.js';
import type { Attribution, AttentionSection } from '../residue/types.js';
import { patternRows, rowAt, writesOf } from './trace.js';
import type { TracedRun } from './types.js';
import { breathe, MethodWeights } from './weights.js';

/** Numbers in the pattern rows that a residue carries for one run. */
const ROW_NUMBERS = 16_384;
const ROWS_AT_LEAST = 8;

/** The direction of logit(answer) − logit(rival) at the run's answer position, final norm's scale frozen. */
export function directionOf(model: Model, run: TracedRun, answer: number, rival: number | null): Direction {
  const { w, b } = model.weights.readLnFinal();
  const scale = rowAt(run.result.get('ln_final.hook_scale'), run.position)[0]!;
  const unembed = model.weights.readUnembed(rival === null ? [answer] : [answer, rival]);
  const token = (i: number) => ({
    row: unembed.w.subarray(i * model.spec.dModel, (i + 1) * model.spec.dModel),
    bias: unembed.b ? unembed.b[i]! : 0,
  });
  return logitDirection({ kind: model.spec.norm.kind, weight: w, bias: b, scale }, token(0), rival === null ? null : token(1));
}

/** Attribution of several logit differences in one pass over the layers. */
export async function termsOf(model: Model, writes: Writes, directions: readonly Direction[], signal?: AbortSignal): Promise<Terms[]> {
  const weights = MethodWeights.of(model);
  const layers: LayerTerms[][] = directions.map(() => []);
  for (let l = 0; l < model.spec.nLayers; l++) {
    await breathe(signal);
    const layer = weights.layer(l);
    directions.forEach((direction, i) => layers[i]!.push(layerTerms(writes.layers[l]!, layer, direction.vector, weights.sizes)));
  }
  return directions.map((direction, i) => collectTerms(writes, direction, layers[i]!));
}

/** The residue's section: every term, and by how much their sum misses the margin. */
export function attributionSection(terms: Terms, total: number, rival: Attribution['rival']): Attribution {
  return {
    rival,
    total,
    embed: terms.embed,
    posEmbed: terms.posEmbed,
    head: terms.head,
    attnBias: terms.attnBias,
    mlp: terms.mlp,
    lnFinalBias: terms.lnFinalBias,
    unembedBias: terms.unembedBias,
    residual: Math.abs(total - sumTerms(terms)),
    byToken: byToken(terms),
  };
}

/** Norms of a run, kept for as long as its arrays are. */
const knownNorms = new WeakMap<TracedRun, Float64Array[][]>();

/** Value-weighted norms ‖α v W_O‖ at p of all layers, [layer][head][src]. */
export async function allValueNorms(model: Model, run: TracedRun, writes: Writes, signal?: AbortSignal): Promise<Float64Array[][]> {
  const known = knownNorms.get(run);
  if (known) return known;
  const weights = MethodWeights.of(model);
  const norms: Float64Array[][] = [];
  for (let l = 0; l < model.spec.nLayers; l++) {
    await breathe(signal);
    norms.push(valueNorms(writes.layers[l]!, weights.gram(l), weights.sizes));
  }
  knownNorms.set(run, norms);
  return norms;
}

/** What p takes from one span, by layer and head. */
export interface SpanFlow {
  /** Σ α over the span, a share, [layer][head]. */
  attention: number[][];
  /** ‖Σ α v W_O‖ over the span, [layer][head]. */
  valueWeighted: number[][];
  /** Nats toward the margin, [layer][head]. */
  contribution: number[][];
  /** Share of each layer's value-weighted attention, [layer]. */
  flow: number[];
}

/** Reads a span's flow off what was written at p. */
export function spanFlow(model: Model, writes: Writes, span: Span, terms: Terms, norms: readonly Float64Array[][]): SpanFlow {
  const weights = MethodWeights.of(model);
  const between = (values: ArrayLike<number>): number => spanMass(values, span);
  return {
    attention: writes.layers.map((layer) => layer.pattern.map(between)),
    valueWeighted: writes.layers.map((layer, l) => spanNorms(layer, span, weights.gram(l), weights.sizes)),
    contribution: terms.source.map((layer) => layer.map(between)),
    flow: norms.map((layer) => flowShare(layer, span)),
  };
}

/** `spanFlow` of a run for the pair answer / rival, with everything it needs computed. */
export async function flowFromSpan(
  model: Model,
  run: TracedRun,
  span: Span,
  answer: number,
  rival: number | null,
  signal?: AbortSignal,
): Promise<SpanFlow> {
  const writes = writesOf(model, run);
  const [terms] = await termsOf(model, writes, [directionOf(model, run, answer, rival)], signal);
  return spanFlow(model, writes, span, terms!, await allValueNorms(model, run, writes, signal));
}

/** The residue's section on the attention of the answer position. */
export function attentionSection(
  run: TracedRun,
  writes: Writes,
  terms: Terms,
  norms: readonly Float64Array[][],
  flows: Readonly<Record<string, SpanFlow>>,
): AttentionSection {
  const length = run.prompt.ids.length;
  const weighted = new Array<number>(length).fill(0);
  for (const layer of norms) for (const head of layer) head.forEach((norm, k) => (weighted[k]! += norm));
  const heads = terms.head
    .flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer || a.head - b.head);
  const kept = Math.max(ROWS_AT_LEAST, Math.floor(ROW_NUMBERS / length));
  return {
    meanByToken: meanRows(writes.layers.flatMap((layer) => layer.pattern)),
    valueWeightedByToken: normalised(weighted),
    spans: Object.fromEntries(
      Object.entries(flows).map(([name, { attention, valueWeighted, contribution }]) => [name, { attention, valueWeighted, contribution }]),
    ),
    rows: heads.slice(0, kept).map(({ layer, head }) => ({
      layer,
      head,
      pattern: Array.from(patternRows(run.result, layer, run.position, terms.head[layer]!.length)[head]!),
    })),
  };
}
