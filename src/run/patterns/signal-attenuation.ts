import { mean } from '../../methods/statistics.js';
import { spansInWords } from '../../methods/significance.js';
import { nats, plain, quote } from '../words.js';
import type { SpanMeasures } from '../nulls/spans.js';
import { detection, type Detector } from './detector.js';

/** Least peak, nats: below it the odds change by less than a tenth, and nothing is there that could fade. */
const LEAST = 0.1;
/** Part of its peak below which a contribution is gone. */
const GONE = 0.25;
/** Part of its attention that must be left for heads still to look. */
const KEPT = 0.5;

/**
 * `signal-attenuation`: what the heads of a layer write toward the answer from the span peaks (at 0.1 nats or more), and in the last quarter of the layers is
 * below 25 % of that peak, while their attention to it there is at least 50 % of that at the peak. Score: the part of the peak that is
 * gone, times the part of the attention that is kept (at most 1). Null: what is written at the peak and gone at the end, in nats, of
 * random spans.
 */
export const signalAttenuation: Detector = {
  name: 'signal-attenuation',
  detect({ trace, source, measure, random }) {
    const span = source === null ? undefined : trace.spans[source];
    if (!span) return { unmeasured: 'it needs a marked span' };
    const here = attenuation(measure(span));
    if (!here) return { unmeasured: 'the model has one layer, so nothing can fade' };
    const drawn = random(span);
    const nulls = drawn.map((one) => attenuation(measure(one))!).map(({ lost }) => lost);
    const { present, score, peak, layer, end, kept } = here;
    const evidence =
      peak < LEAST
        ? `no layer writes 0.1 nats or more toward the answer from ${quote(source!)}`
        : `from ${quote(source!)} layer ${layer} writes ${nats(peak)} toward the answer and the last layers ${nats(end)}; their attention to it is ${plain(100 * kept)} % of that layer's`;
    return detection({ present, score, evidence }, here.lost, nulls, `what ${spansInWords(drawn)} lose, nats`);
  },
};

/** How a span's contribution by layer fades; null in a model of one layer. */
export function attenuation({ heads }: Pick<SpanMeasures, 'heads'>): {
  peak: number;
  layer: number;
  /** Mean over the last quarter of the layers, nats. */
  end: number;
  /** Attention there by that at the peak. */
  kept: number;
  /** Nats that are written at the peak and not at the end, where the attention is kept; else 0. */
  lost: number;
  score: number;
  present: boolean;
} | null {
  const written = heads.contribution.map((layer) => layer.reduce((a, b) => a + b, 0));
  const looked = heads.attention.map((layer) => mean(layer));
  const last = Math.max(1, Math.floor(written.length / 4));
  const before = written.length - last;
  if (before < 1) return null;
  let layer = 0;
  for (let l = 1; l < before; l++) if (written[l]! > written[layer]!) layer = l;
  const peak = written[layer]!;
  const end = mean(written.slice(before));
  const kept = looked[layer]! > 0 ? mean(looked.slice(before)) / looked[layer]! : 0;
  if (peak < LEAST) return { peak, layer, end, kept, lost: 0, score: 0, present: false };
  const gone = Math.min(1, Math.max(0, 1 - end / peak));
  const present = end < GONE * peak && kept >= KEPT;
  return { peak, layer, end, kept, lost: kept >= KEPT ? Math.max(0, peak - end) : 0, score: gone * Math.min(1, kept), present };
}
