import stringWidth from 'string-width';
import type { Diagnosis, Residue, RunTrace } from '../types.js';
import { collapseDoubts, diagnosisWords, doubtsOf, isRefuted, nothingConfirmed, standing } from '../standing.js';
import { nats, percent, plain, printable, quote, share, table, wrap, type Look, type Paint } from './text.js';

/** Paraphrases at the vary values of `run`. */
export function paraphrasesOf(residue: Residue, run: RunTrace): RunTrace[] {
  return residue.paraphrases.filter((p) => p.scores && Object.entries(run.vary).every(([name, value]) => p.vary[name] === value));
}

/** `walk = 40`, or the run's name. */
export function runLabel(run: RunTrace): string {
  const values = Object.entries(run.vary).map(([name, value]) => `${name} = ${value}`);
  return values.length ? values.join(', ') : run.name;
}

/** First lines: what was run, on what. */
export function heading(residue: Residue, look: Look, paint: Paint): string[] {
  const { shell, provenance } = residue;
  const { model } = provenance;
  const size = model.parameters >= 1e9 ? `${(model.parameters / 1e9).toFixed(2)} G` : `${(model.parameters / 1e6).toFixed(1)} M`;
  const facts = [
    `${printable(model.id)}: ${model.family}, ${model.layers} layers of ${model.heads} heads, ${size} parameters, ${model.dtype}`,
    `seed ${provenance.seed}`,
  ];
  const title = wrap(shell.title.toLowerCase() === shell.id ? shell.id : printable(`${shell.id} · ${shell.title}`), look.width);
  return [...title.map((line) => paint.title(line)), ...wrap(facts.join(' · '), look.width).map((line) => paint.faint(line))];
}

/** The answer to "did it fail, and how sure is that?": the sentence and its evidence as chips. */
export function verdictLines(residue: Residue, look: Look, paint: Paint): string[] {
  const run = residue.runs[residue.primary];
  if (!residue.verdict || !run) {
    const reached =
      residue.status === 'cancelled' ? `Cancelled at ${printable(residue.cancelledAt ?? 'an unknown step')}.` : 'Still running.';
    return [paint.strong(`${reached} What follows is what was measured until then.`)];
  }
  const { verdict, density } = residue;
  const tone = verdict.failed ? paint.failed : paint.passed;
  const lines = wrap(printable(verdict.sentence), look.width).map((line) => tone(line));
  lines.push(...diagnosisLines(verdict.diagnosis, look, paint));
  const chips: string[] = [];
  if (residue.runs.length > 1) chips.push(`at ${printable(runLabel(run))}`);
  if (verdict.drop !== null) chips.push(`${nats(-verdict.drop)} nats against the control`);
  const claims = new Map(residue.claims?.map((one) => [one.sentence, one]));
  const behind = (sentence: string): string => {
    const one = claims.get(sentence);
    const words = one ? standing(one) : '';
    return words === '' ? '' : `; ${words}`;
  };
  chips.push(...verdict.confirmed.map((claim) => `${printable(claim)} (tested by intervention${behind(claim)})`));
  for (const one of residue.claims ?? []) if (isRefuted(one)) chips.push(`not confirmed: ${printable(one.sentence)} (${standing(one)})`);
  const open = verdict.failed ? nothingConfirmed(residue, run) : null;
  if (open) chips.push(open);
  const alike = paraphrasesOf(residue, run);
  if (alike.length) {
    const agree = alike.filter((p) => p.scores?.failed === verdict.failed).length;
    chips.push(`${agree} of ${alike.length} paraphrases agree${agree < alike.length ? ', unstable' : ''}`);
  }
  if (density && density.total > 1) {
    const [low, high] = density.interval;
    chips.push(
      `fails in ${density.failing} of ${density.total} runs (${percent(density.share)}, 95 % interval ${percent(low)} to ${percent(high)})`,
    );
  }
  for (const pattern of verdict.patterns.filter((p) => p.present)) {
    chips.push(
      `pattern ${printable(pattern.name)}, score ${pattern.score.toFixed(2)}${behind(`${pattern.name} is present`)}${pattern.evidence ? `: ${printable(pattern.evidence)}` : ''}`,
    );
  }
  lines.push(...chipLines(chips, look.width - 2).map((line) => `  ${line}`));
  if (verdict.controlSucceeded === false) {
    lines.push(
      ...wrap('The control failed too: the comparison with it says nothing about the probe.', look.width - 2).map(
        (l) => `  ${paint.against(l)}`,
      ),
    );
  }
  return lines;
}

/** What the run comes down to, with how it was tested; nothing where there is nothing to tell. */
function diagnosisLines(diagnosis: Diagnosis | undefined, look: Look, paint: Paint): string[] {
  if (!diagnosis || diagnosis.kind === 'none') return [];
  const { kind, sentence } = diagnosis;
  const words = diagnosisStanding(diagnosis);
  const text = `${kind === 'unexplained' ? '' : `${kind}. `}${printable(sentence)}${words === '' ? '' : ` (${words})`}`;
  return wrap(text, look.width).map((line) => (kind === 'unexplained' || doubtsOf(diagnosis).length > 0 ? paint.faint(line) : line));
}

/** `tested by intervention; q = 0.031; 1 of 3 other tests agree, unstable`; empty where nothing stands behind it. */
export function diagnosisStanding(diagnosis: Diagnosis): string {
  return [diagnosis.evidence === 'caused' ? 'tested by intervention' : '', diagnosisWords(diagnosis)].filter(Boolean).join('; ');
}

/** Chips side by side as far as they fit, each whole where it can be. */
function chipLines(chips: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const chip of chips) {
    const last = lines.at(-1);
    const joined = `${last}  ·  ${chip}`;
    if (last !== undefined && stringWidth(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(...wrap(chip, width, 2));
  }
  return lines;
}

/** Where the observed collapse is, and what it rests on. Null when nothing collapsed. */
export function collapseWords(residue: Residue, run: RunTrace): string | null {
  const { collapse } = run;
  if (!collapse || collapse.kind === 'none') return null;
  const { layers } = residue.provenance.model;
  const how = ['read off', ...collapseDoubts(residue, run)].join(', ');
  const lead = `${nats(collapse.peakMargin)} nats at layer ${collapse.peak}, noise there ${nats(collapse.noise).replace('+', '')}`;
  if (collapse.kind === 'lost') return `Lost at layer ${collapse.layer ?? '?'} of ${layers} (${how}), after its best margin: ${lead}.`;
  const control = collapse.layer === null ? '' : ` The control leads from layer ${collapse.layer} of ${layers} on.`;
  return `Never formed (${how}): its best margin is ${lead}.${control}`;
}

/** The prompt's tokens, spans marked `⟦name: …⟧`; a long stretch without a span is folded. */
export function promptLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const fold = 24;
  const keep = 8;
  const starts = new Map<number, string[]>();
  const ends = new Map<number, number>();
  for (const [name, [start, end]] of Object.entries(run.spans)) {
    if (end <= start) continue;
    starts.set(start, [...(starts.get(start) ?? []), name]);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  const marks = [...starts.keys(), ...ends.keys()].sort((a, b) => a - b);
  let text = '';
  for (let i = 0; i < run.tokens.length;) {
    text += '⟧'.repeat(ends.get(i) ?? 0) + (starts.get(i) ?? []).map((name) => `⟦${printable(name)}:`).join('');
    const next = marks.find((m) => m > i) ?? run.tokens.length;
    const inside = Object.values(run.spans).some(([start, end]) => start <= i && i < end);
    if (!inside && next - i > fold) {
      const show = (a: number, b: number) =>
        run.tokens
          .slice(a, b)
          .map((t) => printable(t.text))
          .join('');
      text += `${show(i, i + keep)} … ${next - i - 2 * keep} tokens … ${show(next - keep, next).trimStart()}`;
      i = next;
      continue;
    }
    text += printable(run.tokens[i]?.text ?? '');
    i += 1;
  }
  text += '⟧'.repeat(ends.get(run.tokens.length) ?? 0);
  const count = `${run.tokens.length} tokens${run.bosAdded ? ', the first a BOS that was added' : ''}`;
  return [...wrap(text, look.width - 2).map((line) => `  ${line}`), `  ${paint.faint(count)}`];
}

/** The answer, its rivals and what the model says, at the output. */
export function scoreLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const scores = run.scores;
  if (!scores) return [];
  const several = [scores.answer, ...scores.rivals].some((c) => c.ids.length > 1);
  const row = (kind: string, c: typeof scores.answer) => [
    kind,
    quote(c.text),
    share(Math.exp(c.logprob)),
    nats(c.logprob),
    ...(several ? [c.ids.length > 1 ? nats(c.totalLogprob) : ''] : []),
    String(c.rank + 1),
  ];
  const shown = scores.rivals.map((c, i) => ({ c, i })).sort((a, b) => b.c.logprob - a.c.logprob);
  const rows = [row('answer', scores.answer)];
  const kind = scores.rivalsFromModel ? 'rival, chosen by the model' : 'rival';
  for (const { c } of shown.slice(0, 4)) rows.push(row(kind, c));
  const columns = [
    { label: '' },
    { label: 'text' },
    { label: 'probability', align: 'right' as const },
    { label: 'log-prob (nats)', align: 'right' as const },
    ...(several ? [{ label: 'whole string (nats)', align: 'right' as const }] : []),
    { label: 'rank', align: 'right' as const },
  ];
  const lines = table(columns, rows, look);
  if (shown.length > 4) lines.push(`  ${paint.faint(`… ${shown.length - 4} more below`)}`);
  const top = scores.top.slice(0, 5).map((t) => `${quote(t.text)} ${share(t.prob)}`);
  if (top.length)
    lines.push(
      ...wrap(`It says: ${top.join(', ')}; entropy ${plain(Number(scores.entropy.toPrecision(3)))} nats.`, look.width - 2, 2).map(
        (l) => `  ${l}`,
      ),
    );
  return lines;
}
