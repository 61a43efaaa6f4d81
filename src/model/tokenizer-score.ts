import { byteOfToken, encodeText, pieceBytes, wellFormed } from './pieces.js';
import { finder } from './tokenizer-added.js';
import type { TokenizerCore } from './tokenizer-build.js';

/** A vocabulary whose merges are not listed but scored: SentencePiece's BPE, as llama.cpp and llama2.c read it. */
export interface ScoredVocabulary {
  /** Spaces are `▁` in SentencePiece's files and plain in llama2.c's. */
  pieces: readonly string[];
  scores: ArrayLike<number>;
  style: 'metaspace' | 'plain';
  /** Ids of `<0x00>` … `<0xFF>`. */
  bytes: readonly (number | undefined)[];
  unknownId: number | null;
  /** A space is put before a text (and after each special token in it). */
  prefixSpace: boolean;
  /** Tokens that stand for themselves wherever they occur in a text, longest first where several fit. */
  whole: ReadonlyMap<string, number>;
  bosId: number | null;
  /** Ids that no text gives by itself: control, unknown and unused tokens. */
  unmergeable: ReadonlySet<number>;
  /** Characters unknown to the vocabulary become bytes before anything is merged (llama2.c) or only where they are left over (SentencePiece). */
  bytesFirst: boolean;
}

interface Candidate {
  left: number;
  right: number;
  id: number;
  score: number;
}

/**
 * Merge by score: characters (or, unknown to the vocabulary, their bytes), then repeatedly the neighbours whose union scores best,
 * the leftmost of equals. Source: `encode` of llama2.c's run.c, `llm_tokenizer_spm` of llama.cpp; both give the same ids.
 * A queue makes it O(n log n) where run.c scans all pairs for every merge.
 */
export function scoreCore(vocabulary: ScoredVocabulary): TokenizerCore {
  const { pieces, scores, whole } = vocabulary;
  const space = vocabulary.style === 'metaspace' ? '▁' : ' ';
  const idOf = new Map<string, number>();
  pieces.forEach((piece, id) => {
    if (!vocabulary.unmergeable.has(id) && !idOf.has(piece)) idOf.set(piece, id);
  });
  const stretchesOf = finder([...whole].map(([content, token]) => ({ content, token, lstrip: false, rstrip: false, singleWord: false })));
  const surfaces = new Map<number, Uint8Array>();

  function surface(id: number): Uint8Array | null {
    let bytes = surfaces.get(id);
    if (bytes === undefined) {
      const piece = pieces[id];
      if (piece === undefined) return null;
      const byte = byteOfToken(piece);
      bytes =
        byte !== null && vocabulary.bytes[byte] === id
          ? Uint8Array.of(byte)
          : whole.has(piece)
            ? encodeText(piece)
            : pieceBytes(piece, vocabulary.style);
      surfaces.set(id, bytes);
    }
    return bytes;
  }

  function encode(text: string): { id: number; surface: Uint8Array | null }[] {
    const out: { id: number; surface: Uint8Array | null }[] = [];
    const put = (id: number): void => void out.push({ id, surface: id === vocabulary.unknownId ? null : surface(id) });
    for (const { token, text: stretch } of stretchesOf(text)) {
      if (token === null) merge((vocabulary.prefixSpace ? ' ' : '') + stretch, put);
      else put(token);
    }
    return out;
  }

  /** The byte tokens of a symbol, or null where one is missing. */
  function byteIds(symbol: string): number[] | null {
    const ids: number[] = [];
    for (const byte of encodeText(symbol)) {
      const id = vocabulary.bytes[byte];
      if (id === undefined) return null;
      ids.push(id);
    }
    return ids;
  }

  function merge(text: string, put: (id: number) => void): void {
    const symbols: (string | null)[] = [];
    for (const character of wellFormed(text)) {
      const symbol = character === ' ' ? space : character;
      const bytes = vocabulary.bytesFirst && !idOf.has(symbol) ? byteIds(symbol) : null;
      if (bytes === null) symbols.push(symbol);
      else symbols.push(...bytes.map((id) => pieces[id]!));
    }
    const next = symbols.map((_, i) => i + 1);
    const previous = symbols.map((_, i) => i - 1);
    const queue = new BestFirst();
    const offer = (left: number, right: number): void => {
      if (left < 0 || right >= symbols.length) return;
      const id = idOf.get(symbols[left]! + symbols[right]!);
      if (id !== undefined) queue.push({ left, right, id, score: scores[id]! });
    };
    for (let i = 1; i < symbols.length; i++) offer(i - 1, i);
    for (let best = queue.pop(); best !== undefined; best = queue.pop()) {
      const { left, right, id } = best;
      const a = symbols[left];
      const b = symbols[right];
      // Outdated: one of the two has been merged since.
      if (a == null || b == null || next[left] !== right || a + b !== pieces[id]) continue;
      symbols[left] = a + b;
      symbols[right] = null;
      next[left] = next[right]!;
      if (next[left]! < symbols.length) previous[next[left]!] = left;
      offer(previous[left]!, left);
      offer(left, next[left]!);
    }
    for (let i = 0; i < symbols.length; i = next[i]!) emit(symbols[i]!, put);
  }

  function emit(symbol: string, put: (id: number) => void): void {
    const id = idOf.get(symbol);
    if (id !== undefined) {
      put(id);
      return;
    }
    const bytes = byteIds(symbol);
    if (bytes !== null) bytes.forEach(put);
    else if (vocabulary.unknownId !== null) put(vocabulary.unknownId);
  }

  /** The space put before the text is dropped after BOS, as run.c does; text that follows other text keeps its own. */
  function decode(ids: readonly number[], hidden: (id: number) => boolean): string {
    const bytes: number[] = [];
    ids.forEach((id, i) => {
      if (hidden(id)) return;
      const piece = surface(id)!;
      const dummy = vocabulary.prefixSpace && i > 0 && ids[i - 1] === vocabulary.bosId && piece[0] === 0x20;
      for (let k = dummy ? 1 : 0; k < piece.length; k++) bytes.push(piece[k]!);
    });
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  return { encode, surface, decode };
}

/** Binary heap: highest score first, leftmost of equals. */
class BestFirst {
  private readonly heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const { heap } = this;
    let i = heap.push(candidate) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i]!, heap[parent]!)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }

  pop(): Candidate | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let i = 0; ;) {
      const left = 2 * i + 1;
      let best = i;
      if (left < heap.length && before(heap[left]!, heap[best]!)) best = left;
      if (left + 1 < heap.length && before(heap[left + 1]!, heap[best]!)) best = left + 1;
      if (best === i) return top;
      [heap[i], heap[best]] = [heap[best]!, heap[i]!];
      i = best;
    }
  }
}

function before(a: Candidate, b: Candidate): boolean {
  return a.score !== b.score ? a.score > b.score : a.left < b.left;
}
