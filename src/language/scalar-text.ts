import type { Scalar } from 'yaml';

/** Where each UTF-16 unit of a scalar's value stands in the file; both -1 for white space, which YAML folds and indents. */
export interface ScalarPlaces {
  start: Int32Array;
  /** Exclusive. */
  end: Int32Array;
}

const SPACE = /\s/;

/** What YAML's escapes of one letter stand for, in double quotes. */
const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  N: '\u0085',
  _: '\u00a0',
  L: '\u2028',
  P: '\u2029',
};
const CODE_LENGTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * Aligns a scalar's value with its source, in every style: block (literal and folded), single- and double-quoted, plain. In all of them the
 * characters that are not white space stand in the file in the value's own order, so these are walked side by side. Null where they
 * part, which no well-formed scalar does; a caller then leaves the scalar alone.
 */
export function scalarPlaces(file: string, node: Scalar): ScalarPlaces | null {
  const { value, range } = node;
  if (typeof value !== 'string' || !range) return null;
  const start = new Int32Array(value.length).fill(-1);
  const end = new Int32Array(value.length).fill(-1);
  const source = units(file, node, range[0], range[1]);
  for (let i = 0; i < value.length; i++) {
    if (SPACE.test(value[i]!)) continue;
    const { value: unit, done } = source.next();
    if (done || unit.text !== value[i]) return null;
    start[i] = unit.start;
    end[i] = unit.end;
  }
  return { start, end };
}

interface Unit {
  text: string;
  start: number;
  end: number;
}

/** The UTF-16 units that a scalar's source stands for, without white space. */
function* units(file: string, node: Scalar, from: number, to: number): Generator<Unit, undefined> {
  const style = node.type;
  let at = from;
  if (style === 'BLOCK_LITERAL' || style === 'BLOCK_FOLDED') at = Math.max(from, file.indexOf('\n', from));
  else if (style === 'QUOTE_DOUBLE' || style === 'QUOTE_SINGLE') [at, to] = [from + 1, to - 1];
  while (at < to) {
    const here = file[at]!;
    let length = 1;
    let text = here;
    if (style === 'QUOTE_SINGLE' && here === "'") length = 2;
    if (style === 'QUOTE_DOUBLE' && here === '\\') [text, length] = escape(file, at);
    for (const unit of text.split('')) if (!SPACE.test(unit)) yield { text: unit, start: at, end: at + length };
    at += length;
  }
  return undefined;
}

/** The text and source length of the escape at a backslash. */
function escape(file: string, at: number): [text: string, length: number] {
  const letter = file[at + 1] ?? '';
  const digits = Object.hasOwn(CODE_LENGTHS, letter) ? CODE_LENGTHS[letter]! : 0;
  if (digits > 0) {
    const code = Number.parseInt(file.slice(at + 2, at + 2 + digits), 16);
    return [Number.isInteger(code) && code <= 0x10ffff ? String.fromCodePoint(code) : '', 2 + digits];
  }
  // A line's end after a backslash joins the lines.
  return [Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter]! : letter, 2];
}
