import { RECOVERED } from '../../methods/recovery.js';
import type { RunTrace } from '../../residue/types.js';
import { nats, plain, quote } from '../words.js';

/** Least effect of an intervention, nats, that is called a claim. */
const CLAIM = 0.1;
/** Components that the verdict names; the rest stands in the table. */
const NAMED = 2;

/** The caused interval as layers, lower end first; null where an end was not found. */
function confirmedLayers({ verification }: RunTrace): [number, number] | null {
  const { from, to } = verification?.interval ?? { from: null, to: null };
  return from === null || to === null ? null : [Math.min(from, to), Math.max(from, to)];
}

const layersIn = ([from, to]: readonly [number, number]): string => (from === to ? `layer ${from}` : `layers ${from}–${to}`);

/** `; cause confirmed in layers 3–5`, to go behind the headline; nothing where it was not tested. */
export function causeWords(run: RunTrace): string {
  if (!run.verification) return '';
  const layers = confirmedLayers(run);
  return layers ? `; cause confirmed in ${layersIn(layers)}` : '; cause not confirmed';
}

/** What verification has shown, one claim each. */
export function causeClaims(run: RunTrace): string[] {
  const { verification } = run;
  if (!verification) return [];
  const { curves, knockout, effects, source } = verification;
  const layers = confirmedLayers(run);
  const claims: string[] = [];
  if (layers) {
    claims.push(
      `the failure is caused in ${layersIn(layers)}: the control's answer can be patched back in at ${quote(source ?? '')} up to layer ${verification.interval!.from} and at the answer position from layer ${verification.interval!.to} on`,
    );
  } else if (curves && verification.interval?.to != null && verification.interval.to < curves.answer.length - 1) {
    claims.push(
      `by layer ${verification.interval.to} the control has the answer at the answer position: patched in there, it brings back half of the drop or more`,
    );
  }
  const inhibited = run.commands?.some(({ name, params }) => name === 'INHIBIT' && params['span'] === knockout?.span);
  if (knockout && !inhibited && Math.abs(knockout.effect) >= CLAIM) {
    const change = knockout.effect < 0 ? `costs ${nats(-knockout.effect)}` : `gains ${nats(knockout.effect)}`;
    claims.push(`the answer position reads ${quote(knockout.span)}: cutting it off ${change}`);
  }
  const strongest = [...effects]
    .filter(({ zero, mean }) => Math.abs(zero) >= CLAIM && Math.sign(zero) === Math.sign(mean))
    .sort((a, b) => Math.abs(b.zero) - Math.abs(a.zero))
    .slice(0, NAMED);
  for (const { component, zero, predicted, repair } of strongest) {
    const made = repair.by.find(({ change }) => change * predicted < 0);
    const by = made ? `; ${made.component} makes up ${nats(Math.abs(made.change))}` : '';
    claims.push(
      `${component} ${zero < 0 ? 'helps' : 'harms'}: removed, the margin changes by ${plain(zero)} (${plain(predicted)} predicted${by})`,
    );
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
