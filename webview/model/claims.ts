import { doubts, standing as words } from '../../src/residue/standing.js';
import type { Claim, Residue } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { number } from './format.js';
import type { Mark } from './view.js';

/** What stands behind a claim; empty where nothing does, or there is no such claim. */
export const standing = (claim: Claim | undefined): string => (claim ? words(claim) : '');

export interface ClaimRow {
  claim: Claim;
  /** Does not clear its null, or its second opinion is not of one mind: greyed. */
  doubtful: boolean;
  /** Places of null and value on a common scale from 0 to 1; null without a null. */
  bar: { median: number; p95: number; value: number } | null;
  /** Each repetition in words, for the tooltip. */
  tip: string[];
  /** The head that the claim is of; null for one of no head. */
  mark: Pick<Mark, 'head' | 'row'> | null;
}

/** `head.3.1.contribution` is of head 3.1. */
function markOf(name: string): ClaimRow['mark'] {
  const [, layer, head] = /^head\.(\d+)\.(\d+)\b/.exec(name) ?? [];
  return layer === undefined ? null : { head: [Number(layer), Number(head)], row: Number(layer) + 1 };
}

/** Claims as rows, and as a table; null where the residue has none. */
export function claimsModel({ claims }: Residue): { rows: ClaimRow[]; table: Table } | null {
  if (!claims || claims.length === 0) return null;
  const rows = claims.map((claim): ClaimRow => {
    const { null: band, opinion } = claim;
    const value = band?.sided === 'size' ? Math.abs(claim.value) : claim.value;
    const top = band ? Math.max(band.p95, value, band.median, 1e-12) : 1;
    const at = (x: number): number => Math.min(1, Math.max(0, x / top));
    return {
      claim,
      doubtful: doubts(claim).length > 0,
      bar: band && { median: at(band.median), p95: at(band.p95), value: at(value) },
      mark: markOf(claim.name),
      tip: [
        ...(band
          ? [`null: ${band.of}; median ${number(band.median)}, 95 % below ${number(band.p95)} ${claim.unit}`]
          : ['null: not checked']),
        ...(opinion?.by.map(({ name, agrees, says }) => `${agrees ? 'agrees' : 'does not agree'}: ${name}, ${says}`) ?? []),
      ],
    };
  });
  const columns = [
    'claim',
    'evidence',
    'value',
    'unit',
    'null',
    'n',
    'median',
    '95 %',
    'p',
    'q',
    'agree',
    'of',
    'clears its null',
    'stable',
  ];
  return {
    rows,
    table: {
      columns,
      rows: claims.map((c) => [
        ...[c.sentence, c.evidence === 'caused' ? 'tested by intervention' : 'read off', c.value, c.unit],
        ...[c.null?.of ?? null, c.null?.n ?? null, c.null?.median ?? null, c.null?.p95 ?? null, c.null?.p ?? null, c.null?.q ?? null],
        ...[c.opinion?.agree ?? null, c.opinion?.of ?? null, c.holds, c.stable],
      ]),
    },
  };
}
