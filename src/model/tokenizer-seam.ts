import { GPT2_PATTERN } from './tokenizer-rewrite.js';
import type { Json } from './tokenizer-checker.js';

/**
 * Patterns that cut a text from left to right, look at most one character ahead and never back, and begin a new piece at every space
 * between a word or a mark and a word: GPT-2's, that of Llama 3 and Qwen 2, and those of the bundled models.
 */
const PATTERNS = new Set([
  GPT2_PATTERN,
  "'s| ?\\p{L}+| ?\\p{N}| ?[^\\s\\p{L}\\p{N}]|\\s+(?!\\S)|\\s+",
  ...['\\p{N}', '\\p{N}{1,3}'].map(
    (digits) =>
      `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  ),
]);

/** A space that begins a piece, whatever stands elsewhere. */
const SEAM = /[A-Za-z.,:;?!] (?=[A-Za-z])/g;

/**
 * Where a text can be cut in two that are tokenised apart and give the tokens of the whole, whatever follows the text: the last such place,
 * 0 for none. So a long prompt with each of many answers after it is tokenised once. Null for tokenizers of which that cannot be said.
 *
 * @param root A checked tokenizer.json.
 */
export function seamsOf(root: Json): ((text: string) => number) | null {
  if (!isBpe(root) || !isLocal(root['normalizer']) || !cutsAtSpaces(root['pre_tokenizer']) || !standAlone(root['added_tokens']))
    return null;
  return (text) => {
    let last = 0;
    for (const { index } of text.matchAll(SEAM)) last = index + 1;
    return last;
  };
}

const isBpe = ({ model }: Json): boolean => (model as Json | null)?.['type'] === 'BPE';

/** Composing characters goes no further than to the next letter. */
const isLocal = (normalizer: unknown): boolean => normalizer === null || normalizer === undefined || (normalizer as Json)['type'] === 'NFC';

function cutsAtSpaces(pre: unknown): boolean {
  const listed = (pre as Json | null | undefined)?.['type'] === 'Sequence' ? (pre as Json)['pretokenizers'] : [pre];
  // None at all cuts nowhere.
  const parts = (Array.isArray(listed) ? listed : []) as (Json | null | undefined)[];
  return (
    parts.some((part) => part && cuts(part)) && parts.every((part) => part && (cuts(part) || part['type'] === 'Digits' || isBytes(part)))
  );
}

const isBytes = ({ type, add_prefix_space: added }: Json): boolean => type === 'ByteLevel' && added === false;

function cuts(part: Json): boolean {
  if (isBytes(part)) return part['use_regex'] !== false;
  const { Regex: pattern } = (part['pattern'] ?? {}) as Json;
  return part['type'] === 'Split' && part['behavior'] === 'Isolated' && part['invert'] !== true && PATTERNS.has(String(pattern));
}

/** Added tokens that neither hold white space nor take any in from beside them. */
function standAlone(added: unknown): boolean {
  return ((added ?? []) as Json[]).every(
    ({ content, lstrip, rstrip, single_word: word }) => !/\s/.test(String(content)) && !lstrip && !rstrip && !word,
  );
}
