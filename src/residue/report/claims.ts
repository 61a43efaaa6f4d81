import { doubtOf, doubts } from '../standing.js';
import type { Residue } from '../types.js';
import { plain, printable, table, type Look, type Paint } from './text.js';

/** Every claim with its null and its second opinion; one that does not hold, or is not stable, is faint and says why. */
export function claimLines({ claims = [] }: Residue, look: Look, paint: Paint): string[] {
  if (claims.length === 0) return [];
  const failing = claims.map((one) => doubts(one).length > 0);
  const faint = (cell: string, row: number): string => (failing[row] ? paint.faint(cell) : cell);
  return table(
    [
      { label: 'claim', paint: faint },
      { label: 'evidence', paint: faint },
      { label: 'null: median, 95 %', align: 'right', paint: faint },
      { label: 'p or q', align: 'right', paint: faint },
      { label: 'agree', align: 'right', paint: faint },
      { label: '', paint: faint },
    ],
    claims.map((one) => [
      printable(one.sentence),
      one.evidence === 'caused' ? 'tested' : 'read off',
      one.null ? `${plain(round(one.null.median))}, ${plain(round(one.null.p95))}` : '',
      one.null ? `${one.null.q === undefined ? '' : 'q '}${(one.null.q ?? one.null.p).toFixed(3)}` : '',
      one.opinion ? `${one.opinion.agree}/${one.opinion.of}` : '',
      doubtOf(one),
    ]),
    look,
  );
}

const round = (x: number): number => Number(x.toPrecision(2));
