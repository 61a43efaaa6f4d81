import { InputError } from '../errors.js';
import { DATE_NOTE, writesDate } from './chat.js';
import type { ChatSource } from './chat.js';
import { byteOfToken } from './pieces.js';
import { buildTokenizer } from './tokenizer-build.js';
import type { TokenizerCore } from './tokenizer-build.js';
import { checkTokenizerJson } from './tokenizer-json.js';
import type { Json } from './tokenizer-json.js';
import { libraryCore } from './tokenizer-library.js';
import { GPT2_PATTERN } from './tokenizer-rewrite.js';
import { scoreCore } from './tokenizer-score.js';
import type { Tokenizer } from './types.js';

/** `tokenizer.ggml.token_type` */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

const MAX_TEMPLATE = 1024 * 1024;
const MAX_TOKEN_LENGTH = 64 * 1024;

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const LLAMA3 = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}${REST}`;
const QWEN2 = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${REST}`;
const TEKKEN =
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+' +
  '|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*' +
  '|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

interface PreTokenizer {
  /** Patterns applied one after another, each splitting the pieces of the one before. */
  patterns: readonly string[];
  /** A word that is in the vocabulary as it is needs no merges. */
  ignoreMerges?: boolean;
  /** BOS is added where the file has no add_bos_token, as files from before that key have not. */
  addBos?: boolean;
  /** The models' own tokenizers normalise to NFC. llama.cpp leaves that out; their training did not. */
  nfc?: boolean;
}

const gpt2: PreTokenizer = { patterns: [GPT2_PATTERN] };
const digits: PreTokenizer = { patterns: ['\\p{N}', GPT2_PATTERN] };
const llama3: PreTokenizer = { patterns: [LLAMA3], ignoreMerges: true, addBos: true };

/** `tokenizer.ggml.pre`, by llama.cpp's table (src/llama-vocab.cpp), for names that models of the supported families carry. */
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  default: { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2_PATTERN, '\\p{N}+', '[0-9][0-9][0-9]'] },
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  tekken: { patterns: [TEKKEN], ignoreMerges: true, addBos: true },
  dbrx: { patterns: [LLAMA3] },
  smaug: { patterns: [LLAMA3] },
  'smaug-bpe': { patterns: [LLAMA3] },
  qwen2: { patterns: [QWEN2], nfc: true },
  'deepseek-r1-qwen': { patterns: [QWEN2] },
  stablelm2: { patterns: [QWEN2] },
  megrez: { patterns: [QWEN2] },
  'gpt-2': gpt2,
  'phi-2': gpt2,
  mpt: gpt2,
  olmo: { ...gpt2, nfc: true },
  smollm: digits,
  starcoder: digits,
  refact: digits,
  'command-r': digits,
  codeshell: digits,
  minerva: digits,
  'minerva-7b': digits,
};

/**
 * The tokenizer in a GGUF file's metadata. `gpt2` (byte-level BPE) becomes a tokenizer.json; `llama` (SentencePiece with scores, whose
 * ties and byte fallback a list of merges cannot express) is encoded by its scores.
 */
export function loadGgufTokenizer(file: string, metadata: ReadonlyMap<string, unknown>): Tokenizer {
  const read = new Reader(file, metadata);
  const model = read.string('tokenizer.ggml.model');
  if (model !== 'gpt2' && model !== 'llama') {
    throw read.fail('tokenizer.ggml.model', `The file's tokenizer model is ${quote(model)}, but only "gpt2" and "llama" are understood.`);
  }
  const tokens = read.tokens();
  const types = read.types(tokens.length);
  const bosId = read.id('tokenizer.ggml.bos_token_id', tokens.length) ?? (model === 'llama' ? defaultId(1, tokens.length) : null);
  const eosId = read.id('tokenizer.ggml.eos_token_id', tokens.length) ?? (model === 'llama' ? defaultId(2, tokens.length) : null);
  const notes: string[] = [];
  const pre = model === 'gpt2' ? preTokenizer(read, notes) : null;
  const core = pre === null ? scoredCore(read, tokens, types, bosId) : byteLevelCore(read, tokens, types, pre);
  const special = new Set<number>();
  types.forEach((type, id) => {
    if (type === CONTROL || type === UNKNOWN || type === UNUSED) special.add(id);
  });
  const ends = new Set<number>();
  for (const key of ['eos_token_id', 'eot_token_id', 'eom_token_id']) {
    const id = key === 'eos_token_id' ? eosId : read.id(`tokenizer.ggml.${key}`, tokens.length);
    if (id !== null) ends.add(id);
  }
  for (const id of [bosId, ...ends]) if (id !== null) special.add(id);
  const saysBos = read.flag('tokenizer.ggml.add_bos_token');
  const addsBos = saysBos ?? (pre === null || (pre.addBos ?? false));
  const addsEos = read.flag('tokenizer.ggml.add_eos_token') ?? false;
  if (saysBos === true && bosId === null) {
    throw read.fail(
      'tokenizer.ggml.bos_token_id',
      'The file says that a BOS token is added (add_bos_token) but names none (bos_token_id).',
    );
  }
  const chat = chatSource(read, tokens, bosId, eosId);
  if (chat !== null && writesDate(chat.template)) notes.push(DATE_NOTE);
  return buildTokenizer({
    kind: 'gguf',
    file,
    core,
    size: tokens.length,
    prefix: addsBos && bosId !== null ? [bosId] : [],
    suffix: addsEos && eosId !== null ? [eosId] : [],
    bosId,
    eosIds: [...ends],
    specialIds: special,
    chat,
    notes,
  });
}

function preTokenizer(read: Reader, notes: string[]): PreTokenizer {
  const name = read.optionalString('tokenizer.ggml.pre');
  if (name === null) notes.push('The file does not name its pre-tokenizer (tokenizer.ggml.pre); the default of llama.cpp is taken.');
  const known = Object.hasOwn(PRE_TOKENIZERS, name ?? 'default') ? PRE_TOKENIZERS[name ?? 'default'] : undefined;
  if (known === undefined) {
    throw read.fail(
      'tokenizer.ggml.pre',
      `The file's pre-tokenizer ${quote(name ?? '')} is not understood; known are ${Object.keys(PRE_TOKENIZERS).join(', ')}.`,
    );
  }
  return known;
}

function byteLevelCore(read: Reader, tokens: readonly string[], types: readonly number[], known: PreTokenizer): TokenizerCore {
  const vocab: Json = Object.create(null) as Json;
  const added: Json[] = [];
  tokens.forEach((token, id) => {
    const type = types[id]!;
    if (type === CONTROL || type === UNKNOWN || type === USER_DEFINED) {
      added.push({ id, content: token, special: type !== USER_DEFINED, normalized: false });
    } else if (type !== UNUSED) {
      if (token in vocab)
        throw read.fail(
          'tokenizer.ggml.tokens',
          `The token ${quote(token)} is in the file's vocabulary twice, as ${String(vocab[token])} and ${id}.`,
        );
      vocab[token] = id;
    }
  });
  const json = {
    added_tokens: added,
    normalizer: known.nfc ? { type: 'NFC' } : null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...known.patterns.map((regex) => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false })),
        { type: 'ByteLevel', add_prefix_space: read.flag('tokenizer.ggml.add_space_prefix') ?? false, use_regex: false },
      ],
    },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges: read.strings('tokenizer.ggml.merges'), ignore_merges: known.ignoreMerges ?? false },
  };
  const core = libraryCore(checkTokenizerJson(json, read.file), read.file);
  // Unused tokens are in no text, but have a name to be shown by.
  const encoder = new TextEncoder();
  return { ...core, surface: (id) => core.surface(id) ?? (types[id] === UNUSED ? encoder.encode(tokens[id]!) : null) };
}

function scoredCore(read: Reader, tokens: readonly string[], types: readonly number[], bosId: number | null): TokenizerCore {
  const scores = read.numbers('tokenizer.ggml.scores', tokens.length);
  const bytes: (number | undefined)[] = new Array<number | undefined>(256).fill(undefined);
  const whole = new Map<string, number>();
  const unmergeable = new Set<number>();
  let unknownId: number | null = null;
  tokens.forEach((token, id) => {
    const type = types[id]!;
    const byte = type === NORMAL || type === CONTROL ? null : byteOfToken(token);
    if (byte !== null && type !== USER_DEFINED && type !== UNUSED) {
      if (bytes[byte] === undefined) bytes[byte] = id;
      unmergeable.add(id);
    } else if (type === CONTROL || type === UNKNOWN || type === UNUSED) {
      unmergeable.add(id);
      if (type === UNKNOWN) unknownId ??= id;
      if (type === CONTROL && token !== '') whole.set(token, id);
    } else if (type === USER_DEFINED && token !== '') {
      whole.set(token.replaceAll('▁', ' '), id);
    }
  });
  if (unknownId === null) unknownId = read.id('tokenizer.ggml.unknown_token_id', tokens.length);
  return scoreCore({
    pieces: tokens,
    scores,
    style: 'metaspace',
    bytes,
    unknownId,
    prefixSpace: read.flag('tokenizer.ggml.add_space_prefix') ?? true,
    whole,
    bosId,
    unmergeable,
    bytesFirst: false,
  });
}

function chatSource(read: Reader, tokens: readonly string[], bosId: number | null, eosId: number | null): ChatSource | null {
  const template = read.optionalString('tokenizer.chat_template');
  if (template === null) return null;
  if (template.length > MAX_TEMPLATE) {
    throw read.fail('tokenizer.chat_template', `The file's chat template has ${template.length} characters, more than ${MAX_TEMPLATE}.`);
  }
  const named: Record<string, string> = {};
  if (bosId !== null) named['bos_token'] = tokens[bosId]!;
  if (eosId !== null) named['eos_token'] = tokens[eosId]!;
  return { template, file: read.file, tokens: named };
}

function defaultId(id: number, size: number): number | null {
  return id < size ? id : null;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

/** Typed access to the metadata; every refusal names the file and the key. */
class Reader {
  constructor(
    readonly file: string,
    private readonly metadata: ReadonlyMap<string, unknown>,
  ) {}

  fail(field: string, message: string): InputError {
    return new InputError(message, { file: this.file, field });
  }

  optionalString(key: string): string | null {
    const value = this.metadata.get(key);
    if (value === undefined) return null;
    if (typeof value !== 'string') throw this.fail(key, `The file's ${key} must be a string.`);
    return value;
  }

  string(key: string): string {
    const value = this.optionalString(key);
    if (value === null) throw this.fail(key, `The file has no ${key}, so its texts cannot be tokenised.`);
    return value;
  }

  list(key: string): ArrayLike<unknown> {
    const value = this.metadata.get(key);
    if (value === undefined) throw this.fail(key, `The file has no ${key}, so its texts cannot be tokenised.`);
    if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && 'length' in value))
      throw this.fail(key, `The file's ${key} must be a list.`);
    return value as ArrayLike<unknown>;
  }

  strings(key: string): string[] {
    return Array.from(this.list(key), (value, i) => {
      if (typeof value !== 'string') throw this.fail(key, `Entry ${i} of the file's ${key} must be a string.`);
      return value;
    });
  }

  tokens(): string[] {
    const tokens = this.strings('tokenizer.ggml.tokens');
    const long = tokens.findIndex((token) => token.length > MAX_TOKEN_LENGTH);
    if (long >= 0)
      throw this.fail(
        'tokenizer.ggml.tokens',
        `Token ${long} of the file has ${tokens[long]!.length} characters, more than ${MAX_TOKEN_LENGTH}.`,
      );
    if (tokens.length === 0) throw this.fail('tokenizer.ggml.tokens', "The file's vocabulary is empty.");
    return tokens;
  }

  numbers(key: string, length: number): number[] {
    const list = this.list(key);
    if (list.length !== length) throw this.fail(key, `The file's ${key} has ${list.length} entries for ${length} tokens.`);
    return Array.from(list, (value, i) => {
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw this.fail(key, `Entry ${i} of the file's ${key} must be a finite number.`);
      return value;
    });
  }

  types(length: number): number[] {
    if (!this.metadata.has('tokenizer.ggml.token_type')) return new Array<number>(length).fill(NORMAL);
    return this.numbers('tokenizer.ggml.token_type', length);
  }

  id(key: string, size: number): number | null {
    const value = this.metadata.get(key);
    if (value === undefined) return null;
    const id = typeof value === 'bigint' ? Number(value) : value;
    // llama.cpp writes 2^32 - 1 for "none".
    if (id === 0xffffffff) return null;
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= size) {
      throw this.fail(key, `The file's ${key} is ${String(value)}, but its ${size} tokens have the ids 0 to ${size - 1}.`);
    }
    return id;
  }

  flag(key: string): boolean | null {
    const value = this.metadata.get(key);
    if (value === undefined) return null;
    if (typeof value !== 'boolean') throw this.fail(key, `The file's ${key} must be true or false.`);
    return value;
  }
}
