import { readMarks } from '../shell/marks.js';
import type { Piece } from '../shell/marks.js';
import { fillText } from '../shell/template.js';
import type { ScalarPlaces } from './scalar-text.js';

/** A filled text, and for each of its UTF-16 units the unit of the text as written that it comes from; -1 where a value brought it. */
export interface Filled {
  text: string;
  origin: Int32Array;
}

/** `fillText` that keeps where each character comes from. Throws InputError as it does. */
export function fillWithOrigins(written: string, values: Readonly<Record<string, string>>): Filled {
  const { text } = fillText(written, values);
  const origin = new Int32Array(text.length).fill(-1);
  let at = 0;
  let from = 0;
  const put = (piece: Piece): void => {
    if (piece.kind === 'placeholder') {
      at += fillText(values[piece.name] ?? '', values).text.length;
      from = piece.offset + piece.length;
    } else if (piece.kind === 'span') {
      from = written.indexOf('|', piece.offset) + 1;
      piece.pieces.forEach(put);
      from += 2;
    } else {
      for (const unit of piece.text.split('')) {
        // Only the backslash in front of a mark is dropped from a text.
        while (from < written.length && written[from] !== unit) from += 1;
        origin[at++] = from++;
      }
    }
  };
  readMarks(written).pieces.forEach(put);
  return { text, origin };
}

/**
 * Where in the file a token begins: at its first character, or behind the last one before it where it begins with white space, which YAML may
 * fold away. Null where a value of `vary` or `let` brought that character.
 */
export function placeInFile(written: string, places: ScalarPlaces, origin: number): number | null {
  if (origin < 0) return null;
  const here = places.start[origin] ?? -1;
  if (here >= 0) return here;
  let before = origin;
  while (before >= 0 && /\s/.test(written[before]!)) before--;
  return before < 0 ? null : places.end[before]!;
}
