import { nats, percent, printable, quote } from '../residue/report/text.js';
import { doubts } from '../residue/standing.js';
import type { ClaimStanding, ComparedClaim, ComparedSide, Comparison } from '../residue/types-comparison.js';

/** A difference is called at this false discovery rate. */
export const LEVEL = 0.05;

/** What a comparison comes to, in sentences; what does not clear its null is said so. */
export function findingsOf({ a, b, differences, heads, doses, tests, claims = [] }: Comparison): string[] {
  const findings = [
    outcome(
      a,
      b,
      claims.find(({ name }) => name === 'collapse'),
    ),
  ];
  const margin = differences.find(({ name }) => name === 'margin');
  if (margin?.difference != null) {
    const size = `The margin is ${nats(a.margin)} in ${printable(a.label)} and ${nats(b.margin)} in ${printable(b.label)}: ${nats(margin.difference)} nats`;
    const spread = margin.wording
      ? `, ${margin.wording.beyond ? 'more than' : 'no more than'} rewording alone does (${nats(margin.wording.p95).replace('+', '')} in 95 % of pairs of wordings)`
      : '';
    findings.push(`${size}${spread}.`);
  }
  const clear = differences.filter(({ test, difference }) => difference !== null && test !== null && test.q <= LEVEL);
  if (tests === 0) findings.push('No difference could be tested: there is one run and one wording on a side.');
  else if (clear.length === 0)
    findings.push(`None of ${tests} tests clears a false discovery rate of ${percent(LEVEL)}: the differences may be chance.`);
  else
    findings.push(
      `Beyond chance at a false discovery rate of ${percent(LEVEL)}: ${clear.map(({ label, test }) => `${printable(label)} (${test!.mean > 0 ? 'more' : 'less'} in ${printable(b.label)}, q = ${round(test!.q)})`).join('; ')}.`,
    );
  const causes = claims.filter(({ name, a: p, b: q }) => /^(cause|diagnosis$)/.test(name) && (confirmed(p) || confirmed(q)));
  const one = (side: 'a' | 'b', label: string): string => {
    const own = causes.flatMap((claim) =>
      confirmed(claim[side]) && !confirmed(claim[side === 'a' ? 'b' : 'a']) ? claim[side]!.sentence : [],
    );
    return own.length === 0 ? '' : `only in ${printable(label)}: ${own.map(printable).join('; ')}`;
  };
  const alone = [one('a', a.label), one('b', b.label)].filter(Boolean);
  if (alone.length > 0) findings.push(`Confirmed by intervention, clear of its null and of one mind ${alone.join('. And ')}.`);
  const turned = doses.filter((dose) => dose.a.failed !== dose.b.failed).length;
  if (doses.length > 0) findings.push(`The two differ in whether they fail at ${turned} of ${doses.length} values of vary.`);
  if (heads?.by === 'role')
    findings.push(
      `${heads.pairs.length} heads of ${printable(a.label)} have a counterpart by role in ${printable(b.label)}; ${heads.unmatched.a.length} have none.`,
    );
  return findings;
}

/** A tested claim that fails neither its null nor its second opinion. */
const confirmed = (claim: ClaimStanding | null): boolean => claim?.evidence === 'caused' && claim.holds !== false && claim.stable !== false;

function outcome(a: ComparedSide, b: ComparedSide, told: ComparedClaim | undefined): string {
  const of = (side: ComparedSide, claim: ClaimStanding | null | undefined): string => {
    const name = printable(side.label);
    if (!side.failed) return `${name} does not fail`;
    const { kind, layer, depth } = side.collapse;
    const where = layer === null || depth === null ? '' : ` at layer ${layer} of ${side.model.layers} (${percent(depth)} of its depth)`;
    const how = ['read off', ...(claim ? doubts(claim) : [])].join(', ');
    const says = side.says === null ? '' : `, saying ${quote(side.says)}`;
    return `${name} fails${says}${kind === 'lost' ? `, lost${where} (${how})` : kind === 'never-formed' ? `, never formed${where} (${how})` : ''}`;
  };
  return `${of(a, told?.a)}; ${of(b, told?.b)}.`;
}

export const round = (value: number): string => (value < 0.001 ? '<0.001' : String(Number(value.toPrecision(2))));
