import type { Edit, Model } from '../../engine/api.js';
import type { Span } from '../../methods/attention.js';
import { leastLoss, type ObservedVerdict } from '../../methods/head-verdict.js';
import type { HeadVerdict, HeadVerdictName } from '../../residue/types-heads.js';
import { marginsAtEnd, type Contest, type EditedOptions, type Variant } from '../edited.js';
import { prefixOf } from '../prefix.js';
import { canCut, cut, GHOST_NULLS, ghostVariants, judgeGhost } from './ghosts.js';
import { repaired, type Scene } from './verdicts.js';

/** Verdicts that are tested, those of the largest loss first; silent heads that may be ghosts; and random spans in each of their nulls. */
const MOST_TESTS = 16;
const MOST_GHOSTS = 8;

/** Rows of one token that testing takes at most, for its cost. */
export const TEST_ROWS = 1 + 2 * MOST_TESTS + MOST_GHOSTS * (1 + GHOST_NULLS);

export type Tested = NonNullable<HeadVerdict['test']>;

/** A planned intervention: its edits, and the verdict when the margin has been measured under each. */
interface Plan {
  variants: Variant[];
  conclude(effects: readonly number[]): { kind: HeadVerdictName; test: Tested };
}

/**
 * Tests verdicts by intervention at the answer position, in one batch after the cached prefix:
 *
 * - `qk-collapse`: the head is given the control's attention to the span, its values being left; `ov-misfire`: the control's values, its
 *   attention being left. The margin must rise by a tenth of the drop (at least 0.1 nats).
 * - `trace-drop`: what cancels most is given the control's output (without a control: removed). The same.
 * - `conflict`: the heads that write against the answer are cut off from the span, all at once. The same.
 * - silent heads: cut off from the span. A *ghost* is one whose margin changes by no more than when it is cut off from random spans, or by next to nothing.
 *
 * @returns By `layer.head`; verdicts that were not tested are absent.
 */
export async function testVerdicts(
  model: Model,
  probe: Scene,
  control: Scene | null,
  verdicts: readonly ObservedVerdict[],
  contest: Contest,
  { drop, nothing }: { drop: number | null; nothing: number },
  options: EditedOptions,
): Promise<Map<string, { kind: HeadVerdictName; test: Tested }>> {
  const plans = plan(model, probe, control, verdicts, { least: leastLoss(drop), nothing });
  const results = new Map<string, { kind: HeadVerdictName; test: Tested }>();
  if (plans.size === 0) return results;
  const prefix = await prefixOf(model, probe.run.prompt.ids, options.signal);
  const variants = [...plans.values()].flatMap((one) => one.variants);
  const [base, ...margins] = await marginsAtEnd(model, prefix, [[], ...variants], contest, options);
  let at = 0;
  for (const [key, one] of plans) {
    results.set(key, one.conclude(margins.slice(at, at + one.variants.length).map((m) => m - base!)));
    at += one.variants.length;
  }
  return results;
}

function plan(
  model: Model,
  probe: Scene,
  control: Scene | null,
  verdicts: readonly ObservedVerdict[],
  { least, nothing }: { least: number; nothing: number },
): Map<string, Plan> {
  const plans = new Map<string, Plan>();
  const bySize = [...verdicts].sort((a, b) => Math.abs(b.loss ?? 0) - Math.abs(a.loss ?? 0));
  const causes = bySize.filter(({ kind }) => kind !== 'none').slice(0, MOST_TESTS);
  const against = verdicts.filter((v) => v.kind === 'conflict' && spanWrite(probe, v) < 0);
  for (const verdict of causes) {
    const planned = cause(model, probe, control, verdict, against, least);
    if (planned) plans.set(keyOf(verdict), planned);
  }
  const silent = verdicts.filter(({ kind, silent }) => kind === 'none' && silent && canCut(probe));
  const most = silent.sort((a, b) => spanAttention(probe, b) - spanAttention(probe, a)).slice(0, MOST_GHOSTS);
  for (const verdict of most) plans.set(keyOf(verdict), ghost(probe, verdict, nothing));
  return plans;
}

export const keyOf = ({ layer, head }: { layer: number; head: number }): string => `${layer}.${head}`;

function cause(
  model: Model,
  probe: Scene,
  control: Scene | null,
  verdict: ObservedVerdict,
  against: readonly ObservedVerdict[],
  least: number,
): Plan | null {
  const { kind, layer, head } = verdict;
  const single = (what: string, edits: Variant): Plan => ({
    variants: [edits],
    conclude: ([effect]) => ({ kind, test: { what, effect: effect!, null95: null, confirmed: effect! >= least } }),
  });
  if (kind === 'qk-collapse' && control)
    return single("giving it the control's attention to the span", [repaired(model, probe, control, layer, head, 'attention')]);
  if (kind === 'ov-misfire' && control)
    return single("giving it the control's values of the span", [repaired(model, probe, control, layer, head, 'values')]);
  if (kind === 'conflict' && canCut(probe))
    return single(
      `cutting ${against.map(keyOf).join(', ')} off from the span`,
      against.map((one) => cut(probe, one, probe.span)),
    );
  const first = verdict.cancelledBy[0];
  if (kind !== 'trace-drop' || !first) return null;
  const what = control ? `giving ${first.component} the control's output` : `removing ${first.component}`;
  return single(what, [restored(model, probe, control, first)]);
}

/** The output of a head or an MLP at p as in the control; none without a control. */
function restored(model: Model, probe: Scene, control: Scene | null, { layer, head }: { layer: number; head: number | null }): Edit {
  const positions = [probe.run.position];
  const other = control?.writes.layers[layer];
  if (head === null) {
    const value = other ? Float32Array.from(other.mlpOut) : new Float32Array(model.spec.dModel);
    return { kind: 'replace', at: 'mlp_out', layer, positions, value };
  }
  const value = other ? Float32Array.from(other.z[head]!) : new Float32Array(model.spec.dHead);
  return { kind: 'replace', at: 'z', layer, head, positions, value };
}

function ghost(probe: Scene, verdict: ObservedVerdict, nothing: number): Plan {
  return {
    variants: ghostVariants(probe, verdict),
    conclude(effects) {
      const { effect, null95, ghost: confirmed } = judgeGhost(effects, nothing);
      return { kind: confirmed ? 'ghost' : 'none', test: { what: 'cutting it off from the span', effect, null95, confirmed } };
    },
  };
}

const over = (values: ArrayLike<number>, [start, end]: Span): number => {
  let sum = 0;
  for (let k = start; k < end; k++) sum += values[k]!;
  return sum;
};
const spanWrite = ({ terms, span }: Scene, { layer, head }: ObservedVerdict): number => over(terms.source[layer]![head]!, span);
const spanAttention = ({ writes, span }: Scene, { layer, head }: ObservedVerdict): number =>
  over(writes.layers[layer]!.pattern[head]!, span);
