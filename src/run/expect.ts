import type { Cell, ExpectationResult, FailureDensity, RunTrace, Verdict } from '../residue/types.js';
import type { Bound, Expectation, Shell } from '../shell/types.js';
import { placeOf, type ShellText } from './place.js';
import { plain, quote } from './words.js';

export interface Expected {
  run: RunTrace;
  verdict: Verdict;
  density: FailureDensity;
}

/**
 * Every expectation against what was measured. One on a command that was left out of this run is left out too, and named in
 * `skipped`.
 */
export function checkExpectations(
  shell: Shell,
  source: ShellText,
  measured: Expected,
): { results: ExpectationResult[]; skipped: string[] } {
  const results: ExpectationResult[] = [];
  const skipped: string[] = [];
  const ran = new Set(measured.run.commands?.map(({ name }) => name));
  const written = new Set(shell.run.map(({ name }) => name));
  for (const expectation of shell.expect) {
    const command = expectation.path.split('.')[0]!;
    if (written.has(command) && !ran.has(command)) skipped.push(expectation.path);
    else results.push(checkOne(expectation, source, measured));
  }
  return { results, skipped };
}

function checkOne({ path, want, range }: Expectation, source: ShellText, measured: Expected): ExpectationResult {
  const got = valueOf(path, want, measured);
  const passed = matches(got, want);
  const words = wantWords(want);
  const reason = path === 'pattern' ? measured.verdict.patternsNotMeasured?.find(({ name }) => name === want)?.reason : undefined;
  const has = got === null ? `was not measured${reason === undefined ? '' : ` (${reason})`}` : `is ${cellWords(got)}`;
  const message = passed ? `${path} ${has}, as expected (${words})` : `${path} ${has}, but ${words} was expected`;
  return { path, want: words, got, passed, message, line: placeOf(source, range).line };
}

/** The value under a path; null where nothing was measured there. */
function valueOf(path: string, want: Expectation['want'], { run, verdict, density }: Expected): Cell {
  switch (path) {
    case 'failure':
      return verdict.failed ? 'present' : 'absent';
    case 'pattern':
      if (verdict.patternsNotMeasured?.some(({ name }) => name === want)) return null;
      // A list of patterns has one value per name: the one that is asked for, if it is there.
      return verdict.patterns.find(({ name, present }) => present && name === want)?.name ?? foundPatterns(verdict);
    case 'margin':
      return run.scores?.margin ?? null;
    case 'drop':
      return verdict.drop;
    case 'diagnosis':
      return verdict.diagnosis?.kind ?? null;
    case 'collapse.kind':
      return run.collapse?.kind ?? null;
    case 'collapse.layer':
      return run.collapse?.layer ?? null;
    case 'density.share':
      return density.share;
    default: {
      const dot = path.indexOf('.');
      const outcome = run.commands?.find(({ name }) => name === path.slice(0, dot));
      return outcome?.values[path.slice(dot + 1)] ?? null;
    }
  }
}

const foundPatterns = ({ patterns }: Verdict): string =>
  patterns
    .filter(({ present }) => present)
    .map(({ name }) => name)
    .join(', ') || 'none';

/** A bound holds with all of its parts; anything else must be equal. Nothing matches what was not measured. */
export function matches(got: Cell, want: Expectation['want']): boolean {
  if (got === null) return false;
  if (typeof want !== 'object') return got === want;
  const { below, above, between, equals } = want;
  // A dose that was not found is beyond every bound.
  const value = got === '∞' ? Infinity : got;
  if (equals !== undefined && got !== equals) return false;
  if (below === undefined && above === undefined && between === undefined) return true;
  if (typeof value !== 'number') return false;
  return (
    (below === undefined || value < below) &&
    (above === undefined || value > above) &&
    (between === undefined || (value >= between[0] && value <= between[1]))
  );
}

/** What an expectation wants, in words: `from 0 to 1`. */
export function wantWords(want: Expectation['want']): string {
  if (typeof want !== 'object') return cellWords(want);
  const { below, above, between, equals }: Bound = want;
  return [
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(between === undefined ? [] : [`from ${between[0]} to ${between[1]}`]),
    ...(equals === undefined ? [] : [cellWords(equals)]),
  ].join(' and ');
}

function cellWords(cell: Cell): string {
  if (typeof cell === 'number') return plain(cell, 4);
  return typeof cell === 'string' && /\s/.test(cell) ? quote(cell) : String(cell);
}
