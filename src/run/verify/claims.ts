import { RECOVERED } from '../../methods/recovery.js';
import { bringsAnswerBack, causedLayers, causedWords, layersInWords } from '../../residue/interval.js';
import type { RunTrace } from '../../residue/types.js';
import type { Claim } from '../../residue/types-claims.js';
import { LEAST_EFFECT } from '../opinions/opinion.js';
import { nats, plain, quote } from '../words.js';
import { isInhibited } from './knockout.js';
import { claimedEffects } from './opinions.js';

/** `; cause confirmed in layers 3–5`, to go behind the headline; nothing where it was not tested. */
export function causeWords(run: RunTrace): string {
  if (!run.verification) return '';
  return `; ${(bringsAnswerBack(run) && causedWords(run)) || 'cause not confirmed'}`;
}

/** What verification has shown, one claim each, with what stands behind it. */
export function causeClaims(run: RunTrace): Omit<Claim, 'holds' | 'stable'>[] {
  const { verification } = run;
  if (!verification) return [];
  const { curves, interval, knockout, effects, source } = verification;
  const itHas = bringsAnswerBack(run);
  const layers = causedLayers(run);
  const claims: Omit<Claim, 'holds' | 'stable'>[] = [];
  // Recovery is a share of the drop, which is no null's: a patch either brings half of it back or does not.
  const ofInterval = { name: 'cause', evidence: 'caused', unit: 'share', null: null, opinion: interval?.opinion ?? null } as const;
  if (layers) {
    claims.push({
      ...ofInterval,
      value: Math.min(curves!.source![interval!.from!]!, curves!.answer[interval!.to!]!),
      sentence: `${itHas ? 'the failure is caused' : 'what the control is ahead of the prompt by comes about'} in ${layersInWords(layers)}: ${itHas ? "the control's answer" : 'half of it or more'} can be patched ${itHas ? 'back ' : ''}in at ${quote(source ?? '')} up to layer ${interval!.from} and at the answer position from layer ${interval!.to} on`,
    });
  } else if (curves && interval?.to != null && interval.to < curves.answer.length - 1) {
    claims.push({
      ...ofInterval,
      value: curves.answer[interval.to]!,
      sentence: itHas
        ? `by layer ${interval.to} the control has the answer at the answer position: patched in there, it brings back half of the drop or more`
        : `by layer ${interval.to} the control has at the answer position what it is ahead of the prompt by: patched in there, it brings back half of the drop or more`,
    });
  }
  if (knockout && !isInhibited(run, knockout.span) && Math.abs(knockout.effect) >= LEAST_EFFECT) {
    const change = knockout.effect < 0 ? `costs ${nats(-knockout.effect)}` : `gains ${nats(knockout.effect)}`;
    claims.push({
      name: 'cause.knockout',
      sentence: `the answer position reads ${quote(knockout.span)}: cutting it off ${change}`,
      evidence: 'caused',
      value: knockout.effect,
      unit: 'nats',
      null: knockout.null ?? null,
      opinion: knockout.opinion ?? null,
    });
  }
  for (const { component, zero, predicted, repair, null: band, opinion } of claimedEffects(effects)) {
    const made = repair.by.find(({ change }) => change * predicted < 0);
    const by = made ? `; ${made.component} makes up ${nats(Math.abs(made.change))}` : '';
    claims.push({
      name: `cause.${component.replace(' ', '.')}`,
      sentence: `${component} ${zero < 0 ? 'helps' : 'harms'}: removed, the margin changes by ${plain(zero)} (${plain(predicted)} predicted${by})`,
      evidence: 'caused',
      value: zero,
      unit: 'nats',
      null: band ?? null,
      opinion: opinion ?? null,
    });
  }
  return claims;
}

/** What verification left open, or that there was none. */
export function unverified(run: RunTrace): string[] {
  const { verification, scores } = run;
  if (!verification) return scores?.failed ? ['the layers that cause the failure: no activation of the control was patched in'] : [];
  const { interval, curves, maps } = verification;
  const best = Math.max(...(curves?.source ?? [0]));
  const weak =
    curves?.source && interval?.from === null
      ? [
          `the layers that cause the failure: patching the source brings back ${plain(100 * best, 2)} % of the drop at most, not ${100 * RECOVERED} %`,
        ]
      : [];
  const partial = maps.some(({ complete }) => !complete)
    ? ['each position on its own: on a prompt of this length they were patched in groups']
    : [];
  return [...weak, ...verification.open, ...partial];
}
