import { subtractCurves } from '../methods/depth.js';
import { benjaminiHochberg } from '../methods/significance.js';
import { COMPARISON_SCHEMA_ID } from '../residue/comparison-schema.js';
import type { ComparedCurve, ComparedDose, Comparison, Difference, DifferenceTest } from '../residue/types-comparison.js';
import type { Residue, RunTrace } from '../residue/types.js';
import { findingsOf } from './findings.js';
import { compareHeads } from './heads.js';
import { commandMeasures, CURVES, differenceOf, MEASURES } from './measures.js';
import { describeSide, labelsOf, paraphrasesAt, sidesOf, varyKey, weightsOf, type Side, type SideInput } from './sides.js';
import { over, testMeasure, wordingSpread, type Design } from './tests.js';
import { compareTokens } from './tokens.js';
import { compareClaims } from './verified.js';

export type { SideInput } from './sides.js';

/**
 * Compares two residues: the same shell on two models or two checkpoints, two prompts on one model, or a probe with its control.
 * Every difference is B − A, tested by permutation over what both have several of (wordings, values of vary) and adjusted over all
 * tests of the comparison. Swapping the two negates every difference and keeps every p. Pure.
 *
 * Throws InputError, in one sentence, for a residue in which nothing was scored.
 */
export function compareResidues(first: SideInput, second: SideInput, { seed = 0, created = new Date().toISOString() } = {}): Comparison {
  const { a, b, shared } = sidesOf(first, second);
  const sameShell = a.residue.shell.sha256 === b.residue.shell.sha256;
  const design: Design = { a, b, paired: sameShell && shared, seed };
  const [labelA, labelB] = labelsOf(a, b);
  const differences = [...MEASURES, ...commandMeasures(a.run, b.run)]
    .map((measure): Difference => {
      const { test, untested } = testMeasure(measure, design);
      return {
        ...differenceOf(measure, a, b),
        test,
        ...(untested === undefined ? {} : { untested }),
        wording: wordingSpread(measure, a, b),
      };
    })
    .filter((difference) => difference.a !== null || difference.b !== null);
  const heads = compareHeads(design);
  const doses = dosesOf(design);
  const tests = [...differences, ...(heads?.pairs ?? []), ...doses].flatMap(({ test }) => test ?? []);
  adjust(tests);
  const weights = weightsOf(a);
  const comparison: Comparison = {
    $schema: COMPARISON_SCHEMA_ID,
    format: 1,
    kind: 'comparison',
    created,
    a: describeSide(a, labelA),
    b: describeSide(b, labelB),
    same: {
      shell: sameShell,
      prompt: textOf(a.run) === textOf(b.run),
      weights: weights !== null && weights === weightsOf(b),
      tokenizer: a.residue.provenance.tokenizer.sha256 === b.residue.provenance.tokenizer.sha256,
      seed: a.residue.provenance.seed === b.residue.provenance.seed,
    },
    design: design.paired ? 'pairs' : 'groups',
    curves: curvesOf(a.run, b.run),
    differences,
    heads,
    doses,
    tokens: compareTokens(a.run, b.run),
    patterns: patternsOf(a, b),
    claims: compareClaims(a, b),
    tests: tests.length,
    findings: [],
    notes: notesOf(a, b, sameShell, shared),
  };
  comparison.findings = findingsOf(comparison);
  return comparison;
}

const textOf = (run: RunTrace): string => run.tokens.map(({ text }) => text).join('');

function adjust(tests: readonly DifferenceTest[]): void {
  benjaminiHochberg(tests.map(({ p }) => p)).forEach((q, i) => (tests[i]!.q = q));
}

function curvesOf(a: RunTrace, b: RunTrace): ComparedCurve[] {
  return CURVES.flatMap(({ name, label, unit, evidence, of }) => {
    const [p, q] = [of(a), of(b)];
    return p && q ? [{ name, label, unit, evidence, a: p, b: q, difference: subtractCurves(p, q) }] : [];
  });
}

/** Margins at every combination of vary values that both sides have, where there are at least two. */
function dosesOf(design: Design): ComparedDose[] {
  const { a, b, paired } = design;
  const doses = a.runs.flatMap((run): ComparedDose[] => {
    const twin = b.runs.find((other) => varyKey(other) === varyKey(run));
    if (!twin) return [];
    const values = (side: Side, at: RunTrace): [string, number][] =>
      [at, ...paraphrasesAt(side, at)].map((r) => [r === at ? 'probe' : r.name, r.scores!.margin]);
    const [p, q] = [values(a, run), values(b, twin)];
    const names = new Map(q);
    const both = paired ? p.filter(([name]) => names.has(name)) : p;
    const samples = { a: both.map(([, m]) => m), b: paired ? both.map(([name]) => names.get(name)!) : q.map(([, m]) => m) };
    const dose = ({ scores }: RunTrace) => ({ margin: scores!.margin, failed: scores!.failed });
    const [x, y] = [dose(run), dose(twin)];
    return [{ vary: run.vary, x: run.x, a: x, b: y, difference: y.margin - x.margin, test: over('wordings', samples, design).test }];
  });
  return doses.length > 1 ? doses : [];
}

function patternsOf(a: Side, b: Side): Comparison['patterns'] {
  const of = ({ residue, prompt }: Side) => (prompt === 'control' ? [] : (residue.verdict?.patterns ?? []));
  const [p, q] = [of(a), of(b)];
  const names = [...new Set([...p, ...q].map(({ name }) => name))].sort();
  const score = (list: NonNullable<Residue['verdict']>['patterns'], name: string) => {
    const found = list.find((pattern) => pattern.name === name);
    return found ? { present: found.present, score: found.score } : null;
  };
  return names.map((name) => ({ name, a: score(p, name), b: score(q, name) }));
}

function notesOf(a: Side, b: Side, sameShell: boolean, shared: boolean): string[] {
  const notes: string[] = [];
  const differs = (what: string, of: (side: Side) => string): void => {
    const [p, q] = [of(a), of(b)];
    if (p !== q) notes.push(`${what} differ: ${p} and ${q}.`);
  };
  if (!sameShell) notes.push('The shells differ, so wordings are compared as two groups, not in pairs.');
  if (!shared) notes.push('The shells share no combination of vary values, so the headline of each is looked at.');
  differs('The answers', ({ run }) => JSON.stringify(run.scores!.answer.text));
  differs('The seeds', ({ residue }) => String(residue.provenance.seed));
  differs('The versions that made the residues', ({ residue }) => residue.provenance.versions.symbolicResidue);
  for (const { residue, file } of [a, b])
    if (residue.status !== 'complete') notes.push(`${file ?? residue.shell.id} was ${residue.status}: what it lacks is not compared.`);
  return notes;
}
