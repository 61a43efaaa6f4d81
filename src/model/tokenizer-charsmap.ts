import { decodeBytes, encodeText } from './pieces.js';

/** Longest piece of text that is looked up whole, in bytes (SentencePiece's and the Rust library's own limit is below six). */
const WHOLE = 6;

/**
 * SentencePiece's `precompiled_charsmap`, in base64: the length of a table (u32), the table, and texts that end in a zero byte. The table
 * is a darts-clone double array from UTF-8 to the offset of what replaces it. Undefined where it is none.
 */
export function parseCharsmap(value: unknown): { table: Uint32Array; texts: Uint8Array } | null | undefined {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length < 4) return undefined;
  const size = bytes.readUInt32LE(0);
  if (size === 0 || size % 4 !== 0 || size > bytes.length - 4) return undefined;
  const table = new Uint32Array(size / 4);
  for (let i = 0; i < table.length; i++) table[i] = bytes.readUInt32LE(4 + 4 * i);
  return { table, texts: bytes.subarray(4 + size) };
}

/** Normalises by such a table, cluster by cluster of characters, as the Rust library does. A text stays as it is without a table. */
export function charsmap(value: unknown): (text: string) => string {
  const parsed = parseCharsmap(value);
  if (!parsed) return (text) => text;
  const { table, texts } = parsed;
  const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const known = new Map<string, string>();

  /** The replacement of the shortest beginning of `bytes` that has one, for all of them; null for none. */
  function replacement(bytes: Uint8Array): string | null {
    let at = offset(table[0] ?? 0);
    for (const byte of bytes) {
      at ^= byte;
      const unit = table[at] ?? 0;
      if (byte === 0 || (unit & 0x800000ff) >>> 0 !== byte) return null;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const start = (table[at] ?? 0) & 0x7fffffff;
        const end = texts.indexOf(0, start);
        return decodeBytes(texts.subarray(start, end === -1 ? texts.length : end));
      }
    }
    return null;
  }

  function normal(cluster: string): string {
    const bytes = encodeText(cluster);
    const whole = bytes.length < WHOLE ? replacement(bytes) : null;
    return whole ?? Array.from(cluster, (character) => replacement(encodeText(character)) ?? character).join('');
  }

  return (text) => {
    let result = '';
    for (const { segment } of clusters.segment(text)) {
      let to = known.get(segment);
      if (to === undefined) {
        to = normal(segment);
        if (known.size < 65_536) known.set(segment, to);
      }
      result += to;
    }
    return result;
  };
}

/** Where the children of a unit lie, as a difference to be taken with ^. */
function offset(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}
