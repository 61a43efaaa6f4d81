import { ReplaceNormalizer } from '@huggingface/tokenizers';
import type { Json } from './tokenizer-checker.js';
import { charsmap } from './tokenizer-charsmap.js';

type ReplaceConfig = ConstructorParameters<typeof ReplaceNormalizer>[0];

/**
 * A checked normalizer as the Rust library applies it. (`@huggingface/tokenizers` trims by JavaScript's white space, lowers the Greek sigma
 * by its neighbours, reads `$` in a replacement, and takes NFKC for every precompiled table.)
 */
export function normalizerOf(normalizer: Json | null): (text: string) => string {
  if (normalizer === null) return (text) => text;
  switch (normalizer['type']) {
    case 'Sequence': {
      const all = (normalizer['normalizers'] as (Json | null)[]).map(normalizerOf);
      return (text) => all.reduce((result, one) => one(result), text);
    }
    case 'Lowercase':
      return (text) => Array.from(text, (character) => character.toLowerCase()).join('');
    case 'Strip': {
      const { strip_left: left, strip_right: right } = normalizer;
      return (text) => trimmed(text, left === true, right === true);
    }
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Prepend':
      return (text) => (text === '' ? '' : String(normalizer['prepend']) + text);
    case 'Replace': {
      // Only its pattern is wanted: Oniguruma's language, in JavaScript's.
      const { pattern } = new ReplaceNormalizer(normalizer as unknown as ReplaceConfig);
      const content = String(normalizer['content'] ?? '');
      return (text) => (pattern === null ? text : text.replaceAll(pattern, () => content));
    }
    case 'Precompiled':
      return charsmap(normalizer['precompiled_charsmap']);
    default:
      return (text) => text.normalize(String(normalizer['type']));
  }
}

const SPACE = /^\p{White_Space}$/u;

function trimmed(text: string, left: boolean, right: boolean): string {
  let start = 0;
  let end = text.length;
  if (left) while (start < end && SPACE.test(text[start]!)) start++;
  if (right) while (end > start && SPACE.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}
