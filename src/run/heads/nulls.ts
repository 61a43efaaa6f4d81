import { spanMass, type Span } from '../../methods/attention.js';
import { benjaminiHochberg, nullBand, spansInWords } from '../../methods/significance.js';
import type { HeadVerdictName } from '../../residue/types-heads.js';
import type { NullBand } from '../../residue/types-claims.js';
import { count } from '../words.js';
import type { Scene } from './verdicts.js';

/** The number that a verdict rests on. */
type Rest = 'loss' | 'write' | 'attention';

const RESTS_ON: Record<HeadVerdictName, Rest> = {
  'qk-collapse': 'loss',
  'ov-misfire': 'loss',
  'trace-drop': 'write',
  conflict: 'write',
  ghost: 'attention',
  none: 'attention',
};

type Lookup = (verdict: HeadVerdictName, layer: number, head: number) => NullBand | null;

/**
 * What each verdict rests on beside its null: the same number read off random spans of the span's length in all heads of its layer (in
 * probe and control alike, where it is the loss between them). p is adjusted by Benjamini and Hochberg over all heads of the model, so
 * that a head that was picked for its size is judged as one of all that might have been.
 *
 * @param scaleRatio Final norm's scale at p, probe over control: losses are compared at the control's scale.
 * @returns null for a verdict whose prompts leave no room for a random span.
 */
export function verdictNulls(probe: Scene, control: Scene | null, scaleRatio: number): Lookup {
  const bands = new Map<Rest, NullBand[][] | null>();
  return (verdict, layer, head) => {
    const rest = RESTS_ON[verdict];
    if (!bands.has(rest)) bands.set(rest, restBands(rest, probe, control, scaleRatio));
    return bands.get(rest)?.[layer]?.[head] ?? null;
  };
}

function restBands(rest: Rest, probe: Scene, control: Scene | null, scaleRatio: number): NullBand[][] | null {
  const pairs = probe.nulls.map((here, i) => ({ here, there: control?.nulls[i] ?? null }));
  const drawn = rest === 'loss' ? pairs.filter(({ there }) => there !== null) : pairs;
  if (drawn.length === 0 || (rest === 'loss' && !control)) return null;
  const number = (layer: number, head: number, here: Span, there: Span | null): number => {
    if (rest === 'attention') return spanMass(probe.writes.layers[layer]!.pattern[head]!, here);
    const write = spanMass(probe.terms.source[layer]![head]!, here);
    return rest === 'write' ? write : spanMass(control!.terms.source[layer]![head]!, there!) - write * scaleRatio;
  };
  const heads = probe.terms.source[0]?.length ?? 0;
  const of = `${spansInWords(drawn.map(({ here }) => here))} in the ${count(heads, 'head')} of its layer`;
  const bands = probe.terms.source.map((row, layer) => {
    const nulls = drawn.flatMap(({ here, there }) => row.map((_, head) => number(layer, head, here, there)));
    const sided = rest === 'attention' ? 'high' : 'size';
    return row.map((_, head) => nullBand(number(layer, head, probe.span, control?.span ?? null), nulls, of, sided)!);
  });
  const q = benjaminiHochberg(bands.flat().map(({ p }) => p));
  return bands.map((row, l) => row.map((band, h) => ({ ...band, q: q[l * heads + h]!, over: count(q.length, 'head') })));
}
