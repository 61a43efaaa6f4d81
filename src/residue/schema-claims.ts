import { boolean, choice, count, list, nullable, number, object, range, record, ref, share, string, type Schema } from './schema-words.js';

const shares = list(list(share));

/** Sections of types-claims.ts. */
export const claimSections: Record<string, Schema> = {
  NullBand: object(
    {
      of: string,
      n: count,
      median: number,
      p95: number,
      sided: choice('high', 'size'),
      p: { ...share, description: '(1 + #null ≥ observed) / (1 + n)' },
      q: { ...share, description: 'Benjamini-Hochberg over all that was tested with it.' },
      over: string,
    },
    ['q', 'over'],
  ),
  Opinion: object({ agree: count, of: count, by: list(object({ name: string, agrees: boolean, says: string })) }),
  Claim: object({
    name: string,
    sentence: string,
    evidence: choice('observed', 'caused'),
    value: number,
    unit: string,
    null: nullable(ref('NullBand')),
    opinion: nullable(ref('Opinion')),
    holds: nullable(boolean),
    stable: nullable(boolean),
  }),
  PatternFound: object(
    { name: string, present: boolean, score: share, evidence: string, null: nullable(ref('NullBand')), opinion: nullable(ref('Opinion')) },
    ['null', 'opinion'],
  ),
  HeadNulls: object({
    of: string,
    n: count,
    p: { ...shares, description: '[layer][head]' },
    q: { ...shares, description: '[layer][head], Benjamini-Hochberg over all heads.' },
  }),
  SpanNulls: object({
    drawn: list(range),
    attention: ref('NullBand'),
    flow: ref('NullBand'),
    contribution: ref('NullBand'),
    headAttention: ref('HeadNulls'),
    headContribution: ref('HeadNulls'),
  }),
  NullSection: object({ spans: record(ref('SpanNulls')), contribution: nullable(ref('HeadNulls')) }),
};
