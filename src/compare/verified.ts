import { byRow } from '../methods/depth.js';
import type { ClaimStanding, ComparedClaim } from '../residue/types-comparison.js';
import type { Claim } from '../residue/types-claims.js';
import type { RunTrace } from '../residue/types.js';
import type { CurveSpec, Measure } from './measures.js';
import { weightsOf, type Side } from './sides.js';

/** Why what was verified is compared without a permutation test. */
const ONCE = 'only the headline of a residue is verified, so there is one value on a side';

const depthOf = (row: number | null | undefined, side: Side): number | null =>
  row == null ? null : row / side.residue.provenance.model.layers;

/** What causal verification has measured; only the headline's run has it. */
export const VERIFIED: readonly Measure[] = [
  {
    name: 'cause.from.depth',
    label: 'caused interval from, relative depth',
    unit: 'depth',
    evidence: 'caused',
    known: 'runs',
    untested: ONCE,
    of: ({ verification }, side) => depthOf(verification?.interval?.from, side),
  },
  {
    name: 'cause.to.depth',
    label: 'caused interval to, relative depth',
    unit: 'depth',
    evidence: 'caused',
    known: 'runs',
    untested: ONCE,
    of: ({ verification }, side) => depthOf(verification?.interval?.to, side),
  },
  {
    name: 'cause.knockout',
    label: 'the source cut off from the answer position',
    unit: 'nats',
    evidence: 'caused',
    known: 'runs',
    untested: ONCE,
    of: ({ verification }) => verification?.knockout?.effect ?? null,
    nullOf: ({ verification }) => verification?.knockout?.null ?? null,
  },
  {
    name: 'cause.repair',
    label: 'share of the ablated contributions that others made up',
    unit: 'share',
    evidence: 'caused',
    known: 'runs',
    untested: ONCE,
    // What was predicted to be lost and was not, over all that was taken out.
    of: ({ verification }) => {
      const effects = verification?.effects ?? [];
      const predicted = effects.reduce((sum, one) => sum + Math.abs(one.predicted), 0);
      return predicted > 0
        ? effects.reduce((sum, one) => sum + Math.sign(one.predicted) * (one.predicted - one.zero), 0) / predicted
        : null;
    },
  },
];

/** Recovery by relative depth. */
export const VERIFIED_CURVES: readonly CurveSpec[] = [
  {
    name: 'recovery.answer',
    label: 'recovery, patched at the answer position',
    unit: 'share',
    evidence: 'caused',
    of: ({ verification }) => (verification?.curves ? byRow(verification.curves.answer) : null),
  },
  {
    name: 'recovery.source',
    label: 'recovery, patched at the source',
    unit: 'share',
    evidence: 'caused',
    of: ({ verification }) => (verification?.curves?.source ? byRow(verification.curves.source) : null),
  },
];

/** Heads and layers of different models share numbers, not what they do. */
const named = (name: string): boolean => /^(head|cause\.(head|mlp|attention))\b/.test(name);

/**
 * What either residue claims of its headline, side by side, each with its own null and second opinion; claims of single heads and layers only
 * where both were made with the same weights. Empty where another run than the headlines, or a control, is compared.
 */
export function compareClaims(a: Side, b: Side): ComparedClaim[] {
  const weights = weightsOf(a);
  const same = weights !== null && weights === weightsOf(b);
  const of = (side: Side): Map<string, Claim> => {
    const { residue, run, prompt } = side;
    const own = prompt !== 'control' && run === residue.runs[residue.primary] ? (residue.claims ?? []) : [];
    return new Map(own.filter(({ name }) => same || !named(name)).map((claim) => [claim.name, claim]));
  };
  const [p, q] = [of(a), of(b)];
  return [...new Set([...p.keys(), ...q.keys()])].sort().map((name) => ({ name, a: stand(p.get(name)), b: stand(q.get(name)) }));
}

function stand(claim: Claim | undefined): ClaimStanding | null {
  if (!claim) return null;
  const { sentence, evidence, value, unit, null: band, opinion, holds, stable } = claim;
  const agreement = opinion && { agree: opinion.agree, of: opinion.of };
  return { sentence, evidence, value, unit, null: band, agreement, holds, stable };
}

/** The null of a span's measure in one run. */
export const spanNull = (span: (run: RunTrace) => string | null, key: 'attention' | 'contribution') => (run: RunTrace) => {
  const name = span(run);
  return (name === null ? undefined : run.nulls?.spans[name]?.[key]) ?? null;
};
