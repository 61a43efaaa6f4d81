import { Tokenizer as Library } from '@huggingface/tokenizers';
import { InputError } from '../errors.js';
import { concatBytes, decodeBytes, encodeText, pieceBytes } from './pieces.js';
import type { PieceStyle } from './pieces.js';
import type { TokenizerCore } from './tokenizer-build.js';
import { finder } from './tokenizer-added.js';
import type { AddedToken, CheckedTokenizer, Json } from './tokenizer-json.js';
import { normalizerOf } from './tokenizer-normalizer.js';

/** A checked tokenizer.json as a core: `@huggingface/tokenizers` makes the ids, the surfaces are read off the vocabulary. */
export function libraryCore(checked: CheckedTokenizer, file: string): TokenizerCore {
  const { json, tokens, idOf, ownIds, byteFallback, seam } = checked;
  let library: Library;
  let normalize: (text: string) => string;
  try {
    normalize = normalizerOf(json.normalizer);
    // Added tokens and the normaliser are followed here, where they are followed exactly.
    library = new Library(
      { ...json, normalizer: null, added_tokens: [] },
      { clean_up_tokenization_spaces: false, unk_token: json.model['unk_token'] ?? undefined },
    );
  } catch (error) {
    throw new InputError(`The tokenizer cannot be built: ${(error as Error).message.replace(/\s+/g, ' ').replace(/\.?$/, '.')}`, { file });
  }
  giveVocabulary(library.model!, checked);
  const style = styleOf(json.pre_tokenizer, json.decoder, byteFallback);
  const added = new Map(json.added_tokens.map((token) => [token.id, token.content]));
  // What stands in a normalised text for a token that is looked for there.
  const normals = new Map(json.added_tokens.filter(({ normalized }) => normalized).map(({ id, content }) => [id, normalize(content)]));
  const wanted = ({ id, content, lstrip, rstrip, singleWord }: AddedToken) => ({ content, token: id, lstrip, rstrip, singleWord });
  const plain = finder(json.added_tokens.filter(({ id }) => !normals.has(id)).map(wanted));
  const normal = finder(
    json.added_tokens.filter(({ id }) => normals.has(id)).map((token) => wanted({ ...token, content: normals.get(token.id)! })),
  );
  const special = new Set(json.added_tokens.filter((token) => token.special).map(({ id }) => id));
  const unknownToken =
    json.model['type'] === 'Unigram' ? tokens[Number(json.model['unk_id'] ?? -1)] : (json.model['unk_token'] as string | null | undefined);
  const unknownId = unknownToken === undefined || unknownToken === null ? undefined : idOf.get(unknownToken);
  const surfaces = new Map<number, Uint8Array>();
  const stripsSpace = style === 'metaspace' ? leadingSpace(json.decoder) : null;

  function surface(id: number): Uint8Array | null {
    let bytes = surfaces.get(id);
    if (bytes === undefined) {
      const token = tokens[id];
      if (token === undefined) return null;
      bytes = !added.has(id) ? pieceBytes(token, style) : special.has(id) ? encodeText(token) : addedBytes(id, token);
      surfaces.set(id, bytes);
    }
    return bytes;
  }

  /** A token that is found in the normalised text is what it is there, `▁` for a space with it. */
  function addedBytes(id: number, content: string): Uint8Array {
    const text = normals.get(id);
    return encodeText(text === undefined ? content : style === 'metaspace' ? text.replaceAll('▁', ' ') : text);
  }

  function encode(text: string): { id: number; surface: Uint8Array | null }[] {
    return plain(text).flatMap(({ token, text: stretch, start }) => {
      if (token !== null) return [{ id: token, surface: surface(token) }];
      return normal(normalize(stretch)).flatMap((part) => {
        if (part.token !== null) return [{ id: part.token, surface: addedBytes(part.token, tokens[part.token]!) }];
        return pieces(part.text, start === 0 && part.start === 0);
      });
    });
  }

  /** A BPE that has neither a token nor bytes for an unknown character leaves it out before it merges, so that its neighbours may join. */
  const drops = json.model['type'] === 'BPE' && !unknownToken && !byteFallback;
  const ignoresMerges = json.model['ignore_merges'] === true;
  function known(word: string): string {
    if (!drops || (ignoresMerges && ownIds.has(word))) return word;
    const characters = Array.from(word);
    return characters.every((character) => ownIds.has(character)) ? word : characters.filter((character) => ownIds.has(character)).join('');
  }

  /** Tokens of a normalised text without added tokens; `first`: nothing stands before it. */
  function pieces(text: string, first: boolean): { id: number; surface: Uint8Array | null }[] {
    const model = library.model!;
    const words = (library.pre_tokenizer ? library.pre_tokenizer(text, { section_index: first ? 0 : 1 }) : [text]).map(known);
    // Unknown characters become one token within a word, not across words.
    const found = model.fuse_unk ? words.flatMap((word) => model([word])) : model(words);
    return found.flatMap((token) => {
      const id = idOf.get(token);
      // The model's own tokens alone: an added one that was not found above is none here.
      if (id !== undefined && ownIds.has(token)) return [{ id, surface: id === unknownId && !added.has(id) ? null : surface(id) }];
      // Unigram hands over unknown characters as they are, and leaves the fallback to bytes to us.
      if (byteFallback) {
        const bytes = Array.from(encodeText(token), (byte) => idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`));
        if (bytes.every((byte) => byte !== undefined)) return bytes.map((byte) => ({ id: byte!, surface: surface(byte!) }));
      }
      return unknownId === undefined ? [] : [{ id: unknownId, surface: pieceBytes(token, style) }];
    });
  }

  function decode(ids: readonly number[], hidden: (id: number) => boolean): string {
    const shown = ids.filter((id) => !hidden(id));
    if (shown.length === 0) return '';
    if (style === 'byte-level') return decodeBytes(concatBytes(shown.map((id) => surface(id)!)));
    if (stripsSpace !== null) {
      const text = decodeBytes(concatBytes(shown.map((id) => surface(id)!)));
      return stripsSpace && text.startsWith(' ') ? text.slice(1) : text;
    }
    return library.decode(shown, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  return { encode, surface, decode, seam };
}

/**
 * Tables of the vocabulary that are made here already: each id's token, added ones among them, which the library has not heard of; and the
 * ids of a BPE's tokens, which it would make once more (a sixth of the time that a tokenizer of 49,152 tokens takes to open). The merges that
 * it has made its table of are dropped: a garbage collection then has half as many objects to walk, and every few traced runs bring one about.
 */
function giveVocabulary(model: NonNullable<Library['model']>, { json, ownIds, tokens }: CheckedTokenizer): void {
  model.vocab = tokens as string[];
  if (json.model['type'] !== 'BPE') return;
  const unknown = json.model['unk_token'];
  model.tokens_to_ids = ownIds;
  model.unk_token_id = typeof unknown === 'string' ? ownIds.get(unknown) : undefined;
  (json.model['merges'] as unknown[]).length = 0;
}

/** Whether decoding drops the space put in front of a text; null where the decoder does more than SentencePiece's. */
function leadingSpace(decoder: Json | null): boolean | null {
  let strips = false;
  for (const part of flatten(decoder, 'decoders')) {
    if (part['type'] === 'Metaspace')
      strips ||= (part['prepend_scheme'] ?? (part['add_prefix_space'] === false ? 'never' : 'always')) !== 'never';
    else if (part['type'] === 'Strip' && part['content'] === ' ' && part['start'] === 1 && part['stop'] === 0) strips = true;
    else if (part['type'] === 'Replace' && (part['pattern'] as Json)['String'] === '▁' && part['content'] === ' ') continue;
    else if (part['type'] !== 'ByteFallback' && part['type'] !== 'Fuse') return null;
  }
  return strips;
}

function styleOf(pre: Json | null, decoder: Json | null, byteFallback: boolean): PieceStyle {
  const parts = [...flatten(pre, 'pretokenizers'), ...flatten(decoder, 'decoders')];
  if (parts.some((part) => part['type'] === 'ByteLevel')) return 'byte-level';
  const metaspace = (part: Json): boolean =>
    part['type'] === 'Metaspace' || (part['type'] === 'Replace' && (part['pattern'] as Json | undefined)?.['String'] === '▁');
  return byteFallback || parts.some(metaspace) ? 'metaspace' : 'plain';
}

function flatten(part: Json | null, key: string): Json[] {
  if (part === null) return [];
  return part['type'] === 'Sequence' ? (part[key] as (Json | null)[]).flatMap((inner) => flatten(inner, key)) : [part];
}
