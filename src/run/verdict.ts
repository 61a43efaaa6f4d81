import { commandByName } from '../commands/table.js';
import { formedAt } from '../methods/collapse.js';
import type { Claim } from '../methods/significance.js';
import { wilson } from '../methods/statistics.js';
import { doubts } from '../residue/standing.js';
import type { CommandOutcome, FailureDensity, RunTrace, Verdict } from '../residue/types.js';
import { causeClaims, causeWords, unverified } from './verify/claims.js';
import type { PatternFound } from '../residue/types-claims.js';
import { nats, plain, quote } from './words.js';

/** Failing share of probes and paraphrases, with Wilson's interval, over all and by vary value. */
export function failureDensity(groups: readonly { probe: RunTrace; paraphrases: readonly RunTrace[] }[]): FailureDensity {
  const counted = groups.map(({ probe, paraphrases }) => {
    const all = [probe, ...paraphrases].filter((run) => run.scores);
    return { name: probe.name, x: probe.x, failing: all.filter((run) => run.scores!.failed).length, total: all.length };
  });
  const failing = counted.reduce((sum, c) => sum + c.failing, 0);
  const total = counted.reduce((sum, c) => sum + c.total, 0);
  return {
    failing,
    total,
    share: total === 0 ? 0 : failing / total,
    interval: wilson(failing, total),
    byRun: counted.map((c) => ({ ...c, interval: wilson(c.failing, c.total) })),
  };
}

export interface VerdictInput {
  run: RunTrace;
  control: RunTrace | null;
  layers: number;
  patterns: readonly PatternFound[];
  /** Patterns that the run cannot show, and why. */
  patternsNotMeasured?: readonly { name: string; reason: string }[];
  paraphrases: number;
  /** What stands behind what is claimed; absent where nothing was calibrated. */
  claims?: readonly Claim[];
}

/** What the run of the headline came to, in words, with what was and what was not tested. */
export function verdictOf({ run, control, layers, patterns, patternsNotMeasured, paraphrases, claims = [] }: VerdictInput): Verdict {
  const scores = run.scores!;
  const refuted = new Set(claims.filter(({ holds }) => holds === false).map(({ sentence }) => sentence));
  return {
    failed: scores.failed,
    sentence: sentenceOf(run, layers, claims),
    drop: control?.scores ? control.scores.margin - scores.margin : null,
    controlSucceeded: control?.scores ? !control.scores.failed : null,
    patterns: [...patterns],
    ...(patternsNotMeasured ? { patternsNotMeasured: [...patternsNotMeasured] } : {}),
    // What random spans do as well is no cause.
    confirmed: [...causeClaims(run).map(({ sentence }) => sentence), ...(run.commands ?? []).flatMap(sentencesOf)].filter(
      (sentence) => !refuted.has(sentence),
    ),
    notChecked: [
      ...(control ? [] : ['the drop: the shell has no control']),
      ...(paraphrases > 0 ? [] : ['whether it holds for other wordings: the shell has no paraphrases']),
      ...unverified(run),
      ...(claims.some((one) => one.null && !one.name.startsWith('head.'))
        ? []
        : ['nulls: no span is marked, or the prompt has no room for random ones, so there are no p-values']),
      ...(claims.some(({ opinion }) => opinion) ? [] : ['a second opinion: there are neither paraphrases nor a knockout to ask again']),
    ],
  };
}

/** `Failed: says " blue", should say " red"; lost at layer 4 of 6 (observed)` */
export function sentenceOf(run: RunTrace, layers: number, claims: readonly Claim[] = []): string {
  const scores = run.scores!;
  const answer = quote(scores.answer.text);
  if (scores.failed) {
    const told = claims.find(({ name }) => name === 'collapse');
    const observed = ['observed', ...(told ? doubts(told) : [])].join(', ');
    return `Failed: ${failure(run)}${collapseWords(run, layers, observed)}${causeWords(run)}${wholeWords(run)}`;
  }
  const margins = run.lens?.margin ?? [];
  const said = scores.top[0];
  // Ahead of the rivals that the shell names is not yet what the model says.
  const other = said && said.id !== scores.answer.ids[0] ? `; yet the model says ${quote(said.text)}` : '';
  return `Did not fail: ${answer} wins by ${nats(scores.margin)}${closest(margins, layers)}${other}${wholeWords(run)}`;
}

/** Where strings of several tokens come out otherwise as a whole than by their first tokens, by which failure is told; else nothing. */
function wholeWords({ scores }: RunTrace): string {
  const { answer, rivals, failed } = scores!;
  if (rivals.length === 0 || [answer, ...rivals].every(({ ids }) => ids.length === 1)) return '';
  const best = rivals.reduce((a, b) => (b.totalLogprob > a.totalLogprob ? b : a));
  if (best.totalLogprob > answer.totalLogprob === failed) return '';
  const [ahead, behind] = failed ? [answer, best] : [best, answer];
  return `; as whole strings ${quote(ahead.text)} is ahead of ${quote(behind.text)} (${plain(ahead.totalLogprob)} against ${nats(behind.totalLogprob)})`;
}

function failure({ scores }: RunTrace): string {
  const { answer, rivals, strongest, top } = scores!;
  const said = top[0];
  // The model may say the answer's or yet another word while a rival named by the shell is ahead of the answer.
  if (said && said.id !== answer.ids[0]) return `says ${quote(said.text)}, should say ${quote(answer.text)}`;
  const rival = strongest === null ? null : rivals[strongest];
  return rival ? `prefers ${quote(rival.text)} to ${quote(answer.text)}` : `does not say ${quote(answer.text)}`;
}

function collapseWords({ collapse }: RunTrace, layers: number, observed: string): string {
  if (collapse?.kind === 'lost') return `; lost at layer ${collapse.layer} of ${layers} (${observed})`;
  if (collapse?.kind !== 'never-formed') return '';
  if (collapse.layer === null) return `; never formed (${observed})`;
  return `; never formed, where the control forms at layer ${collapse.layer} of ${layers} (${observed})`;
}

/** Where the lead is smallest once it is there: `; closest at layer 4 (0.3)`. Nothing when it is there only at the output. */
function closest(margins: readonly number[], layers: number): string {
  const formed = formedAt(margins);
  if (formed === null || formed >= layers) return formed === layers ? `; ahead only from layer ${layers} of ${layers}` : '';
  let at = formed;
  for (let l = formed; l < layers; l++) if (margins[l]! < margins[at]!) at = l;
  return `; closest at layer ${at} (${plain(margins[at]!, 2)})`;
}

/** What a command's interventions have shown of the run, in sentences. */
export const sentencesOf = (outcome: CommandOutcome): string[] =>
  outcome.evidence === 'caused' ? (commandByName(outcome.name)?.claims?.(outcome) ?? []) : [];
