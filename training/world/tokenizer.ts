/** A byte-level BPE tokenizer in which every word of the world, with and without the space before it, is one token. */
import * as lexicon from './lexicon.js';
import { askings, completion, ruleTellings, says, tellings } from './sentences.js';
import type { Fact, Question } from './sentences.js';

/** Where text is cut before merging: words and numbers with the space before them, punctuation one by one ("A:." is three tokens). */
export const SPLIT = "'s| ?\\p{L}+| ?\\p{N}| ?[^\\s\\p{L}\\p{N}]|\\s+(?!\\S)|\\s+";

export const BOS = '<|bos|>';
export const EOS = '<|eos|>';

export interface Tokenizer {
  vocab: ReadonlyMap<string, number>;
  merges: readonly (readonly [string, string])[];
}

/** Cuts a text as `SPLIT` says. */
export function pieces(text: string): string[] {
  return text.match(new RegExp(SPLIT, 'gu')) ?? [];
}

/** GPT-2's table: every byte as a printable character. */
export function byteCharacters(): string[] {
  const out: string[] = [];
  let extra = 256;
  for (let b = 0; b < 256; b++) {
    const printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    out.push(String.fromCodePoint(printable ? b : extra++));
  }
  return out;
}

/** Every sentence of the world with every word in it: what the tokenizer is made for. */
function everyWord(): Set<string> {
  const L = lexicon;
  const [names, things] = [
    [...L.NAMES, ...L.HELD_OUT_NAMES],
    [...L.THINGS, ...L.HELD_OUT_THINGS],
  ];
  const lists = [names, things, L.COLORS, L.PLACES, L.BOXES, L.FOODS, L.MOODS, L.CAUSES];
  const [owner, thing, color, place, box, mood, cause] = ['Tom', 'ball', 'red', 'park', 'box', 'happy', 'rain'];
  const facts: Fact[] = [
    { kind: 'memory', owner, thing, color },
    ...[0, 1, 2, 3].map((time): Fact => ({ kind: 'time', owner, time, place })),
    { kind: 'wish', owner, chosen: 'apples', other: 'pears' },
    { kind: 'box', thing, box },
    { kind: 'place', box, place },
    { kind: 'cause', owner, mood, cause },
    { kind: 'negation', owner, taken: thing, left: 'cup' },
    { kind: 'triple', owner, color, thing, place },
  ];
  const questions: Question[] = [
    { kind: 'memory', owner, thing },
    ...[0, 1, 2, 3].map((time): Question => ({ kind: 'time', owner, time })),
    { kind: 'last', owner },
    { kind: 'wish', owner, options: ['apples', 'pears'] },
    { kind: 'hop', thing },
    { kind: 'think', thing, box, place },
    { kind: 'inside', thing },
    { kind: 'cause', owner, mood },
    { kind: 'negation', owner },
    { kind: 'rule', owner },
  ];
  const statements = [...questions.map(completion), says(owner, thing)].filter((c) => c !== undefined);
  const texts = [
    ...L.FILLERS,
    ...facts.flatMap(tellings),
    ...questions.flatMap(askings),
    ...statements.flatMap((c) => [c.before, c.after]),
    ...L.RULES.flatMap(ruleTellings),
    'List: Tom red, Anna blue. Again:',
    ...lists.flat(),
    L.UNKNOWN,
    L.NOTHING,
  ];
  // A word that can begin a text has a token without the space before it too.
  const out = new Set<string>();
  for (const text of texts)
    for (const piece of pieces(text)) {
      const word = piece.trim();
      if (!/^['\p{P}]/u.test(word)) out.add(` ${word}`);
      if (/^['\p{Lu}]/u.test(word)) out.add(word);
    }
  out.add(' "');
  return out;
}

/** Merges the most frequent pair of parts, every word counting once, until each word is one token; ties go to the first in code-unit order. */
export function makeTokenizer(): Tokenizer {
  const table = byteCharacters();
  const bytes = (word: string): string[] => [...new TextEncoder().encode(word)].map((b) => table[b]!);
  let words = [...everyWord()].sort().map(bytes);
  const merges: [string, string][] = [];
  const vocab = new Map<string, number>();
  [BOS, EOS, ...[...table].sort()].forEach((token) => vocab.set(token, vocab.size));
  for (;;) {
    words = words.filter((w) => w.length > 1);
    if (words.length === 0) break;
    const counts = new Map<string, number>();
    for (const w of words)
      for (let i = 0; i + 1 < w.length; i++) {
        const pair = `${w[i]} ${w[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const best = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]![0];
    const [left, right] = best.split(' ') as [string, string];
    merges.push([left, right]);
    vocab.set(left + right, vocab.get(left + right) ?? vocab.size);
    for (const w of words) for (let i = 0; i + 1 < w.length; i++) if (w[i] === left && w[i + 1] === right) w.splice(i, 2, left + right);
  }
  return { vocab, merges };
}

/** Encodes texts of the world's words, each of them one token. */
export class WordEncoder {
  private readonly ids = new Map<string, number>();
  readonly bos: number;

  constructor(private readonly tokenizer: Tokenizer) {
    this.bos = tokenizer.vocab.get(BOS)!;
  }

  /** The ids of a text (no BOS). Throws where a piece is not one token. */
  encode(text: string): number[] {
    return pieces(text).map((piece) => {
      let id = this.ids.get(piece);
      if (id === undefined) {
        const table = byteCharacters();
        const token = [...new TextEncoder().encode(piece)].map((b) => table[b]!).join('');
        id = this.tokenizer.vocab.get(token);
        if (id === undefined) throw new Error(`${JSON.stringify(piece)} is not one token.`);
        this.ids.set(piece, id);
      }
      return id;
    });
  }
}

/** tokenizer.json in the layout of Hugging Face's tokenizers. */
export function tokenizerJson(tokenizer: Tokenizer): string {
  const special = (content: string, id: number): object => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const byteLevel = (use_regex: boolean): object => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex });
  const start = { SpecialToken: { id: BOS, type_id: 0 } };
  const sequence = (id: string): object => ({ Sequence: { id, type_id: 0 } });
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(BOS, 0), special(EOS, 1)],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: SPLIT }, behavior: 'Isolated', invert: false }, byteLevel(false)],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [start, sequence('A')],
      pair: [start, sequence('A'), sequence('B')],
      special_tokens: { [BOS]: { id: BOS, ids: [0], tokens: [BOS] } },
    },
    decoder: byteLevel(true),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokenizer.vocab),
      merges: tokenizer.merges,
    },
  });
}
