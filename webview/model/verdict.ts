import { clears, diagnosisWords, doubtsOf, isRefuted, nothingConfirmed, steady } from '../../src/residue/standing.js';
import { standing } from './claims.js';
import { METHODS, patternAnchor } from '../../src/method-anchors.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { paraphrasesOf } from './view.js';
import { nats, number, probability, visible } from './format.js';

/** A piece of evidence beside the headline. `kind` decides how it looks: observed hollow, caused solid, unchecked greyed. */
export interface Chip {
  kind: 'observed' | 'caused' | 'fact' | 'unchecked' | 'warning';
  text: string;
  /** What the number is, for the tooltip. */
  tip: string;
  /** What clicking does: show a place in the shell, open the method's page, or run the shell with every cause tested. */
  action: { reveal: number } | { methods: string } | { verify: true } | null;
}

export interface VerdictModel {
  /** null while nothing is known yet. */
  failed: boolean | null;
  headline: string | null;
  chips: Chip[];
}

/** Row of the closest approach after the answer first led, and its margin; null if it never led. */
export function closest(margin: readonly number[], tau: number): { row: number; margin: number } | null {
  const first = margin.findIndex((m) => m > tau);
  if (first < 0) return null;
  let row = first;
  for (let l = first; l < margin.length; l++) if (margin[l]! < margin[row]!) row = l;
  return { row, margin: margin[row]! };
}

/** The headline for a trace whose verdict has not been written (a partial or cancelled run). */
export function headline(run: RunTrace): string | null {
  const s = run.scores;
  if (!s) return null;
  const answer = JSON.stringify(visible(s.answer.text, 40).replace(/·/g, ' '));
  if (!s.failed) return `Did not fail: ${answer} wins by ${number(s.margin)} nats`;
  // What is said may be neither the answer nor a rival that the shell names.
  const said = s.top[0];
  const says = said && said.id !== s.answer.ids[0] ? said.text : s.strongest === null ? null : s.rivals[s.strongest]?.text;
  return says == null
    ? `Failed: should say ${answer}`
    : `Failed: says ${JSON.stringify(visible(says, 40).replace(/·/g, ' '))}, should say ${answer}`;
}

/** Later runs may still fail where this one did not: what is told before the verdict says so. */
const soFar = (sentence: string | null): string | null => sentence && `So far: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;

/** The engine's sentence ends with where it was lost, or where it was closest; that is the first chip. */
const TAIL = /; ((?:lost at layer|never formed|closest at layer|ahead only from)[^"]*)$/;

function collapseChip(residue: Residue, run: RunTrace, told: string | undefined): Chip | null {
  const { collapse, lens, scores } = run;
  const layers = residue.provenance.model.layers;
  const make = (text: string, tip: string): Chip => ({ kind: 'observed', text: told ?? text, tip, action: { methods: METHODS.collapse } });
  if (!collapse) return null;
  if (collapse.kind === 'lost' && collapse.layer !== null)
    return make(
      `lost at layer ${collapse.layer} of ${layers} (observed)`,
      `Collapse point: first layer after the peak (layer ${collapse.peak}, ${nats(collapse.peakMargin)}) from which the margin stays below ${number(scores?.tau ?? 0)} nats. Read off the lens.`,
    );
  if (collapse.kind === 'never-formed')
    return make(
      collapse.layer === null ? 'never formed (observed)' : `never formed; the control leads from layer ${collapse.layer} (observed)`,
      `Collapse point: the margin never rose above noise (${number(collapse.noise)} nats, 95th percentile over random token pairs); its peak is ${nats(collapse.peakMargin)} at layer ${collapse.peak}.`,
    );
  const near = lens ? closest(lens.margin, scores?.tau ?? 0) : null;
  if (!near && told === undefined) return null;
  return make(
    near ? `closest at layer ${near.row} (${number(near.margin)} nats)` : '',
    'Smallest margin after the answer first led, by the logit lens. Read off.',
  );
}

/** Headline and chips. */
export function verdictModel(residue: Residue): VerdictModel {
  const run = residue.runs[residue.primary] ?? residue.runs[0] ?? null;
  const v = residue.verdict;
  const chips: Chip[] = [];
  const failed = v?.failed ?? run?.scores?.failed ?? null;
  const add = (kind: Chip['kind'], text: string, tip: string, action: Chip['action'] = null): void => {
    chips.push({ kind, text, tip, action });
  };
  const told = v ? TAIL.exec(v.sentence)?.[1] : undefined;
  const shown = run ? collapseChip(residue, run, told) : null;
  if (shown) chips.push(shown);

  const diagnosis = v?.diagnosis;
  if (diagnosis && diagnosis.kind !== 'none') {
    const { kind, sentence, opinion } = diagnosis;
    const stands = diagnosisWords(diagnosis);
    add(
      kind === 'unexplained' || doubtsOf(diagnosis).length > 0 ? 'unchecked' : diagnosis.evidence,
      kind === 'unexplained' ? sentence : `${kind}: ${sentence.replace(/\.$/, '')}${stands === '' ? '' : ` · ${stands}`}`,
      [
        'What the run comes down to, from what was measured alone.',
        ...(opinion?.by ?? []).map(({ name, says, agrees }) => `${agrees ? 'Agrees' : 'Disagrees'}: ${name} ${says}.`),
      ].join('\n'),
      { methods: METHODS.diagnosis },
    );
  }

  const claims = new Map(residue.claims?.map((one) => [one.sentence, one]));
  const behind = (sentence: string): string => {
    const words = standing(claims.get(sentence));
    return words === '' ? '' : ` · ${words}`;
  };
  for (const one of residue.claims ?? [])
    if (isRefuted(one))
      add('unchecked', `not confirmed: ${one.sentence} · ${standing(one)}`, 'What should do nothing does as much: it is within its null.', {
        methods: METHODS.nulls,
      });
  for (const text of v?.confirmed ?? [])
    add(
      'caused',
      text + behind(text),
      'Tested by intervention: something inside the model was changed, and the margin was measured again.',
    );
  const unconfirmed = nothingConfirmed(residue, run ?? undefined);
  if (unconfirmed === 'cause not checked')
    add('unchecked', 'cause: not checked', 'No intervention of this run tested what caused the result.', { verify: true });
  else if (unconfirmed)
    add('unchecked', 'cause: none confirmed', 'Interventions were made, and none brought back or took away more than its null does.', {
      methods: METHODS.nulls,
    });

  const scored = run ? paraphrasesOf(residue, run) : [];
  if (scored.length && failed !== null) {
    const agree = scored.filter((p) => p.scores!.failed === failed).length;
    add(
      'fact',
      `${agree} of ${scored.length} paraphrases agree${agree < scored.length ? ', unstable' : ''}`,
      'Paraphrases with the same outcome as the headline. Read off, one run each.',
      { methods: METHODS.density },
    );
  }
  const control = residue.control?.scores;
  if (control)
    add(
      control.failed ? 'warning' : 'fact',
      control.failed
        ? `the control fails too (${nats(control.margin)})`
        : `control wins by ${number(control.margin)} nats${v?.drop != null ? `, drop ${number(v.drop)}` : ''}`,
      'Margin of the matched control; drop = control margin − probe margin.',
      { methods: METHODS.margin },
    );
  if (residue.density && residue.density.total > 1) {
    const { failing, total, interval } = residue.density;
    add(
      'fact',
      `${failing} of ${total} runs fail`,
      `Failure density over vary values and paraphrases; Wilson 95 % interval ${probability(interval[0])} to ${probability(interval[1])}.`,
      { methods: METHODS.density },
    );
  }
  for (const p of v?.patterns ?? [])
    if (p.present)
      add(
        clears(p.null) === false || steady(p.opinion) === false ? 'unchecked' : 'observed',
        `${p.name} (score ${number(p.score, 2)})${behind(`${p.name} is present`)}`,
        p.evidence,
        { methods: patternAnchor(p.name) },
      );
  if (residue.expectations.length) {
    const bad = residue.expectations.filter((e) => !e.passed);
    add(
      bad.length ? 'warning' : 'fact',
      bad.length
        ? `${bad.length} of ${residue.expectations.length} expectations fail`
        : `${residue.expectations.length} of ${residue.expectations.length} expectations hold`,
      residue.expectations.map((e) => e.message).join('\n'),
      { reveal: (bad[0] ?? residue.expectations[0]!).line },
    );
  }
  const broken = residue.checks.filter((c) => !c.passed);
  if (broken.length)
    add(
      'warning',
      `${broken.length} identity checks fail`,
      broken.map((c) => `${c.name} (${c.run}): residual ${number(c.residual)} > ${number(c.tolerance)}`).join('\n'),
    );
  // "nulls: no random spans were measured …" is named `nulls`; the reasons are the tooltip.
  const open = v?.notChecked ?? [];
  if (open.length) add('unchecked', `not checked: ${open.map((text) => text.split(':')[0]).join(', ')}`, open.join('\n'), { reveal: 1 });
  return { failed, headline: v?.sentence.replace(TAIL, '') ?? soFar(run ? headline(run) : null), chips };
}
