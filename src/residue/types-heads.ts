import type { NullBand, Opinion } from './types-claims.js';
import type { Attribution } from './types.js';

/**
 * What each head did, and what became of it: attention disruption, the QK/OV verdict per head, how an error grows, what made nothing
 * come, and two numbers of the trace as a whole. Pure data, as all of the residue. Attention, masses and shares in [0, 1]; writes, losses
 * and effects in nats.
 */

/** One measure of every head's attention at the answer position. */
export interface HeadMeasure {
  /** [layer][head] */
  value: number[][];
  /** The same in the control; null in the control itself and where there is none. */
  control: number[][] | null;
  /**
   * Null percentile, [layer][head]: of `span`, where it stands among random spans of its length; of the others, where its change against the
   * control (its value, without one) stands among the heads of its layer. Empty where there is nothing to compare with.
   */
  percentile: number[][];
}

/** Attention disruption at the answer position. */
export interface AttentionDisruption {
  /** The span that `span` is of; null where none is marked. */
  of: string | null;
  entropy: HeadMeasure;
  self: HeadMeasure;
  local: HeadMeasure;
  sink: HeadMeasure;
  span: HeadMeasure | null;
  /** In tokens. */
  distance: HeadMeasure;
  /** Heads in which self and local mass went up while span mass went down, by 0.05 or more each; null without a control or a span. */
  trapped: [number, number][] | null;
}

export type HeadVerdictName = 'qk-collapse' | 'ov-misfire' | 'trace-drop' | 'conflict' | 'ghost' | 'none';

/** A head that touches the span in the probe or the control. */
export interface HeadVerdict {
  layer: number;
  head: number;
  verdict: HeadVerdictName;
  /** Attention from the answer position to the span, with the 95th percentile over random spans in the probe. */
  attention: { probe: number; control: number | null; null95: number | null };
  /** What it writes from the span toward the answer, each with its own run's norm. */
  write: { probe: number; control: number | null; null95: number | null };
  /** Write per unit of attention. */
  perAttention: { probe: number; control: number | null };
  /** Lost against the control, and what of it is due to attention and to the write. */
  loss: number | null;
  byAttention: number | null;
  byWrite: number | null;
  /** Of a trace-drop: whose contributions took the write away, strongest first. */
  cancelledBy: { component: string; probe: number; control: number | null }[];
  /** The intervention that tested it; null where none did, so that the verdict is read off alone. */
  test: {
    /** What was changed, in words. */
    what: string;
    /** Change of the margin. */
    effect: number;
    /** 95th percentile of the sizes of the same change made on random spans; null where it has no such null. */
    null95: number | null;
    confirmed: boolean;
  } | null;
  /** The verdict in one sentence, with its numbers. */
  reason: string;
  /**
   * What the verdict rests on beside the same of random spans in the heads of its layer: the loss (`qk-collapse`, `ov-misfire`), the size
   * of the write (`trace-drop`, `conflict`), the attention (`ghost`, `none`). Null where there is no room for any; absent in older files.
   */
  null?: NullBand | null;
  /** Its test, and the verdict of the same head in each paraphrase; absent where nothing else was asked. */
  opinion?: Opinion;
}

export interface HeadVerdicts {
  span: string;
  /** Final norm's scale at the answer position, probe over control: writes are compared at one scale. */
  scaleRatio: number;
  /** Heads that touch the span; the most telling ones where they are many. */
  heads: HeadVerdict[];
  /** How many touch it. */
  touching: number;
  /** When the writes of the heads that touch the span oppose one another: their sums and |Σ| / Σ|·|. */
  conflict: { toward: number; against: number; ratio: number } | null;
}

/** When nothing comes: what wrote the end-of-text logit, and what made the output as even as it is. */
export interface NullAttribution {
  reason: 'end-of-text' | 'nothing-above-0.1';
  /** Terms of the end-of-text logit; null where the model has no such token. */
  endOfText: { token: string; terms: Attribution } | null;
  /** Terms of H − log V, the output's entropy below an even one: negative ones make it more certain. */
  entropy: Attribution;
}

/** Growth of small perturbations at the answer position: tested by intervention. */
export interface ErrorPropagation {
  /** Relative size of each perturbation where it is made. */
  epsilon: number;
  /** Directions of noise; the curves are their means. */
  seeds: number;
  /** Rows at which it was made, one curve each. */
  layers: number[];
  /** [layer][k − l]: ‖Δr_k‖ / ‖r_k‖ for the rows k = l … L, mean over the seeds; and their standard deviation. */
  noise: number[][];
  spread: number[][];
  /** The same along the control's residual minus the probe's; null without a control. A curve is empty where the two are equal. */
  difference: number[][] | null;
}

/** Two numbers of a whole trace. */
export interface TraceShape {
  /** Participation ratio of the contributions: as many equal parts would carry the margin. */
  complexity: number;
  /** Contributions that are not 0. */
  parts: number;
  /** Part of ‖N(r_L(p))‖² in the unembedding's weak directions; null where the model is too large for it. */
  logitNull: number | null;
}

/** Null-space volume: the logit-null share over all runs of the shell. */
export interface NullSpace {
  /** Mean share over the runs. */
  volume: number;
  byRun: { name: string; share: number }[];
  /** Weak directions, of how many; their ratio is the share of a vector without a preferred direction. */
  directions: number;
  of: number;
}
