/**
 * Recovery: how much of what the probe lost comes back when activations of the control are patched into it (activation patching:
 * Meng et al. 2022; Wang et al. 2022; Heimersheim & Nanda 2024).
 */

/** Recovery from which a patch is said to bring the answer back. */
export const RECOVERED = 0.5;

/** Least drop, nats, that recovery is a share of: below it the odds of the two prompts differ by less than a tenth. */
export const LEAST_DROP = 0.1;

/** Margins of the two unchanged runs, on the probe's answer and rivals. */
export interface Ends {
  probe: number;
  control: number;
}

/** Whether the control leads the probe by enough for recovery to have a scale. */
export const hasDrop = ({ probe, control }: Ends): boolean => control - probe >= LEAST_DROP;

/**
 * R = (m_patched − m_probe) / (m_control − m_probe): 0 where the patch changes nothing, 1 where it gives all of the control's margin;
 * below 0 where it makes things worse, above 1 where it outdoes the control.
 * @returns null where the control does not lead by `LEAST_DROP`.
 */
export function recovery(patched: number, ends: Ends): number | null {
  return hasDrop(ends) ? (patched - ends.probe) / (ends.control - ends.probe) : null;
}

/** Where the answer goes missing, by intervention. Rows are residual rows, 0 … L. */
export interface CausedInterval {
  /** Last row at which patching the source span still recovers; null where it never does. */
  from: number | null;
  /** First row at which patching the answer position recovers; null where it never does. */
  to: number | null;
}

/**
 * The caused collapse interval: from the last row where patching the source span still gives R ≥ 0.5 (until then the control's
 * answer is still at its source) to the first where patching the answer position does (from then on it has arrived). In between
 * the probe fails to carry it over. `from` may lie behind `to`, where source and answer position hold it both.
 *
 * @param source R by residual row when the source span is patched; null where there is none or nothing of it is aligned.
 * @param answer R by residual row when the answer position is patched.
 */
export function causedInterval(source: readonly number[] | null, answer: readonly number[], threshold = RECOVERED): CausedInterval {
  const last = source?.findLastIndex((r) => r >= threshold) ?? -1;
  const first = answer.findIndex((r) => r >= threshold);
  return { from: last < 0 ? null : last, to: first < 0 ? null : first };
}
