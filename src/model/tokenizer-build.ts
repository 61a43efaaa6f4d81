import { InputError } from '../errors.js';
import { renderTemplate } from './chat.js';
import type { ChatSource } from './chat.js';
import { locateTokens } from './offsets.js';
import { concatBytes, decodeBytes, showBytes } from './pieces.js';
import { withTimeLimit } from './time-limit.js';
import type { ChatMessage, EncodedToken, Tokenizer } from './types.js';

/** What differs between kinds of tokenizers: text to ids, and what each id stands for. */
export interface TokenizerCore {
  /** Tokens of a text without any added special token. `surface` null: unknown characters (`<unk>`). */
  encode(text: string): { id: number; surface: Uint8Array | null }[];
  /** The bytes an id stands for in a text; null for an id without a token. */
  surface(id: number): Uint8Array | null;
  /** Where texts can be cut in two that are tokenised apart and give the tokens of the whole (see `seamsOf`); absent or null: nowhere. */
  seam?: ((text: string) => number) | null;
  /** The text of known ids, without those that are `hidden`. Absent: their surfaces joined. */
  decode?(ids: readonly number[], hidden: (id: number) => boolean): string;
}

export interface TokenizerParts {
  kind: Tokenizer['kind'];
  /** Named in errors. */
  file: string;
  core: TokenizerCore;
  size: number;
  /** Ids put before and after a text by default. */
  prefix: readonly number[];
  suffix: readonly number[];
  bosId: number | null;
  eosIds: readonly number[];
  specialIds: ReadonlySet<number>;
  chat: ChatSource | null;
  notes: readonly string[];
}

/** A pattern that backtracks for ever is stopped after this long; a megabyte of text takes under two seconds. */
const ENCODE_LIMIT_MS = 20_000;

/** Longest text that is tokenised, in UTF-16 units. */
export const MAX_TEXT = 8 * 1024 * 1024;

/** What all of these texts begin with. */
function sharedBeginning([first = '', ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && first[same] === other[same]) same++;
    length = same;
  }
  return first.slice(0, length);
}

export function buildTokenizer(parts: TokenizerParts): Tokenizer {
  const { core, prefix, suffix, file } = parts;
  const shown = new Map<number, string>();

  function token(id: number): string {
    let text = shown.get(id);
    if (text === undefined) {
      const surface = core.surface(id);
      text = surface === null ? `<id ${id}>` : showBytes(surface);
      shown.set(id, text);
    }
    return text;
  }

  function encodeAll(texts: readonly string[], options: { addSpecial?: boolean } = {}): EncodedToken[][] {
    const length = texts.reduce((longest, text) => Math.max(longest, text.length), 0);
    if (length > MAX_TEXT) {
      throw new InputError(`The text has ${length} characters, more than the ${MAX_TEXT} that are tokenised at once.`, { file });
    }
    const all = withTimeLimit(
      ENCODE_LIMIT_MS,
      () => {
        const seam = texts.length > 1 ? (core.seam?.(sharedBeginning(texts)) ?? 0) : 0;
        if (seam === 0) return texts.map((text) => core.encode(text));
        const beginning = core.encode(texts[0]!.slice(0, seam));
        return texts.map((text) => [...beginning, ...core.encode(text.slice(seam))]);
      },
      () =>
        new InputError(`The tokenizer's patterns took more than ${ENCODE_LIMIT_MS / 1000} s on a text of ${length} characters.`, { file }),
    );
    return texts.map((text, i) => place(text, all[i]!, options));
  }

  function place(text: string, pieces: ReturnType<TokenizerCore['encode']>, options: { addSpecial?: boolean }): EncodedToken[] {
    const places = locateTokens(
      text,
      pieces.map((piece) => piece.surface),
    );
    const tokens = pieces.map(({ id, surface }, i): EncodedToken => {
      const [start, end] = places[i]!;
      return { id, text: surface === null ? text.slice(start, end) || token(id) : showBytes(surface), start, end };
    });
    if (options.addSpecial === false) return tokens;
    return [
      ...prefix.map((id): EncodedToken => ({ id, text: token(id), start: 0, end: 0 })),
      ...tokens,
      ...suffix.map((id): EncodedToken => ({ id, text: token(id), start: text.length, end: text.length })),
    ];
  }

  function decode(ids: readonly number[], options: { skipSpecial?: boolean; continuation?: boolean } = {}): string {
    const skip = options.skipSpecial ?? true;
    const hidden = (id: number): boolean => skip && parts.specialIds.has(id);
    const known = ids.filter((id) => core.surface(id) !== null);
    if (core.decode && !options.continuation) return core.decode(known, hidden);
    return decodeBytes(concatBytes(known.filter((id) => !hidden(id)).map((id) => core.surface(id)!)));
  }

  function renderChat(messages: readonly ChatMessage[], options: { addGenerationPrompt?: boolean } = {}): string {
    if (parts.chat === null) {
      throw new InputError('This model has no chat template, so a prompt for it must be text or ids, not a list of messages.', { file });
    }
    return renderTemplate(parts.chat, messages, options.addGenerationPrompt ?? true);
  }

  return {
    kind: parts.kind,
    addsBos: parts.bosId !== null && prefix.includes(parts.bosId),
    size: parts.size,
    bosId: parts.bosId,
    eosIds: parts.eosIds,
    specialIds: parts.specialIds,
    notes: parts.notes,
    hasChatTemplate: parts.chat !== null,
    encode: (text, options) => encodeAll([text], options)[0]!,
    encodeAll,
    decode,
    token,
    renderChat,
  };
}
