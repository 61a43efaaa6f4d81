import type { CommandOutcome, Diagnosis, Residue, RunTrace } from './types.js';
import type { Claim, NullBand, Opinion } from './types-claims.js';

/** Level at which a number clears its null. */
export const ALPHA = 0.05;

/**
 * Whether a band is cleared at `ALPHA`, by its q where several things were tested together; null without a band, or with one too coarse
 * to be cleared by any number. Of a single number such a band still tells one thing: that it is within its null where some of the null
 * reach it.
 */
export function clears(band: NullBand | null | undefined): boolean | null {
  if (!band) return null;
  const least = 1 / (1 + band.n);
  if (least > ALPHA) return band.q === undefined && band.p > least * (1 + 1e-3) ? false : null;
  return (band.q ?? band.p) <= ALPHA;
}

/** Whether a second opinion is of one mind with what it was asked about; null where there was none. */
export function steady(opinion: Opinion | null | undefined): boolean | null {
  return !opinion || opinion.of === 0 ? null : opinion.agree === opinion.of;
}

type Standing = Pick<Claim, 'holds' | 'stable'>;

/** What a reader must know before believing a claim: `within its null`, `unstable`; empty where it fails neither. */
export function doubts({ holds, stable }: Standing): string[] {
  return [...(holds === false ? ['within its null'] : []), ...(stable === false ? ['unstable'] : [])];
}

/** `doubts` in a table's cell, which also says where there were too few nulls to tell. */
export const doubtOf = (claim: Standing & Pick<Claim, 'null'>): string =>
  doubts(claim).join(', ') || (claim.null && claim.holds === null ? 'too few nulls' : '');

/** `p = 0.030` or, of several tests together, `q = 0.12`. */
export const level = ({ p, q }: NullBand): string => (q === undefined ? `p = ${p.toFixed(3)}` : `q = ${q.toFixed(3)}`);

/** `p = 0.030; 8 of 8 agree`: what stands behind a claim, with its doubts; empty where nothing does. */
export function standing({ null: band, opinion, holds, stable }: Standing & Pick<Claim, 'null' | 'opinion'>): string {
  const [within, unstable] = [
    holds === false ? ', within its null' : holds === null ? ', too few nulls to tell' : '',
    stable === false ? ', unstable' : '',
  ];
  return [
    ...(band ? [`${level(band)}${within}`] : []),
    ...(opinion && opinion.of > 0 ? [`${opinion.agree} of ${opinion.of} agree${unstable}`] : []),
  ].join('; ');
}

/** `standing` of anything that carries a null and a second opinion. */
export function standingOf({ null: band = null, opinion = null }: { null?: NullBand | null; opinion?: Opinion | null }): string {
  return standing({ null: band, opinion, holds: clears(band), stable: steady(opinion) });
}

/** `doubts` of the same. */
export function doubtsOf({ null: band, opinion }: { null?: NullBand | null; opinion?: Opinion | null }): string[] {
  return doubts({ holds: clears(band), stable: steady(opinion) });
}

/** What stands behind the values of a command that were held against a null or asked again: `effect: p = 0.030; 8 of 8 agree`, with its doubts. */
export function valuesStanding({ nulls = {}, opinions = {} }: Pick<CommandOutcome, 'nulls' | 'opinions'>): ValueStanding[] {
  return [...new Set([...Object.keys(nulls), ...Object.keys(opinions)])].map((value) => {
    const both = { null: nulls[value] ?? null, opinion: opinions[value] ?? null };
    return { value, words: standingOf(both), doubtful: doubtsOf(both).length > 0 };
  });
}

/** `standingOf` of what a run comes down to, which is asked in other tests, not of paraphrases. */
export const diagnosisWords = (diagnosis: Diagnosis): string => standingOf(diagnosis).replace(/(\d+ of \d+) agree/, '$1 other tests agree');

export interface ValueStanding {
  /** Name of the value under its command. */
  value: string;
  words: string;
  /** Within its null, or unstable. */
  doubtful: boolean;
}

/**
 * What is to be said where no claim of a run was borne out by an intervention: that none was tested, or that what was tested fails its null or
 * brought nothing back. Null where one was borne out.
 */
export function nothingConfirmed({ verdict, claims = [] }: Pick<Residue, 'verdict' | 'claims'>, run: RunTrace | undefined): string | null {
  if (!verdict || verdict.confirmed.length > 0) return null;
  const tested = run?.verification !== undefined || claims.some(({ evidence, holds }) => evidence === 'caused' && holds === false);
  return tested ? 'no cause confirmed' : 'cause not checked';
}

/** A claim that an intervention was made for and that does no more than its null; heads' verdicts and the diagnosis say so where they stand. */
export const isRefuted = ({ evidence, holds, name }: Claim): boolean =>
  evidence === 'caused' && holds === false && !name.endsWith('.verdict') && name !== 'diagnosis';

/** The doubts of where the headline's answer was lost, to stand behind it wherever it is told: `(unstable)`; of another run than the headline none are known. */
export function collapseDoubts(
  { claims = [], runs, primary }: Pick<Residue, 'claims' | 'runs' | 'primary'>,
  run: RunTrace | undefined,
): string[] {
  const told = run !== undefined && run === runs[primary] ? claims.find(({ name }) => name === 'collapse') : undefined;
  return told ? doubts(told) : [];
}
