import type { Residue } from '../residue/types.js';
import type { Shell } from '../shell/types.js';
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
  layers: number;
}

/** Writes density, verdict and expectations into the residue, once everything is measured; returns a note, or null. */
export function conclude({ shell, source, residue, headline, control, layers }: Measured): string | null {
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
  const { results, skipped } = checkExpectations(shell, source, { run, verdict: residue.verdict, density: residue.density });
  residue.expectations = results;
  return skipped.length > 0 ? `Not run, so not checked: ${skipped.join(', ')}.` : null;
}
