import type { Diagnosis, RunTrace } from '../../src/residue/types.js';
import { round } from './residue-parts.js';

/** A diagnosis that fits the run: of a prompt that fails where its control does not, a head that stopped looking. */
export function generateDiagnosis({ scores, collapse, verification }: RunTrace, control: RunTrace | null): Diagnosis {
  const observed = collapse && collapse.kind !== 'none' ? { kind: collapse.kind, layer: collapse.layer } : null;
  const common = { partner: null, others: [], observed, caused: verification?.interval ?? null } as const;
  const blank = { ...common, layer: null, head: null, evidence: 'observed', effect: null, share: null, opinion: null } as const;
  if (!scores!.failed) return { ...blank, others: [], kind: 'none', sentence: 'Nothing to explain: the prompt does not fail.' };
  if (!control?.scores || control.scores.failed)
    return { ...blank, others: [], kind: 'unexplained', sentence: 'The failure is not explained: the control fails too.' };
  const drop = control.scores.margin - scores!.margin;
  const by = [
    { name: 'head 2.1 as in the control', agrees: true, says: 'gives back 74 % of the drop' },
    { name: 'the caused interval', agrees: false, says: 'rows 4 to 6' },
  ];
  return {
    ...common,
    kind: 'qk-collapse',
    layer: 2,
    head: 1,
    others: [{ kind: 'ov-misfire', layer: 3, head: 0, effect: round(0.2 * drop) }],
    sentence: `Head 2.1 stops looking at "fact": giving it the control's attention to the span gives back ${round(0.8 * drop)} nats of the ${round(drop)} nats lost (80 %).`,
    evidence: 'caused',
    effect: round(0.8 * drop),
    share: 0.8,
    opinion: { agree: 1, of: 2, by },
  };
}
