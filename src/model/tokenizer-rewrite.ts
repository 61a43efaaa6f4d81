import { describe, MAX_NESTING } from './tokenizer-checker.js';
import type { Checker, Json } from './tokenizer-checker.js';
import { parseCharsmap } from './tokenizer-charsmap.js';

/** GPT-2's pattern, as HF's ByteLevel applies it. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const NORMALIZERS = new Set(['Precompiled', 'Replace', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Strip', 'StripAccents', 'Lowercase', 'Prepend']);

export function checkNormalizer(check: Checker, value: unknown, depth = 0): Json | null {
  if (value === null) return null;
  const normalizer = check.object(value, 'normalizer');
  if (depth > MAX_NESTING) throw check.fail('normalizer', `The tokenizer's normalizer is nested more than ${MAX_NESTING} deep.`);
  const type = normalizer['type'];
  if (type === 'Sequence') {
    const list = check.list(normalizer['normalizers'], 'normalizer.normalizers');
    return { type, normalizers: list.map((inner) => checkNormalizer(check, inner ?? null, depth + 1)) };
  }
  if (typeof type !== 'string' || !NORMALIZERS.has(type)) {
    throw check.fail('normalizer.type', `The tokenizer's normalizer type is ${describe(type)}, which is not understood.`);
  }
  if (type === 'Precompiled' && parseCharsmap(normalizer['precompiled_charsmap']) === undefined) {
    throw check.fail(
      'normalizer.precompiled_charsmap',
      "The tokenizer's precompiled_charsmap must be a table in base64 that begins with its length.",
    );
  }
  if (type === 'Replace') checkPattern(check, normalizer['pattern'], 'normalizer.pattern');
  if (type === 'Prepend') check.string(normalizer['prepend'], 'normalizer.prepend');
  return normalizer;
}

function checkPattern(check: Checker, value: unknown, field: string): Json {
  const pattern = check.object(value, field);
  const text = pattern['Regex'] ?? pattern['String'];
  if (check.string(text, field).length > 20_000)
    throw check.fail(field, `The tokenizer's pattern \`${field}\` is longer than 20,000 characters.`);
  return pattern;
}

/** A text to split at as a regular expression: the library leaves the text in where it is to be removed. */
const asRegex = (pattern: Json): Json =>
  typeof pattern['String'] === 'string' && pattern['Regex'] === undefined
    ? { Regex: pattern['String'].replace(/[.*+?^${}()|[\]\\/]/g, '\\$&') }
    : pattern;

const split = (regex: string): Json => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false });
/** The Rust library's `\w` in its own patterns. */
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200C\\u200D';
const PUNCTUATION = '[!-/:-@\\[-`{-~\\p{P}]';

export function rewritePreTokenizer(check: Checker, value: unknown, field: string, depth: number): Json | null {
  if (value === null) return null;
  const pre = check.object(value, field);
  if (depth > MAX_NESTING) throw check.fail(field, `The tokenizer's pre-tokenizer is nested more than ${MAX_NESTING} deep.`);
  const type = pre['type'];
  switch (type) {
    case 'Sequence': {
      const list = check.list(pre['pretokenizers'], `${field}.pretokenizers`);
      return {
        type,
        pretokenizers: list.map((inner, i) => {
          const place = `${field}.pretokenizers[${i}]`;
          if (i > 0 && (inner as Json | null)?.['prepend_scheme'] === 'first') {
            throw check.fail(
              `${place}.prepend_scheme`,
              "The tokenizer's prepend_scheme is first behind another pre-tokenizer, which is not understood.",
            );
          }
          return rewritePreTokenizer(check, inner ?? null, place, depth + 1);
        }),
      };
    }
    case 'ByteLevel': {
      const bytes = { type, add_prefix_space: pre['add_prefix_space'] === true, use_regex: false };
      if (pre['use_regex'] === false) return bytes;
      // The library's own pattern has JavaScript's \s, which knows other white space than the Rust library's.
      const space = { type: 'Replace', pattern: { Regex: '\\A(?=[^ ])' }, content: ' ' };
      const plain = { ...bytes, add_prefix_space: false };
      return { type: 'Sequence', pretokenizers: [...(bytes.add_prefix_space ? [space] : []), split(GPT2_PATTERN), plain] };
    }
    case 'Digits':
      return split(pre['individual_digits'] === true ? '\\p{N}' : '\\p{N}+');
    case 'Punctuation': {
      const behavior = pre['behavior'] ?? 'Isolated';
      if (behavior === 'Isolated') return split(PUNCTUATION);
      if (behavior === 'Contiguous') return split(`${PUNCTUATION}+`);
      throw check.fail(
        `${field}.behavior`,
        `The tokenizer's Punctuation behaviour is ${describe(behavior)}, but only Isolated and Contiguous are understood.`,
      );
    }
    case 'Metaspace': {
      const replacement = pre['replacement'] ?? '▁';
      if (replacement !== '▁')
        throw check.fail(`${field}.replacement`, `The tokenizer writes spaces as ${describe(replacement)}, but only "▁" is understood.`);
      const scheme = pre['prepend_scheme'] ?? (pre['add_prefix_space'] === false ? 'never' : 'always');
      if (scheme !== 'always' && scheme !== 'never' && scheme !== 'first') {
        throw check.fail(
          `${field}.prepend_scheme`,
          `The tokenizer's prepend_scheme is ${describe(scheme)}, but only always, first and never exist.`,
        );
      }
      const spaces = { type, replacement, prepend_scheme: scheme };
      return pre['split'] === false ? spaces : { type: 'Sequence', pretokenizers: [spaces, split('▁[^▁]*')] };
    }
    case 'Split': {
      const pattern = asRegex(checkPattern(check, pre['pattern'], `${field}.pattern`));
      const behavior = pre['behavior'];
      if (behavior !== 'Isolated' && behavior !== 'Removed') {
        throw check.fail(
          `${field}.behavior`,
          `The tokenizer's Split behaviour is ${describe(behavior)}, but only Isolated and Removed are understood.`,
        );
      }
      return { ...pre, pattern, invert: pre['invert'] === true && behavior !== 'Isolated' };
    }
    case 'Whitespace':
      return { type: 'Split', pattern: { Regex: `[${WORD}]+|[^${WORD}\\s]+` }, behavior: 'Removed', invert: true };
    case 'WhitespaceSplit':
      return { type: 'Split', pattern: { Regex: '\\S+' }, behavior: 'Removed', invert: true };
    default:
      throw check.fail(`${field}.type`, `The tokenizer's pre-tokenizer type is ${describe(type)}, which is not understood.`);
  }
}

const DECODERS = new Set(['ByteLevel', 'Metaspace', 'BPEDecoder', 'Replace', 'Fuse', 'Strip', 'ByteFallback']);

export function rewriteDecoder(check: Checker, value: unknown, depth = 0): Json | null {
  if (value === null) return null;
  const decoder = check.object(value, 'decoder');
  if (depth > MAX_NESTING) throw check.fail('decoder', `The tokenizer's decoder is nested more than ${MAX_NESTING} deep.`);
  const type = decoder['type'];
  if (type === 'Sequence') {
    return {
      type,
      decoders: check.list(decoder['decoders'], 'decoder.decoders').map((inner) => rewriteDecoder(check, inner ?? null, depth + 1)),
    };
  }
  if (typeof type !== 'string' || !DECODERS.has(type)) {
    throw check.fail('decoder.type', `The tokenizer's decoder type is ${describe(type)}, which is not understood.`);
  }
  if (type === 'Replace') checkPattern(check, decoder['pattern'], 'decoder.pattern');
  return decoder;
}
