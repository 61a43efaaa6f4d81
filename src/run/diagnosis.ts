import type { Diagnosis, DiagnosisKind } from '../residue/types-diagnosis.js';
import type { Opinion } from '../residue/types-claims.js';
import type { HeadVerdict } from '../residue/types-heads.js';
import type { ComponentEffect, Verification } from '../residue/types-verify.js';
import type { RunTrace } from '../residue/types.js';
import { LEAST_DROP, RECOVERED } from '../methods/recovery.js';
import { nats, plain, quote } from './words.js';

/** Every threshold of a diagnosis. */
export const DIAGNOSIS = {
  /** Part of the drop that an intervention on a head must give back for the head to be named as the cause. */
  cause: RECOVERED,
  /** Part of a removed component's contribution that another must make up, and part of the margin that the component carried. */
  repaired: 0.5,
  carried: 0.5,
  /** Attention to the span from which a ghost is told of: most of what it reads. */
  looks: 0.5,
} as const;

/** What a diagnosis is drawn from: the run, its control's scores, and the drop between the two. */
export interface Findings {
  run: Pick<RunTrace, 'scores' | 'collapse' | 'attribution' | 'headVerdicts' | 'verification'>;
  /** Null without a control. */
  control: Pick<RunTrace, 'scores'> | null;
}

/**
 * What the run comes down to. Pure, and of measured numbers alone: neither the shell's words nor the model's name are looked at.
 *
 * A prompt that fails where its control does not is put down to the head whose verdict, confirmed by an intervention, gives back most of
 * the drop, if that is half of it or more; else it is unexplained. Of a prompt that does not fail it is told whether something else would
 * take over from what carries the answer, and else whether a head looks at the source for nothing.
 *
 * @returns null where nothing was measured that could tell.
 */
export function diagnose({ run, control }: Findings): Diagnosis | null {
  const { scores, headVerdicts } = run;
  if (!scores || !headVerdicts) return null;
  if (!scores.failed) return repairOf(run) ?? ghostOf(run) ?? nothing('none', 'Nothing to explain: the prompt does not fail.', run);
  if (!control?.scores) return nothing('unexplained', 'The failure is not explained: there is no control to hold it against.', run);
  if (control.scores.failed) return nothing('unexplained', 'The failure is not explained: the control fails too.', run);
  return causeOf(run, control.scores.margin - scores.margin);
}

type Run = Findings['run'];

const BLANK = {
  layer: null,
  head: null,
  partner: null,
  evidence: 'observed',
  effect: null,
  share: null,
  null: null,
  opinion: null,
  others: [],
} as const;

function nothing(kind: DiagnosisKind, sentence: string, run: Run): Diagnosis {
  return { ...BLANK, others: [], kind, sentence, ...where(run) };
}

/** Where the answer was lost, by lens and by patching. */
function where({ collapse, verification }: Run): Pick<Diagnosis, 'observed' | 'caused'> {
  return {
    observed: collapse && collapse.kind !== 'none' ? { kind: collapse.kind, layer: collapse.layer } : null,
    caused: verification?.interval ? { from: verification.interval.from, to: verification.interval.to } : null,
  };
}

type Cause = HeadVerdict & { test: NonNullable<HeadVerdict['test']> };

function causeOf(run: Run, drop: number): Diagnosis {
  if (drop < LEAST_DROP) return nothing('unexplained', 'The failure is not explained: the control is hardly ahead of it.', run);
  const heads = run.headVerdicts!.heads;
  const causes = heads.filter(
    (one): one is Cause => one.verdict !== 'none' && one.verdict !== 'ghost' && one.test !== null && one.test.confirmed,
  );
  // Of heads that oppose one another, those that write against the answer are the cause.
  const named = causes
    .filter((one) => one.verdict !== 'conflict' || one.write.probe < 0)
    .sort((a, b) => b.test.effect - a.test.effect || a.write.probe - b.write.probe || a.layer - b.layer || a.head - b.head);
  const [first, ...rest] = named;
  const others = rest.map(asOther);
  if (!first || first.test.effect < DIAGNOSIS.cause * drop) {
    const most = first ? `; head ${first.layer}.${first.head} (${first.verdict}) accounts for ${share(first.test.effect, drop)}` : '';
    const sentence = `The failure is not explained by one head: none gives back half of the drop${most}.`;
    return { ...nothing('unexplained', sentence, run), others: first ? [asOther(first), ...others] : [] };
  }
  const partner =
    first.verdict === 'trace-drop' ? (first.cancelledBy[0]?.component ?? null) : first.verdict === 'conflict' ? opposed(heads) : null;
  return {
    ...where(run),
    kind: first.verdict,
    layer: first.layer,
    head: first.head,
    partner,
    sentence: `${causeWords(first, partner, run.headVerdicts!.span)}: ${first.test.what} gives back ${nats(first.test.effect)} of the ${nats(drop)} lost (${share(first.test.effect, drop)}).`,
    evidence: 'caused',
    effect: first.test.effect,
    share: first.test.effect / drop,
    null: first.null ?? null,
    opinion: opinionOn(first, partner, run, drop),
    others,
  };
}

const asOther = ({ verdict, layer, head, test }: Cause) => ({ kind: verdict, layer, head, effect: test.effect });
const share = (effect: number, drop: number): string => `${plain((100 * effect) / drop, 2)} %`;

/** The strongest of the heads that are opposed. */
function opposed(heads: readonly HeadVerdict[]): string | null {
  const [strongest] = heads
    .filter((one) => one.verdict === 'conflict' && one.write.probe > 0)
    .sort((a, b) => b.write.probe - a.write.probe);
  return strongest ? `head ${strongest.layer}.${strongest.head}` : null;
}

function causeWords({ verdict, layer, head }: HeadVerdict, partner: string | null, span: string): string {
  const name = `Head ${layer}.${head}`;
  switch (verdict) {
    case 'qk-collapse':
      return `${name} stops looking at ${quote(span)}`;
    case 'ov-misfire':
      return `${name} looks at ${quote(span)} and does not write the answer`;
    case 'trace-drop':
      return `${name} writes the answer from ${quote(span)}, and ${partner ?? 'what comes later'} takes it away`;
    default:
      return `${name} writes against ${partner ?? 'the others'} from ${quote(span)}`;
  }
}

/** The same cause by other interventions: the head's output as in the control, what cancels taken out, the interval of patching. */
function opinionOn(cause: Cause, partner: string | null, { verification }: Run, drop: number): Opinion | null {
  if (!verification) return null;
  const by: Opinion['by'] = [];
  const recovered = verification.heads?.[cause.layer]?.[cause.head];
  if (recovered !== undefined)
    by.push({
      name: `head ${cause.layer}.${cause.head} as in the control`,
      agrees: recovered >= DIAGNOSIS.cause,
      says: `gives back ${plain(100 * recovered, 2)} % of the drop`,
    });
  const removed = verification.effects.find(
    ({ component }) =>
      component.toLowerCase() ===
      (cause.verdict === 'trace-drop' ? partner : cause.verdict === 'conflict' ? `head ${cause.layer}.${cause.head}` : '')?.toLowerCase(),
  );
  if (removed)
    by.push({
      name: `${removed.component} removed`,
      agrees: Math.min(removed.zero, removed.mean) >= DIAGNOSIS.cause * drop,
      says: `${nats(removed.zero)} by zero, ${nats(removed.mean)} by its mean`,
    });
  const inside = insideInterval(verification, cause.layer);
  if (inside !== null) by.push({ name: 'the caused interval', ...inside });
  return by.length === 0 ? null : { agree: by.filter(({ agrees }) => agrees).length, of: by.length, by };
}

/** Whether the layer lies in the interval that patching gives; null where it gives none. */
function insideInterval({ interval }: Verification, layer: number): { agrees: boolean; says: string } | null {
  const { from, to } = interval ?? { from: null, to: null };
  if (from === null || to === null) return null;
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  return { agrees: low <= layer + 1 && layer <= high, says: `rows ${low} to ${high}` };
}

/** A component that carries the answer and would be made up for if it were gone. */
function repairOf(run: Run): Diagnosis | null {
  const { verification } = run;
  const found = (verification?.effects ?? [])
    .map((effect) => ({ effect, by: madeUp(effect, run) }))
    .filter((one): one is { effect: ComponentEffect; by: { component: string; change: number } } => one.by !== null)
    .sort((a, b) => b.by.change - a.by.change);
  const [first] = found;
  if (!first) return null;
  const { effect, by } = first;
  const { part, layer, head } = placeOf(by.component);
  const lost = -effect.predicted;
  const ways = [
    { name: 'removed by zero', change: effect.zero },
    { name: 'removed by its mean', change: effect.mean },
    { name: 'removed by random outputs', change: effect.resample },
  ].map(({ name, change }) => ({ name, agrees: isMadeUp(effect, change), says: `changes the margin by ${nats(change)}` }));
  return {
    ...nothing('self-repair', '', run),
    layer,
    head: part === 'head' ? head : null,
    partner: effect.component,
    sentence: `${capital(by.component)} takes over from ${effect.component}: without it ${nats(lost)} should be lost, and the margin changes by ${nats(effect.zero)}, ${by.component} making up ${nats(by.change)}.`,
    evidence: 'caused',
    effect: by.change,
    opinion: { agree: ways.filter(({ agrees }) => agrees).length, of: ways.length, by: ways },
  };
}

const isMadeUp = ({ predicted }: ComponentEffect, change: number): boolean => change - predicted >= DIAGNOSIS.repaired * -predicted;

/** Who takes over from a component that carries the answer, when it is taken out by zero or by its mean; null where nobody does. */
function madeUp(effect: ComponentEffect, { scores, attribution }: Run): { component: string; change: number } | null {
  if (effect.head === null && !effect.component.startsWith('mlp')) return null;
  const lost = -effect.predicted;
  if (lost < Math.max(LEAST_DROP, DIAGNOSIS.carried * scores!.margin)) return null;
  if (!isMadeUp(effect, effect.zero) || !isMadeUp(effect, effect.mean)) return null;
  const [first] = effect.repair.by;
  if (!first || first.change < DIAGNOSIS.repaired * lost) return null;
  // Who only stops taking away what is no longer there has not taken over.
  return first.change + contributionOf(first.component, attribution) < DIAGNOSIS.repaired * lost ? null : first;
}

/** What a head (`head 3.1`) or an MLP (`mlp 3`) contributes while nothing is taken out, nats. */
function contributionOf(component: string, attribution: Run['attribution']): number {
  const { part, layer, head } = placeOf(component);
  if (layer === null) return 0;
  return (part === 'head' ? attribution?.head[layer]?.[head ?? -1] : attribution?.mlp[layer]) ?? 0;
}

/** The part, layer and head that a component's name (`head 3.1`, `mlp 3`) stands for; nulls for another name. */
function placeOf(component: string): { part: string | null; layer: number | null; head: number | null } {
  const [, part, layer, head] = /^(head|mlp) (\d+)(?:\.(\d+))?$/.exec(component) ?? [];
  const numberOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
  return { part: part ?? null, layer: numberOf(layer), head: numberOf(head) };
}

/** A head that looks at little else than the span, and for nothing. */
function ghostOf(run: Run): Diagnosis | null {
  const { heads, span } = run.headVerdicts!;
  const [first] = heads
    .filter(({ verdict, attention, test }) => verdict === 'ghost' && test?.confirmed && attention.probe >= DIAGNOSIS.looks)
    .sort((a, b) => b.attention.probe - a.attention.probe);
  if (!first) return null;
  const { layer, head, attention, write, test } = first;
  return {
    ...nothing('ghost', '', run),
    layer,
    head,
    sentence: `Head ${layer}.${head} looks at ${quote(span)} (${plain(100 * attention.probe, 2)} %) and writes ${nats(write.probe)}: cut off from it, the margin changes by ${nats(test!.effect)}.`,
    evidence: 'caused',
    effect: test!.effect,
    null: first.null ?? null,
  };
}

const capital = (text: string): string => (text.startsWith('mlp') ? `MLP${text.slice(3)}` : text.charAt(0).toUpperCase() + text.slice(1));
