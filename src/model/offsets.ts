import { concatBytes, decodeBytes, encodeText } from './pieces.js';

/** A character (code point) of a string with where it lies: UTF-16 units [start, end). */
interface Character {
  text: string;
  start: number;
  end: number;
}

const LOOK_AHEAD = 16;

/**
 * Where each token lies in the text, as half-open UTF-16 ranges.
 *
 * `surfaces` are the bytes of each token (null: unknown, such as an `<unk>`). Where the tokens' bytes are the text's, the
 * ranges are exact; a token that holds only some bytes of a character covers that whole character. Where the tokenizer changed
 * the text first (NFC and the like, a space put in front, spaces eaten by an added token), tokens are aligned with the text:
 * exactly for Unicode normal forms (character with its marks by character with its marks), greedily for anything else.
 */
export function locateTokens(text: string, surfaces: readonly (Uint8Array | null)[]): [number, number][] {
  const known = surfaces.map((surface) => surface ?? new Uint8Array(0));
  const all = concatBytes(known);
  const bytes = encodeText(text);
  const ranges = sameBytes(all, bytes) ? byteRanges(text, bytes.length) : alignedRanges(text, decodeBytes(all), all.length);
  const out: [number, number][] = [];
  let at = 0;
  for (let i = 0; i < surfaces.length; i++) {
    const end = at + known[i]!.length;
    let low = Infinity;
    let high = -Infinity;
    for (let b = at; b < end; b++) {
      const start = ranges.start[b]!;
      const stop = ranges.end[b]!;
      if (stop <= start) continue;
      if (start < low) low = start;
      if (stop > high) high = stop;
    }
    if (low === Infinity) {
      const here = at < all.length ? ranges.start[at]! : text.length;
      out.push([here, here]);
    } else {
      out.push([low, high]);
    }
    at = end;
  }
  fillUnknown(surfaces, out, text.length);
  return out;
}

/** A token of unknown surface lies between its neighbours. */
function fillUnknown(surfaces: readonly (Uint8Array | null)[], ranges: [number, number][], length: number): void {
  for (let i = 0; i < surfaces.length; i++) {
    if (surfaces[i] !== null) continue;
    const start = i > 0 ? ranges[i - 1]![1] : 0;
    let next = i + 1;
    while (next < surfaces.length && surfaces[next] === null) next++;
    const end = next < surfaces.length ? ranges[next]![0] : length;
    ranges[i] = [start, Math.max(start, end)];
  }
}

interface ByteRanges {
  /** For each byte of the tokens' text, the UTF-16 range of the text's character that it belongs to. */
  start: Uint32Array;
  end: Uint32Array;
}

function byteRanges(text: string, length: number): ByteRanges {
  const ranges = { start: new Uint32Array(length), end: new Uint32Array(length) };
  let byte = 0;
  for (const { text: character, start, end } of characters(text)) {
    for (const stop = byte + utf8Length(character); byte < stop; byte++) {
      ranges.start[byte] = start;
      ranges.end[byte] = end;
    }
  }
  return ranges;
}

function alignedRanges(text: string, surface: string, length: number): ByteRanges {
  const from = characters(surface);
  const to = characters(text);
  const map = byClusters(from, to, text) ?? greedy(from, to, text.length);
  const ranges = { start: new Uint32Array(length), end: new Uint32Array(length) };
  let byte = 0;
  for (let i = 0; i < from.length; i++) {
    // U+FFFD may stand for one to three broken bytes; being off by a byte there moves nothing but the range of a broken character.
    for (const stop = Math.min(length, byte + utf8Length(from[i]!.text)); byte < stop; byte++) {
      ranges.start[byte] = map[i]![0];
      ranges.end[byte] = map[i]![1];
    }
  }
  for (; byte < length; byte++) ranges.start[byte] = ranges.end[byte] = text.length;
  return ranges;
}

/** What normalisers make of a cluster, the likeliest first. */
const FORMS: readonly ((cluster: string) => string)[] = (['', 'NFC', 'NFKC', 'NFD', 'NFKD'] as const).flatMap((form) => {
  const normalize = (cluster: string): string => (form === '' ? cluster : cluster.normalize(form));
  return [normalize, (cluster: string): string => normalize(cluster).toLowerCase()];
});

/**
 * Exact alignment when the surface is a normal form of the text, perhaps in lower case, perhaps with one space in front: one form for all
 * of it, or else (a table of SentencePiece's changes some clusters only) for each cluster the first that fits.
 */
function byClusters(from: readonly Character[], to: readonly Character[], text: string): [number, number][] | null {
  const clusters = clustersOf(to);
  for (const skip of from[0]?.text === ' ' ? [0, 1] : [0]) {
    for (const forms of [...FORMS.map((form) => [form]), FORMS]) {
      const map: [number, number][] = skip === 1 ? [[0, 0]] : [];
      let at = skip;
      const fits = clusters.every(([start, end]) => {
        const cluster = text.slice(start, end);
        const normal = forms.map((form) => form(cluster)).find((text) => begins(from, at, text));
        if (normal === undefined) return false;
        let here = start;
        for (const character of normal) {
          // Within a cluster that stays as it is every character has its own place.
          map.push(normal === cluster ? [here, here + character.length] : [start, end]);
          here += character.length;
          at++;
        }
        return true;
      });
      if (fits && at === from.length) return map;
    }
  }
  return null;
}

function begins(from: readonly Character[], at: number, text: string): boolean {
  for (const character of text) if (!same(from[at++]?.text, character)) return false;
  return true;
}

/** Ranges of each base character with the marks and the Hangul vowels and finals that may join it. */
function clustersOf(text: readonly Character[]): [number, number][] {
  const clusters: [number, number][] = [];
  for (const { text: character, start, end } of text) {
    const last = clusters.at(-1);
    if (last && /[\p{M}\u1160-\u11FF\uD7B0-\uD7FB]/u.test(character)) last[1] = end;
    else clusters.push([start, end]);
  }
  return clusters;
}

/** Walks both strings; at a difference, the nearest pair of equal characters within reach is taken as the way on. */
function greedy(from: readonly Character[], to: readonly Character[], length: number): [number, number][] {
  const map: [number, number][] = [];
  const startOf = (j: number): number => (j < to.length ? to[j]!.start : length);
  let i = 0;
  let j = 0;
  while (i < from.length) {
    if (j < to.length && alike(from[i]!.text, to[j]!.text)) {
      map.push([to[j]!.start, to[j]!.end]);
      i++;
      j++;
      continue;
    }
    const [more, less] = resume(from, to, i, j);
    for (let k = 0; k < more; k++) map.push([startOf(j), startOf(j + less)]);
    i += more;
    j += less;
  }
  return map;
}

/** How many characters of each to pass over until both agree again. */
function resume(from: readonly Character[], to: readonly Character[], i: number, j: number): [number, number] {
  for (let reach = 1; reach <= LOOK_AHEAD; reach++) {
    for (let less = 0; less <= reach; less++) {
      const a = from[i + reach - less];
      const b = to[j + less];
      if (a === undefined && b === undefined) return [from.length - i, to.length - j];
      if (a !== undefined && b !== undefined && alike(a.text, b.text)) return [reach - less, less];
    }
  }
  return [1, j < to.length ? 1 : 0];
}

/** SentencePiece writes a space as `▁` and cannot tell one from the other. */
function same(surface: string | undefined, character: string): boolean {
  return surface === character || (surface === ' ' && character === '▁');
}

function alike(a: string, b: string): boolean {
  if (same(a, b)) return true;
  if (a.toLowerCase() === b.toLowerCase()) return true;
  return /^\s$/u.test(a) && /^\s$/u.test(b);
}

function characters(text: string): Character[] {
  const list: Character[] = [];
  let at = 0;
  for (const character of text) {
    list.push({ text: character, start: at, end: at + character.length });
    at += character.length;
  }
  return list;
}

function utf8Length(character: string): number {
  const code = character.codePointAt(0)!;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
