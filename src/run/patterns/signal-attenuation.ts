import { fadingOf, type Fading } from '../../methods/fading.js';
import { spansInWords } from '../../methods/significance.js';
import { nats, plain, quote } from '../words.js';
import type { SpanMeasures } from '../nulls/spans.js';
import { detection, type Detector } from './detector.js';

/** Least peak, nats: below it the odds change by less than a tenth, and nothing is there that could fade. */
const LEAST = 0.1;
/** Part of its peak below which a signal is gone. */
const GONE = 0.25;
/** Part of the attention that must be left for heads still to look. */
const KEPT = 0.5;

/**
 * `signal-attenuation`: what the heads have written from the span toward the answer (`fadingOf`: the running sum over the layers, as SENSE shows it) reaches
 * 0.1 nats or more and ends below 25 % of its peak, while attention to the span after the peak is at least 50 % of what it was up to it. Score: the part of the
 * peak that is gone (at most 1), times the part of the attention that is kept (at most 1). Null: the nats that random spans of its length lose so.
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
        ? `what the heads write from ${quote(source!)} never reaches 0.1 nats toward the answer`
        : kept === null
          ? `what the heads write from ${quote(source!)} toward the answer is highest after the last layer (${nats(peak)})`
          : `what the heads write from ${quote(source!)} toward the answer is highest after layer ${layer} (${nats(peak)}) and ends at ${nats(end)}; attention to it after that layer is ${plain(100 * kept)} % of what it was up to it`;
    return detection({ present, score, evidence }, here.lost, nulls, `what ${spansInWords(drawn)} lose, nats`);
  },
};

/** How a span's signal fades; null in a model of one layer. */
export function attenuation({ heads }: Pick<SpanMeasures, 'heads'>):
  | (Pick<Fading, 'peak' | 'layer' | 'end' | 'kept'> & {
      /** Nats that were written and are gone in the end, where the attention is kept; else 0. */
      lost: number;
      score: number;
      present: boolean;
    })
  | null {
  if (heads.contribution.length < 2) return null;
  const { peak, layer, end, kept } = fadingOf(heads);
  const found = { peak, layer, end, kept };
  if (peak < LEAST || kept === null) return { ...found, lost: 0, score: 0, present: false };
  const gone = Math.min(1, Math.max(0, 1 - end / peak));
  return {
    ...found,
    lost: kept >= KEPT ? peak - end : 0,
    score: gone * Math.min(1, kept),
    present: end < GONE * peak && kept >= KEPT,
  };
}
