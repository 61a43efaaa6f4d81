import type { NullBand, Opinion } from './types-claims.js';

/**
 * Causal verification of a run: what became of the margin when activations were patched in from the control, cut off or taken out. All of
 * it is tested by intervention, none of it read off, but for `predicted`. Margins and effects in nats, recoveries as shares of the drop.
 */

/** R = (m_patched − m_probe) / (m_control − m_probe) by layer and place, control patched into probe. */
export interface PatchMap {
  at: 'resid_pre' | 'attn_out' | 'mlp_out';
  /** Half-open ranges of the probe's positions that were patched together; only positions that have a counterpart in the control count. */
  groups: [number, number][];
  /** Whether every aligned position was patched on its own. */
  complete: boolean;
  /** [layer][group] */
  recovery: number[][];
}

/** What a component's removal does to the margin, next to what its contribution led to expect. */
export interface ComponentEffect {
  /** `head 3.4`, `attention 3`, `mlp 2` */
  component: string;
  layer: number;
  head: number | null;
  /** Minus its direct contribution: what would be lost if nothing else changed (read off). */
  predicted: number;
  /** Change of the margin when its output is replaced, at every position, by zero; by its mean; by its output at random tokens (mean over draws). */
  zero: number;
  mean: number;
  resample: number;
  /** Standard deviation over the draws. */
  resampleSpread: number;
  /** Where the zero ablation's effect on logit(answer) − logit(strongest rival) came from. */
  repair: {
    /** That effect: predicted + later + norm. */
    total: number;
    /** Sum of the changes of all other components' contributions, the final norm's scale left as it was. */
    later: number;
    /** What the change of the final norm's scale adds. */
    norm: number;
    /** The components that changed most, largest first. */
    by: { component: string; change: number }[];
  };
  /**
   * The zero ablation's effect beside those of taking away, in its place, vectors of its output's length and angles between tokens but
   * without its meaning; null and absent where that was not done, as for components that no claim is made of.
   */
  null?: NullBand | null;
  /** The other kinds of ablation, and its zero ablation in each paraphrase; absent where no claim is made. */
  opinion?: Opinion;
}

export interface Verification {
  /** Margins of the unchanged runs, both on the probe's answer and rivals; control null without one. */
  ends: { probe: number; control: number | null };
  /** The source span; null where none is marked. */
  source: string | null;
  /** How many of the probe's positions have a counterpart in the control. */
  aligned: number;
  /** R by residual row 0 … L, with the source span patched (null where that can change nothing) and with the answer position patched. */
  curves: { source: number[] | null; answer: number[] } | null;
  /** The caused collapse interval, in residual rows; an end that was not found is null. */
  interval: {
    from: number | null;
    to: number | null;
    /** The same ends with the probe patched into the control, and in each paraphrase that has a control of its own; absent in older files. */
    opinion?: Opinion | null;
  } | null;
  maps: PatchMap[];
  /** R when one head's z is patched at the answer position, [layer][head]. */
  heads: number[][] | null;
  /** Change of the margin when the answer position is cut off from the source span: in all layers, and in each alone. */
  knockout: {
    span: string;
    effect: number;
    byLayer: number[];
    /** Its null, random spans cut off, and its second opinion; where INHIBIT has them of the same span, or the effect is none, they are not here. */
    null?: NullBand | null;
    opinion?: Opinion | null;
  } | null;
  effects: ComponentEffect[];
  /** What could not be verified, and why, one sentence each. */
  open: string[];
}
