import type { Edit, Model } from '../../engine/api.js';
import { spanMass, type Span } from '../../methods/attention.js';
import { headDirections, kvHeadOf } from '../../methods/attribution.js';
import type { Direction, Terms, Writes } from '../../methods/attribution.js';
import { headVerdicts, type HeadInPrompt, type HeadPair, type LaterComponent } from '../../methods/head-verdict.js';
import { dot } from '../../methods/linear.js';
import { randomSpans } from '../../methods/random-spans.js';
import { quantile } from '../../methods/statistics.js';
import { directionOf, termsOf } from '../attribute.js';
import { rowAt, writesOf } from '../trace.js';
import type { TracedRun } from '../types.js';
import { MethodWeights } from '../weights.js';

/** A prompt with what the verdicts read of it. */
export interface Scene {
  run: TracedRun;
  span: Span;
  writes: Writes;
  direction: Direction;
  terms: Terms;
  /** Random spans of the span's length. */
  nulls: Span[];
  /** Final norm's scale at p. */
  scale: number;
}

/** Reads a prompt for the pair answer / rival. */
export async function sceneOf(
  model: Model,
  run: TracedRun,
  span: Span,
  pair: { answer: number; rival: number | null },
  seed: number,
  signal?: AbortSignal,
): Promise<Scene> {
  const writes = writesOf(model, run);
  const direction = directionOf(model, run, pair.answer, pair.rival);
  const [terms] = await termsOf(model, writes, [direction], signal);
  return {
    run,
    span,
    writes,
    direction,
    terms: terms!,
    nulls: randomSpans(run.prompt.ids.length, span, seed),
    scale: rowAt(run.result.get('ln_final.hook_scale'), run.position)[0]!,
  };
}

/** The verdicts as they are read off the two prompts, and every head's numbers in both. */
export function observedVerdicts(model: Model, probe: Scene, control: Scene | null, drop: number | null) {
  const { nLayers, nHeads, parallelResidual } = model.spec;
  const heads = Array.from({ length: nLayers * nHeads }, (_, i): HeadPair => {
    const [layer, head] = [Math.floor(i / nHeads), i % nHeads];
    return { layer, head, probe: headIn(model, probe, layer, head), control: control && headIn(model, control, layer, head) };
  });
  const scaleRatio = control ? probe.scale / control.scale : 1;
  const found = headVerdicts(heads, componentsOf(probe.terms, control?.terms ?? null), { drop, scaleRatio, parallel: parallelResidual });
  return { ...found, heads, scaleRatio };
}

function headIn(model: Model, scene: Scene, layer: number, head: number): HeadInPrompt {
  const { span, nulls, terms, writes } = scene;
  const pattern = writes.layers[layer]!.pattern[head]!;
  const source = terms.source[layer]![head]!;
  const attention = spanMass(pattern, span);
  const write = spanMass(source, span);
  const over = (measure: (at: Span) => number): number | null => (nulls.length === 0 ? null : quantile(nulls.map(measure), 0.95));
  return {
    attention,
    write,
    perAttention: attention > 0 ? write / attention : unattended(model, scene, layer, head),
    even: (span[1] - span[0]) / pattern.length,
    attentionNull: over((at) => spanMass(pattern, at)),
    writeNull: over((at) => Math.abs(spanMass(source, at))),
  };
}

/** What a head that does not look at the span at all would write per unit of attention: the mean over its tokens. */
function unattended(model: Model, { span, writes, direction }: Scene, layer: number, head: number): number {
  const weights = MethodWeights.of(model);
  const { nKvHeads, dHead } = weights.sizes;
  const toward = headDirections(weights.layer(layer).wO, direction.vector, weights.sizes)[head]!;
  const kv = kvHeadOf(head, weights.sizes);
  let sum = 0;
  for (let k = span[0]; k < span[1]; k++) {
    const start = (k * nKvHeads + kv) * dHead;
    sum += dot(writes.layers[layer]!.v.subarray(start, start + dHead), toward);
  }
  return sum / Math.max(1, span[1] - span[0]);
}

function componentsOf(probe: Terms, control: Terms | null): LaterComponent[] {
  return probe.mlp.flatMap((mlp, layer): LaterComponent[] => [
    ...probe.head[layer]!.map((contribution, head) => ({
      component: `head ${layer}.${head}`,
      layer,
      head,
      probe: contribution,
      control: control && control.head[layer]![head]!,
    })),
    { component: `MLP ${layer}`, layer, head: null, probe: mlp, control: control && control.mlp[layer]! },
  ]);
}

/**
 * z of a head at p with part of what it takes from the span replaced by the control's: its attention (what is left over being shared out
 * among the other tokens in proportion, as the softmax would), or the values that it finds there. Spans are matched from their ends
 * backwards.
 */
export function repaired(model: Model, probe: Scene, control: Scene, layer: number, head: number, part: 'attention' | 'values'): Edit {
  const { sizes } = MethodWeights.of(model);
  const { dHead, nKvHeads } = sizes;
  const kv = kvHeadOf(head, sizes);
  const [here, there] = [probe.writes.layers[layer]!, control.writes.layers[layer]!];
  const [alpha, beta] = [here.pattern[head]!, there.pattern[head]!];
  const value = (v: Float32Array, k: number): Float32Array => v.subarray((k * nKvHeads + kv) * dHead, (k * nKvHeads + kv + 1) * dHead);
  const z = Float64Array.from(here.z[head]!);
  const matched = Math.min(probe.span[1] - probe.span[0], control.span[1] - control.span[0]);
  const add = (weight: number, v: Float32Array): void => {
    for (let i = 0; i < dHead; i++) z[i]! += weight * v[i]!;
  };
  const pairs = Array.from({ length: matched }, (_, i) => [probe.span[1] - 1 - i, control.span[1] - 1 - i] as const);
  if (part === 'values') {
    for (const [k, c] of pairs) {
      add(alpha[k]!, value(there.v, c));
      add(-alpha[k]!, value(here.v, k));
    }
  } else {
    const before = pairs.reduce((sum, [k]) => sum + alpha[k]!, 0);
    const after = pairs.reduce((sum, [, c]) => sum + beta[c]!, 0);
    for (const [k] of pairs) add(-alpha[k]!, value(here.v, k));
    const rest = before < 1 ? (1 - after) / (1 - before) : 1;
    for (let i = 0; i < dHead; i++) z[i]! *= Math.max(0, rest);
    for (const [k, c] of pairs) add(beta[c]!, value(here.v, k));
  }
  return { kind: 'replace', at: 'z', layer, head, positions: [probe.run.position], value: Float32Array.from(z) };
}
