import type { Residue } from '../residue/types.js';
import type { Part } from '../shell/chosen.js';
import type { Expectation, Shell } from '../shell/types.js';
import { claimsOf } from './claims.js';
import { diagnose } from './diagnosis.js';
import { checkExpectations } from './expect.js';
import type { ShellText } from './place.js';
import type { Subject } from './subject.js';
import { failureDensity, verdictOf } from './verdict.js';

/** What a finished run is concluded from. */
export interface Measured {
  shell: Shell;
  source: ShellText;
  residue: Residue;
  /** The probe that the headline is about, and its control. */
  headline: Subject;
  control: Subject | null;
  /** Which of the shell's runs were made; null: all. */
  part: Part | null;
  layers: number;
}

/** Writes density, verdict and expectations into the residue, once everything is measured; returns what is to be noted. */
export function conclude({ shell, source, residue, headline, control, part, layers }: Measured): string[] {
  const perRun = shell.paraphrases.length;
  residue.density = failureDensity(
    residue.runs.map((probe, i) => ({ probe, paraphrases: residue.paraphrases.slice(i * perRun, (i + 1) * perRun) })),
  );
  const run = headline.trace;
  const diagnosis = diagnose({ run, control: control?.trace ?? null });
  residue.claims = claimsOf({
    run,
    diagnosis,
    patterns: headline.patterns,
    opinions: headline.opinions,
    paraphrases: residue.paraphrases.slice(residue.primary * perRun, (residue.primary + 1) * perRun),
  });
  residue.verdict = verdictOf({
    run,
    control: control?.trace ?? null,
    layers,
    patterns: headline.patterns,
    patternsNotMeasured: headline.patternsNotMeasured,
    paraphrases: perRun,
    claims: residue.claims,
  });
  if (diagnosis) residue.verdict.diagnosis = diagnosis;
  const [whole, own] = judged(shell, part, residue);
  const { results, skipped } = checkExpectations({ ...shell, expect: own }, source, {
    run,
    verdict: residue.verdict,
    density: residue.density,
  });
  residue.expectations = results;
  return [
    ...(part ? [partNote(part, residue)] : []),
    ...(whole.length > 0 ? [`Not judged, for that takes every value of vary: ${whole.map(({ path }) => path).join(', ')}.`] : []),
    ...(skipped.length > 0 ? [`Not run, so not checked: ${skipped.join(', ')}.`] : []),
  ];
}

/**
 * The expectations that only a run of every value can judge, and the others. The headline is the first run that fails: of a part it is known
 * where no run before it was left out.
 */
function judged({ expect }: Shell, part: Part | null, { runs, primary }: Residue): [whole: Expectation[], own: Expectation[]] {
  if (!part) return [[], expect];
  const headlineKnown = primary < part.first && runs[primary]?.scores?.failed === true;
  const takesAll = ({ path }: Expectation): boolean => !headlineKnown || path.startsWith('density.');
  return [expect.filter(takesAll), expect.filter((one) => !takesAll(one))];
}

function partNote({ doses, of }: Part, { runs }: Residue): string {
  const asked = doses.length > 8 ? `${doses.slice(0, 8).join(', ')}, …` : doses.join(', ');
  return `Only ${asked} was run, ${runs.length} of the shell's ${of} runs: the headline and the share of failing runs are of ${runs.length === 1 ? 'it' : 'these'} alone.`;
}
