/**
 * What became of what each head carried from a span to the answer: the QK/OV verdict, probe against control. Pure: the numbers come from
 * traces, and so are read off; src/run/heads tests each verdict by an intervention.
 *
 * A head's write from the span is attention times write per unit of attention, w = A · u (Elhage et al. 2021 split a head into the
 * circuit that looks, QK, and the one that writes, OV), so what it lost against the control splits exactly, each factor's change being
 * taken at the other's mean:
 *
 *   w_c − w_p = (A_c − A_p)(u_c + u_p)/2  +  (u_c − u_p)(A_c + A_p)/2
 *
 * Writes are in nats toward answer − rival. Probe and control have final norms of their own; a verdict compares writes at one scale (the
 * control's), so that a louder residual stream does not pass for a weaker write.
 */

/** Every threshold of the verdicts. */
export const VERDICTS = {
  /** Attention to a span below this share is none, whatever its null. */
  attention: 0.02,
  /**
   * A head looks at a span when it gives it this many times what even attention would (or half of what is left above that, for long
   * spans). Of heads that attend nearly evenly one in twenty is above its null's 95th percentile, and more where there are few nulls.
   */
  even: 2,
  /** Attention, and a write per unit of attention, are kept at this part of the control's or more. */
  kept: 0.5,
  /** A write has vanished at this part of the control's or less. */
  vanished: 0.25,
  /** Later components have cancelled a write when they take away this part of it, or of the drop, or more. */
  cancelled: 0.5,
  /** Heads oppose one another when |Σ| / Σ|·| of their writes is no more than this. */
  conflict: 0.2,
  /** Least loss, nats, that has a verdict, and the least as a share of the drop of the margin. */
  loss: 0.1,
  lossOfDrop: 0.1,
  /** Nats below which a contribution or an effect is nothing, whatever its null. */
  nothing: 0.05,
  /** The same as a share of all that the heads write from the span: of eight nats, a tenth of one is nothing. */
  nothingOfAll: 0.02,
} as const;

export type HeadVerdictKind = 'qk-collapse' | 'ov-misfire' | 'trace-drop' | 'conflict' | 'ghost' | 'none';

/** A head in one prompt. */
export interface HeadInPrompt {
  /** Σ α(p, k) over the span, a share. */
  attention: number;
  /** What it writes at p from the span toward answer − rival, nats. */
  write: number;
  /** The same per unit of attention, nats; with no attention at all, the mean over the span's tokens of what they would give. */
  perAttention: number;
  /** What the span would get of even attention, a share. */
  even: number;
  /** 95th percentile over random spans of the attention, and of |write|; null where the prompt has no room for any. */
  attentionNull: number | null;
  writeNull: number | null;
}

export interface HeadPair {
  layer: number;
  head: number;
  probe: HeadInPrompt;
  control: HeadInPrompt | null;
}

/** Contribution of a component that comes after some heads: a head or an MLP. */
export interface LaterComponent {
  /** `head 4.2` or `MLP 4`. */
  component: string;
  layer: number;
  /** Index of the head; null for an MLP. */
  head: number | null;
  /** Its whole contribution, nats. */
  probe: number;
  control: number | null;
}

export interface VerdictSettings {
  /** Margin of the control minus that of the probe, nats; null without a control. */
  drop: number | null;
  /** Final norm's scale at p in the probe over that in the control. */
  scaleRatio: number;
  /** True where a block's MLP does not read what its heads write (GPT-NeoX). */
  parallel: boolean;
}

/** A component that takes away what a head has written. */
export interface Canceller {
  component: string;
  layer: number;
  head: number | null;
  probe: number;
  control: number | null;
}

export interface ObservedVerdict {
  layer: number;
  head: number;
  kind: HeadVerdictKind;
  /** Looks at the span beyond its null and writes nothing from it: a ghost, once a knockout has shown that nothing depends on it. */
  silent: boolean;
  /** Nats lost against the control (at the control's scale), and the parts of it due to attention and to what is written. */
  loss: number | null;
  byAttention: number | null;
  byWrite: number | null;
  /** Of a trace-drop: by whom, strongest first. */
  cancelledBy: Canceller[];
}

/** How far the writes of the heads that touch a span oppose one another. */
export interface Opposition {
  /** Σ of the positive writes and of the sizes of the negative ones, nats. */
  toward: number;
  against: number;
  /** |toward − against| / (toward + against): 1 all agree, 0 they cancel. */
  ratio: number;
}

/** Whether a head touches the span: its attention is above its null's 95th percentile, `VERDICTS.attention`, and what is even. */
export function touches({ attention, even, attentionNull }: HeadInPrompt): boolean {
  const least = Math.max(VERDICTS.attention, Math.min(VERDICTS.even * even, (1 + even) / 2));
  return attention >= least && (attentionNull === null || attention > attentionNull);
}

/** |Σ| / Σ|·| of writes; null when there is nothing on one of the two sides. */
export function opposition(writes: readonly number[]): Opposition | null {
  const toward = writes.reduce((sum, w) => sum + Math.max(0, w), 0);
  const against = writes.reduce((sum, w) => sum + Math.max(0, -w), 0);
  if (toward < VERDICTS.loss || against < VERDICTS.loss) return null;
  return { toward, against, ratio: Math.abs(toward - against) / (toward + against) };
}

/** Least loss, nats, that is told of: a tenth of what the margin dropped, at least `VERDICTS.loss`. */
export const leastLoss = (drop: number | null): number => Math.max(VERDICTS.loss, VERDICTS.lossOfDrop * (drop ?? 0));

/**
 * The verdict of every head that touches the span in the probe or in the control. Without a control only `conflict`, `trace-drop` (from
 * the probe's own numbers) and silence can be told.
 *
 * @returns Also the nats that are nothing here, of a write or of an effect.
 * @param heads Every head of the model, in order.
 * @param components Every head and MLP with its whole contribution.
 */
export function headVerdicts(
  heads: readonly HeadPair[],
  components: readonly LaterComponent[],
  settings: VerdictSettings,
): { verdicts: ObservedVerdict[]; conflict: (Opposition & { heads: [number, number][] }) | null; nothing: number } {
  const { drop, scaleRatio } = settings;
  const least = leastLoss(drop);
  const touching = heads.filter(({ probe, control }) => touches(probe) || (control !== null && touches(control)));
  const inProbe = touching.filter(({ probe }) => touches(probe));
  const nothing = Math.max(VERDICTS.nothing, VERDICTS.nothingOfAll * inProbe.reduce((sum, { probe }) => sum + Math.abs(probe.write), 0));
  const against = opposition(inProbe.map(({ probe }) => probe.write));
  // One that looks in the probe alone and writes against the others opposes them, however much it writes.
  const intruders = against === null ? [] : inProbe.filter((pair) => intrudes(pair, least));
  const even = against !== null && against.ratio <= VERDICTS.conflict;
  const opposed = even || intruders.length > 0;
  const holdsOut = (pair: HeadPair): boolean => {
    const change = changeOf(pair, scaleRatio);
    return pair.probe.write > 0 && (change === null || lossKind(pair, change, scaleRatio, least) === 'none');
  };
  const takesPart = (pair: HeadPair): boolean =>
    Math.abs(pair.probe.write) >= VERDICTS.loss && (even || intruders.includes(pair) || holdsOut(pair));
  const sides = opposed ? inProbe.filter(takesPart) : [];
  const verdicts = touching.map((pair): ObservedVerdict => {
    const { layer, head } = pair;
    const change = changeOf(pair, scaleRatio);
    const kind: HeadVerdictKind = sides.includes(pair)
      ? 'conflict'
      : change && (drop ?? 0) >= VERDICTS.loss
        ? lossKind(pair, change, scaleRatio, least)
        : 'none';
    return { layer, head, kind, silent: isSilent(pair.probe, nothing), ...(change ?? NO_CHANGE), cancelledBy: [] };
  });
  // What turned against the answer has its own verdict, and is not told again as what cancels others.
  const turned = new Set(
    verdicts.filter(({ kind }) => kind === 'ov-misfire' || kind === 'conflict').map(({ layer, head }) => `${layer}.${head}`),
  );
  const others = components.filter(({ layer, head }) => head === null || !turned.has(`${layer}.${head}`));
  if (drop === null || drop >= VERDICTS.loss)
    verdicts.forEach((verdict, i) => {
      if (verdict.kind !== 'none') return;
      verdict.cancelledBy = cancellers(touching[i]!, others, settings, least);
      if (verdict.cancelledBy.length > 0) verdict.kind = 'trace-drop';
    });
  return {
    verdicts,
    nothing,
    conflict: opposed ? { ...against!, heads: sides.map(({ layer, head }): [number, number] => [layer, head]) } : null,
  };
}

const NO_CHANGE = { loss: null, byAttention: null, byWrite: null };

/** What the head lost, at the control's scale, and its two parts. */
function changeOf({ probe, control }: HeadPair, scaleRatio: number): { loss: number; byAttention: number; byWrite: number } | null {
  if (!control) return null;
  const u = probe.perAttention * scaleRatio;
  const byAttention = ((control.attention - probe.attention) * (control.perAttention + u)) / 2;
  const byWrite = ((control.perAttention - u) * (control.attention + probe.attention)) / 2;
  return { loss: byAttention + byWrite, byAttention, byWrite };
}

/** qk-collapse or ov-misfire of a head that lost enough; where both circuits failed, the one that accounts for more of the loss. */
function lossKind(
  { probe, control }: HeadPair,
  { loss, byAttention, byWrite }: { loss: number; byAttention: number; byWrite: number },
  scaleRatio: number,
  least: number,
): HeadVerdictKind {
  if (loss < least) return 'none';
  const fell = probe.attention < VERDICTS.kept * control!.attention && control!.write > 0;
  const gone = probe.perAttention * scaleRatio <= VERDICTS.vanished * Math.max(0, control!.perAttention);
  if (fell && gone) return byAttention >= byWrite ? 'qk-collapse' : 'ov-misfire';
  if (fell) return 'qk-collapse';
  return gone ? 'ov-misfire' : 'none';
}

/** Whether a head does not look at the span in the control, does in the probe, and writes against the answer from it. */
const intrudes = ({ probe, control }: HeadPair, least: number): boolean =>
  control !== null && !touches(control) && touches(probe) && probe.write <= -least;

/** Whether a head writes nothing from a span that it looks at: |write| is inside its null, or no more than `nothing` nats. */
function isSilent(here: HeadInPrompt, nothing: number): boolean {
  return touches(here) && Math.abs(here.write) <= Math.max(nothing, here.writeNull ?? 0);
}

/** Who takes away what a head has written, beyond what they do in the control; empty unless together they take away half of it, or half of the drop. */
function cancellers(
  { layer, probe, control }: HeadPair,
  components: readonly LaterComponent[],
  { drop, scaleRatio, parallel }: VerdictSettings,
  least: number,
): Canceller[] {
  const kept = control === null || probe.write * scaleRatio >= VERDICTS.kept * control.write;
  if (!touches(probe) || probe.write < least || !kept) return [];
  const extra = (c: LaterComponent): number => Math.max(0, -c.probe) - Math.max(0, -(c.control ?? 0)) / scaleRatio;
  const after = (c: LaterComponent): boolean => c.layer > layer || (c.layer === layer && c.head === null && !parallel);
  const against = components.filter((c) => after(c) && extra(c) >= VERDICTS.loss).sort((a, b) => extra(b) - extra(a));
  const taken = against.reduce((sum, c) => sum + extra(c), 0);
  if (taken < VERDICTS.cancelled * Math.min(probe.write, drop ?? Infinity)) return [];
  return against.map(({ component, layer: at, head, probe: here, control: there }) => ({
    component,
    layer: at,
    head,
    probe: here,
    control: there,
  }));
}
