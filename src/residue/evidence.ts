import type { CommandOutcome } from './types.js';

export type Evidence = CommandOutcome['evidence'];

/** Evidence of a curve, a table or a value of a command: its own, or the command's. */
export const evidenceOf = (part: { evidence?: Evidence } | undefined, outcome: Pick<CommandOutcome, 'evidence'>): Evidence =>
  part?.evidence ?? outcome.evidence;

/** The kinds of evidence that a command's outcome holds, observed first. */
export function kindsOf(outcome: CommandOutcome): Evidence[] {
  const parts = [...outcome.curves, ...outcome.tables, ...Object.values(outcome.measures ?? {})];
  const found = new Set(parts.length > 0 ? parts.map((part) => evidenceOf(part, outcome)) : [outcome.evidence]);
  // What a command changed is told even where every figure of it is one that was read off.
  found.add(outcome.evidence);
  return (['observed', 'caused'] as const).filter((kind) => found.has(kind));
}
