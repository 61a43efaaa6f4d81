import stringWidth from 'string-width';
import { causeLines } from './report/cause.js';
import { claimLines } from './report/claims.js';
import { expectationLines, checkLines, provenanceLines, noteLines } from './report/closing.js';
import {
  almostLines,
  commandLines,
  doseLines,
  generationLines,
  headLines,
  lostLines,
  paraphraseLines,
  salienceLines,
} from './report/evidence.js';
import { disruptionLines, propagationLines, rolloutLines, shapeLines, verdictOfHeadsLines } from './report/heads.js';
import { graphLines } from './report/graph.js';
import { paintOf, printable, wrap, type Look } from './report/text.js';
import { heading, promptLines, runLabel, scoreLines, verdictLines } from './report/verdict.js';
import type { Residue } from './types.js';

export type { Look } from './report/text.js';

/** Narrower than this the report would be unreadable; it is then drawn at this width. */
export const MIN_WIDTH = 60;
export const MAX_WIDTH = 120;

/**
 * The residue as text for a terminal, in the order of a reader's questions: did it fail, where was it lost, which parts did it,
 * what did it almost say, does it hold. A figure is labelled `read off` (observed) or `tested by intervention` (caused).
 * Pure: no terminal is asked. Widths count columns; texts of the model and of the shell are escaped.
 */
export function formatReport(residue: Residue, options: Partial<Look> = {}): string {
  const look: Look = { width: Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, options.width ?? 100)), color: options.color ?? false };
  const paint = paintOf(look);
  const blocks: string[][] = [];
  const section = (title: string, evidence: string, lines: string[]) => {
    if (lines.length === 0) return;
    const fits = title.length + 1 + stringWidth(evidence) <= look.width;
    const hint = evidence && !fits ? wrap(evidence, look.width - 2).map((line) => `  ${paint.faint(line)}`) : [];
    blocks.push([paint.title(title) + (evidence && fits ? ` ${paint.faint(evidence)}` : ''), ...hint, ...lines]);
  };
  const run = residue.runs[residue.primary];
  blocks.push(heading(residue, look, paint), verdictLines(residue, look, paint));
  if (run) {
    const at = residue.runs.length > 1 ? `at ${printable(runLabel(run))}` : '';
    section('The prompt', at, [...promptLines(run, look, paint), ...scoreLines(run, look, paint)]);
    section(
      'Where was it lost',
      'margin of the answer over its strongest rival by layer, nats (read off: logit lens)',
      lostLines(residue, run, look, paint),
    );
    section('Dose and response', 'over all values of vary, paraphrases included in "failing"', doseLines(residue, look));
    section('Which heads did it', 'direct contribution to the margin (read off)', headLines(residue, run, look, paint));
    section(
      'What became of the heads',
      'control → probe (read off), last column tested by intervention',
      verdictOfHeadsLines(run, look, paint),
    );
    section('Attention disruption', 'at the answer position (read off)', disruptionLines(run, look, paint));
    section('Attention rollout', 'of the answer position (read off)', rolloutLines(run, look));
    section('Growth of an error', 'of a hundredth, at the answer position (tested by intervention)', propagationLines(run, look));
    section('Shape of the trace', '(read off)', shapeLines(residue, run, look));
    section('What causes it', '(tested by intervention: activation patching, knockout, ablation)', causeLines(run, look, paint));
    section('Layer salience', '', salienceLines(run, look, paint));
    section(
      'Attribution graph',
      'predicted: frozen-linear (read off); observed: path patching (tested by intervention); nats',
      graphLines(run, look, paint),
    );
    section('Almost said', '(read off: logit lens)', almostLines(run, look));
    section('Went on to say', '', generationLines(run, look, paint));
    const commands = (run.commands ?? []).flatMap((outcome, i) => [
      ...(i ? [''] : []),
      ...commandLines(outcome, look, paint).map((l) => `  ${l}`),
    ]);
    section('Commands', at, commands);
    section('Does it hold', at ? `paraphrases ${at}` : 'paraphrases', paraphraseLines(residue, run, look));
  }
  section('What is claimed', 'each with its null and its second opinion', claimLines(residue, look, paint));
  section('Expectations', '', expectationLines(residue, look, paint));
  section('Not checked', '', noteLines(residue.verdict?.notChecked ?? [], look));
  section('Notes', '', noteLines(residue.notes, look));
  section('Identity checks', '', checkLines(residue, look, paint));
  section('Provenance', '', provenanceLines(residue, look));
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
