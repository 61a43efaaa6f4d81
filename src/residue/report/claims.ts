import type { Claim, Residue } from '../types.js';
import { plain, printable, table, type Look, type Paint } from './text.js';

/** `p = 0.030, 8 of 8 agree`: what stands behind a claim; empty where nothing does. */
export function standing({ null: band, opinion, holds, stable }: Pick<Claim, 'null' | 'opinion' | 'holds' | 'stable'>): string {
  return [
    ...(band
      ? [`p = ${band.p.toFixed(3)}${holds === false ? ', no more than its null' : holds === null ? ', too few nulls to tell' : ''}`]
      : []),
    ...(opinion && opinion.of > 0 ? [`${opinion.agree} of ${opinion.of} agree${stable === false ? ', unstable' : ''}`] : []),
  ].join('; ');
}

/** Every claim with its null and its second opinion; one that does not hold, or is not stable, is faint and says why. */
export function claimLines({ claims = [] }: Residue, look: Look, paint: Paint): string[] {
  if (claims.length === 0) return [];
  const failing = claims.map(({ holds, stable }) => holds === false || stable === false);
  const faint = (cell: string, row: number): string => (failing[row] ? paint.faint(cell) : cell);
  return table(
    [
      { label: 'claim', paint: faint },
      { label: 'evidence', paint: faint },
      { label: 'null: median, 95 %', align: 'right', paint: faint },
      { label: 'p', align: 'right', paint: faint },
      { label: 'agree', align: 'right', paint: faint },
      { label: '', paint: faint },
    ],
    claims.map((one) => [
      printable(one.sentence),
      one.evidence === 'caused' ? 'tested' : 'read off',
      one.null ? `${plain(round(one.null.median))}, ${plain(round(one.null.p95))}` : '',
      one.null ? one.null.p.toFixed(3) : '',
      one.opinion ? `${one.opinion.agree}/${one.opinion.of}` : '',
      [one.holds === false ? 'within its null' : '', one.stable === false ? 'unstable' : ''].filter(Boolean).join(', '),
    ]),
    look,
  );
}

const round = (x: number): number => Number(x.toPrecision(2));
