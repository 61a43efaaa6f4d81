/** Numbers and texts as the panel shows them. Pure. */

const MINUS = '−';

/** A number with about three significant digits and a true minus sign; `–` for what is missing. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size === 0) return '0';
  let text: string;
  if (size >= 1e6 || size < 1e-3) text = value.toExponential(Math.max(0, digits - 2)).replace(/\.?0*e\+?(-?)/, 'e$1');
  else if (size >= 1000) text = value.toFixed(0);
  else text = String(Number(value.toPrecision(digits)));
  return text.replace(/-/g, MINUS);
}

/** A signed number in nats: `+2.1 nats`, `−0.4 nats`. */
export function nats(value: number | null | undefined): string {
  const text = number(value);
  return text === '–' ? text : `${value! > 0 ? '+' : ''}${text} nats`;
}

/** A number of a column whose decimal points stand under each other: three of them, signed; `–` for what is missing. */
export function fixed(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return number(value);
  const text = Math.abs(value).toFixed(3);
  if (Number(text) === 0) return text;
  return `${value < 0 ? MINUS : '+'}${text}`;
}

/** A probability in [0, 1]: percent down to 0.1 %, below that a power of ten. */
export function probability(p: number | null | undefined): string {
  if (p === null || p === undefined || Number.isNaN(p)) return '–';
  if (p === 0) return '0';
  if (p < 0.001) return number(p, 3);
  const percent = p * 100;
  return `${percent >= 99.95 && p < 1 ? '99.9' : String(Number(percent.toPrecision(percent >= 10 ? 3 : 2)))} %`;
}

/** exp of a log-probability, for `probability`. */
export const fromLog = (logprob: number | null | undefined): number | null =>
  logprob === null || logprob === undefined || Number.isNaN(logprob) ? null : Math.exp(logprob);

/** A share as percent, or `–`. */
export const share = probability;

/** A whole number in groups of three: `1,024`. The browser's own way takes as long, when it is first asked, as drawing the first screen. */
const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 token`, `240 tokens`. */
export const count = (n: number, noun: string): string => `${grouped(n)} ${noun}${n === 1 ? '' : 's'}`;

/** Bytes in the unit a person would use. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  let value = n;
  while (value >= 1000 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return `${i === 0 ? value : Number(value.toPrecision(3))} ${units[i]}`;
}

/** A piece of a token: text as it is, or a sign standing for something invisible. */
export interface Piece {
  text: string;
  sign: boolean;
}

const NAMED: Record<string, string> = { '\n': '⏎', '\r': '␍', '\t': '⇥', '\u00a0': '⍽' };
// Letters that draw nothing, apart from what Unicode calls control, format, separator and unassigned.
const BLANK = new Set([0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0, 0xfffc]);
// Format (Cf) takes in the joiners and the bidirectional overrides, which could reorder what stands around them.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}\p{Cs}]|(?! )\p{Zs}/u;
const invisible = (c: string): boolean => INVISIBLE.test(c) || BLANK.has(c.codePointAt(0) ?? 0);

/**
 * Splits a token into text and signs: every leading or inner run of spaces as thin dots, line ends, tabs and invisible
 * characters by name. At most `limit` characters, then how many there are.
 */
export function pieces(text: string, limit = 60): Piece[] {
  const characters = [...text];
  const shown = characters.slice(0, limit);
  const out: Piece[] = [];
  const push = (part: string, sign: boolean): void => {
    const last = out[out.length - 1];
    if (last && last.sign === sign) last.text += part;
    else out.push({ text: part, sign });
  };
  shown.forEach((c, i) => {
    // A single space between two words of one token reads better as it is.
    const inner = c === ' ' && i > 0 && i < characters.length - 1 && shown[i - 1] !== ' ' && characters[i + 1] !== ' ';
    if (c === ' ' && !inner) push('·', true);
    else if (NAMED[c]) push(NAMED[c], true);
    else if (invisible(c)) push(`⟨${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`, true);
    else push(c, false);
  });
  if (characters.length > limit) push(`… (${grouped(characters.length)} characters)`, true);
  if (out.length === 0) push('∅', true);
  return out;
}

/** A token as one string, for canvas labels, tooltips and tables. */
export const visible = (text: string, limit = 24): string =>
  pieces(text, limit)
    .map((p) => p.text)
    .join('');
