import { argmax, mean } from './statistics.js';

/** What the heads of each layer read from a span at p: [layer][head]. */
export interface SpanByHead {
  /** Attention mass on the span, shares. */
  attention: readonly (readonly number[])[];
  /** Direct contribution to the margin, nats. */
  contribution: readonly (readonly number[])[];
}

/** How what a span brings to the residual stream rises and falls. */
export interface Fading {
  /** s_l, nats, [layer]: what heads up to layer l have written from the span toward the answer. */
  running: number[];
  /** Mean attention to the span over the heads of each layer, shares, [layer]. */
  attention: number[];
  /** The layer after which s is highest, the first of equals; and s there and after the last layer, nats. */
  layer: number;
  peak: number;
  end: number;
  /** end / peak; null where s never rises above 0. */
  retained: number | null;
  /** Mean attention after the peak's layer by the mean up to it; null where no layer is left, or nothing was looked at before. */
  kept: number | null;
}

/**
 * The signal of a span along the layers. What a head writes stays in the residual stream until something later writes against it, so the signal after
 * layer l is the running sum
 *
 *   s_l = Σ_{k ≤ l} Σ_h c_{k,h}
 *
 * of the heads' direct contributions c from the span's tokens to the margin at p (Elhage et al. 2021), the final norm's scale frozen. That a layer by itself writes nothing
 * is no loss: late layers of prompts that succeed do not either. Exact but for rounding: s_L is the whole of what heads write from the span. What MLPs, or heads that read
 * other tokens, write against it is not in s (see the verdict `trace-drop`).
 */
export function fadingOf({ attention, contribution }: SpanByHead): Fading {
  let sum = 0;
  const running = contribution.map((heads) => (sum += heads.reduce((a, b) => a + b, 0)));
  const looked = attention.map((heads) => mean(heads));
  const layer = argmax(running);
  const peak = running[layer]!;
  const end = running.at(-1)!;
  const before = mean(looked.slice(0, layer + 1));
  const after = looked.slice(layer + 1);
  return {
    running,
    attention: looked,
    layer,
    peak,
    end,
    retained: peak > 0 ? end / peak : null,
    kept: after.length > 0 && before > 0 ? mean(after) / before : null,
  };
}
