import type { ComparedDose, Comparison } from '../../src/residue/types-comparison.js';
import { doseLabel, testWords } from './compare.js';
import { placeDoses, type Doses } from './doses.js';
import { nats, visible } from './format.js';

/** Dose and response of both sides of a comparison, over the doses that both have. */
export interface ComparedDoses extends Doses {
  a: Response;
  b: Response;
  /** How far rewording alone moves a margin, nats: 95 % of pairs of wordings are no further apart. Null where no wordings tell. */
  wording: number | null;
  tips: string[][];
  aria: string;
}

export interface Response {
  label: string;
  margin: number[];
  failed: boolean[];
  /** The margin and what rewording alone would make of it; null where no wordings tell. */
  intervals: ([number, number] | null)[];
}

/** Null where there is no dose that both have. */
export function comparedDoses(comparison: Comparison): ComparedDoses | null {
  const { a, b, differences } = comparison;
  if (comparison.doses.length === 0) return null;
  const doses = placeDoses(comparison.doses).numeric ? [...comparison.doses].sort((p, q) => p.x! - q.x!) : comparison.doses;
  const { names, ...placed } = placeDoses(doses);
  const wording = differences.find(({ name }) => name === 'margin')?.wording?.p95 ?? null;
  const of = (side: 'a' | 'b'): Response => ({
    label: comparison[side].label,
    margin: doses.map((d) => d[side].margin),
    failed: doses.map((d) => d[side].failed),
    intervals: doses.map((d) => (wording === null ? null : [d[side].margin - wording, d[side].margin + wording])),
  });
  const labels = doses.map(doseLabel);
  const says = ({ margin, failed }: ComparedDose['a']): string => `${nats(margin)}, ${failed ? 'fails' : 'does not fail'}`;
  const failing = (side: 'a' | 'b'): number => doses.filter((d) => d[side].failed).length;
  return {
    ...placed,
    labels,
    a: of('a'),
    b: of('b'),
    wording,
    tips: doses.map((d, i) => [
      labels[i]!,
      `A, ${visible(a.label, 40)}: ${says(d.a)}`,
      `B, ${visible(b.label, 40)}: ${says(d.b)}`,
      `B − A: ${nats(d.difference)}; ${testWords(d.test)}`,
      ...(wording === null ? [] : [`rewording alone: up to ${nats(wording)}`]),
    ]),
    aria: `Margins of ${visible(a.label, 40)} and ${visible(b.label, 40)} at ${doses.length} values of ${names.join(', ') || 'vary'}; the first fails at ${failing('a')} of them, the second at ${failing('b')}. Read off.`,
  };
}
