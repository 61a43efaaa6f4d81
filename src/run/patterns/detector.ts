import type { NdArray } from '../../engine/api.js';
import { nullBand } from '../../methods/significance.js';
import type { Span } from '../../methods/attention.js';
import type { RunTrace } from '../../residue/types.js';
import type { NullBand } from '../../residue/types-claims.js';
import type { SpanMeasures } from '../nulls/spans.js';

/** What a detector may look at: what was measured of one run, and what is needed to measure its nulls. */
export interface Sighting {
  trace: RunTrace;
  /** The shell's. */
  family: string;
  /** Log-probabilities by the logit lens at p, [layers + 1, vocab]. */
  lens: NdArray;
  /** The span that the shell is about; null without any. */
  source: string | null;
  /** Measures of any span of the run. */
  measure(span: Span): SpanMeasures;
  /** Random spans in place of a span (`randomSpans`). */
  random(span: Span): readonly Span[];
  /** Heads of the middle layers in which attention is trapped, with the span itself and with random ones in its place; null without a control. */
  trapped: { heads: number; of: number; nulls: readonly number[] } | null;
  /** Tokens that are never drawn as words. */
  special: { has(id: number): boolean };
  seed: number;
}

/** What a detector found. */
export interface Detection {
  present: boolean;
  /** [0, 1] */
  score: number;
  /** In words, with its numbers. */
  evidence: string;
  /** What its p-value is of; null where nothing was measured to hold it against. */
  null: NullBand | null;
}

/** One named pattern of failure: a file in src/run/patterns and a line in its table.ts. Pure: it measures nothing on the model. */
export interface Detector {
  name: string;
  /** Commands whose numbers it reads: where the shell has them, they are run on the paraphrases too, for its second opinion. */
  needs?: readonly string[];
  /** Detects it on one run, or says in words why this run cannot show it. */
  detect(sighting: Sighting): Detection | { unmeasured: string };
}

/** A detection with the null of the number that it rests on. */
export function detection(found: Omit<Detection, 'null'>, statistic: number, nulls: readonly number[], of: string): Detection {
  return { ...found, null: nullBand(statistic, nulls, of) };
}
