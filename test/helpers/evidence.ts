import { expect } from 'vitest';
import { kindsOf } from '../../src/residue/evidence.js';
import type { CommandOutcome } from '../../src/residue/types.js';

/** A command of both kinds of evidence keeps them apart: each table and curve is of one kind and says which, and so does each sentence. */
export function expectKindsApart(outcomes: readonly CommandOutcome[]): void {
  for (const outcome of outcomes) {
    if (kindsOf(outcome).length < 2) continue;
    for (const part of [...outcome.tables, ...outcome.curves]) expect(part.evidence, `${outcome.name}: ${part.title}`).toBeDefined();
    for (const finding of outcome.findings) {
      if (/^No |nothing was|no gap|do not hold|There is/i.test(finding)) continue;
      expect(finding, outcome.name).toMatch(/tested by intervention|read off|Random sets/);
    }
  }
}
