/**
 * A token's surface: the bytes it stands for in the text. Three spellings exist in vocabularies: GPT-2's byte-level
 * alphabet (every byte a printable character), SentencePiece's `▁` for a space with `<0xE2>` for single bytes, and plain text.
 */
export type PieceStyle = 'byte-level' | 'metaspace' | 'plain';

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

/** GPT-2's `bytes_to_unicode`, from character to byte. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let extra = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    map.set(String.fromCharCode(printable ? byte : extra++), byte);
  }
  return map;
})();

/** The byte of a SentencePiece byte token such as `<0x0A>`, or null. */
export function byteOfToken(piece: string): number | null {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
  return match ? Number.parseInt(match[1]!, 16) : null;
}

/** The bytes that a vocabulary entry stands for. */
export function pieceBytes(piece: string, style: PieceStyle): Uint8Array {
  if (style === 'byte-level') {
    const bytes = new Uint8Array(piece.length);
    for (let i = 0; i < piece.length; i++) {
      const byte = BYTE_OF_CHARACTER.get(piece[i]!);
      // As the Rust library does: a piece that is not wholly in the alphabet stands for itself.
      if (byte === undefined) return encoder.encode(piece);
      bytes[i] = byte;
    }
    return bytes;
  }
  if (style === 'metaspace') {
    const byte = byteOfToken(piece);
    return byte !== null ? Uint8Array.of(byte) : encoder.encode(piece.replaceAll('▁', ' '));
  }
  return encoder.encode(piece);
}

/** Halves of surrogate pairs become U+FFFD, as they do in UTF-8; the length stays. */
export function wellFormed(text: string): string {
  return text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
}

/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export function decodeBytes(bytes: Uint8Array): string {
  return lossy.decode(bytes);
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes as shown in a token strip: whole characters as they are, other bytes as `<0xE2>`. */
export function showBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let shown = '';
    let at = 0;
    while (at < bytes.length) {
      const length = characterLength(bytes, at);
      if (length === 0) {
        shown += `<0x${bytes[at]!.toString(16).toUpperCase().padStart(2, '0')}>`;
        at++;
      } else {
        shown += strict.decode(bytes.subarray(at, at + length));
        at += length;
      }
    }
    return shown;
  }
}

/** Length of the well-formed UTF-8 character at `at`, or 0. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
