import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { InputError } from '../errors.js';
import { DATE_NOTE, pickTemplate, writesDate } from './chat.js';
import type { ChatSource } from './chat.js';
import { openFile } from './file.js';
import { readJsonObject } from './json.js';
import { buildTokenizer } from './tokenizer-build.js';
import { checkTokenizerJson } from './tokenizer-json.js';
import type { CheckedTokenizer, Json } from './tokenizer-json.js';
import { libraryCore } from './tokenizer-library.js';
import type { Tokenizer } from './types.js';

const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
const MAX_TEMPLATE_BYTES = 1024 * 1024;

/** The named special tokens of a tokenizer_config.json. */
const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

/**
 * The tokenizer of a model folder in Hugging Face layout: `tokenizer.json`, and beside it `tokenizer_config.json`,
 * `special_tokens_map.json`, `generation_config.json`, `config.json` and `chat_template.jinja` where they are.
 *
 * BOS is added if `add_bos_token` says so; where that key is missing, if the post-processor's template does. Spaces are never
 * tidied up when decoding, whatever `clean_up_tokenization_spaces` says: the text is what the ids stand for.
 */
export function loadFolderTokenizer(folder: string): Tokenizer {
  const file = join(folder, 'tokenizer.json');
  if (!existsSync(file)) {
    throw new InputError('The model folder has no tokenizer.json, which holds the vocabulary and the merges.', { file: folder });
  }
  const json = readJsonObject(file, MAX_TOKENIZER_BYTES);
  const config = optionalObject(join(folder, 'tokenizer_config.json'));
  const special = { ...optionalObject(join(folder, 'special_tokens_map.json')), ...config };
  const checked = checkTokenizerJson(withNamedTokens(json, special, file), file);
  const named = namedTokens(special, checked.idOf);
  const notes: string[] = [];
  const bosId = named.get('bos_token') ?? checked.prefix[0] ?? null;
  const eosId = named.get('eos_token') ?? null;
  const prefix = withOverride(checked.prefix, config['add_bos_token'], bosId, 'add_bos_token', notes);
  const suffix = withOverride(checked.suffix, config['add_eos_token'], eosId, 'add_eos_token', notes);
  const chat = chatSource(folder, config, named, checked);
  if (chat !== null && writesDate(chat.template)) notes.push(DATE_NOTE);
  return buildTokenizer({
    kind: 'tokenizer.json',
    file,
    core: libraryCore(checked, file),
    size: checked.tokens.length,
    prefix,
    suffix,
    bosId,
    eosIds: endIds(folder, eosId, checked.tokens.length),
    specialIds: specialIds(checked, named.values()),
    chat,
    notes,
  });
}

/** Special and empty ids: what a run must never choose by itself. */
export function specialIds(checked: CheckedTokenizer, more: Iterable<number>): Set<number> {
  const ids = new Set<number>(more);
  for (const token of checked.json.added_tokens) if (token.special) ids.add(token.id);
  for (let id = 0; id < checked.tokens.length; id++) if (checked.tokens[id] === undefined) ids.add(id);
  return ids;
}

function withOverride(ids: readonly number[], wanted: unknown, id: number | null, key: string, notes: string[]): readonly number[] {
  if (typeof wanted !== 'boolean' || id === null) return ids;
  if (wanted === ids.includes(id)) return ids;
  notes.push(`tokenizer_config.json says ${key}: ${String(wanted)}, tokenizer.json the opposite; the former is followed.`);
  return wanted ? (key === 'add_bos_token' ? [id, ...ids] : [...ids, id]) : ids.filter((other) => other !== id);
}

/** The text of a special token as configs write it: a string, or an object with `content`. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}

function namedTokens(config: Json, idOf: ReadonlyMap<string, number>): Map<string, number> {
  const named = new Map<string, number>();
  for (const key of NAMED) {
    const text = tokenText(config[key]);
    const id = text === null ? undefined : idOf.get(text);
    if (id !== undefined) named.set(key, id);
  }
  return named;
}

/** As transformers does, tokens that the config names as special are special where tokenizer.json has them as plain vocabulary only. */
function withNamedTokens(json: Json, config: Json, file: string): Json {
  const vocab = (json['model'] as { vocab?: unknown } | null | undefined)?.vocab;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) return json;
  const added = json['added_tokens'] ?? [];
  if (!Array.isArray(added)) throw new InputError('`added_tokens` of the tokenizer must be a list.', { file, field: 'added_tokens' });
  const present = new Set(added.map((token) => tokenText(token)));
  const more: Json[] = [];
  const add = (content: string | null, properties: Json): void => {
    if (content === null || present.has(content) || !Object.hasOwn(vocab, content)) return;
    present.add(content);
    more.push({ ...properties, content, id: (vocab as Json)[content] });
  };
  const decoder = config['added_tokens_decoder'];
  if (typeof decoder === 'object' && decoder !== null && !Array.isArray(decoder)) {
    for (const token of Object.values(decoder)) add(tokenText(token), { ...(token as Json) });
  }
  for (const key of NAMED) add(tokenText(config[key]), { special: true, normalized: false });
  const extra = config['additional_special_tokens'];
  if (Array.isArray(extra)) for (const token of extra) add(tokenText(token), { special: true, normalized: false });
  return more.length === 0 ? json : { ...json, added_tokens: [...(added as unknown[]), ...more] };
}

/** Every id that may end a text: the tokenizer's own and what generation_config.json and config.json name. */
function endIds(folder: string, eosId: number | null, size: number): number[] {
  const ids = new Set<number>(eosId === null ? [] : [eosId]);
  for (const name of ['generation_config.json', 'config.json']) {
    const value = optionalObject(join(folder, name))['eos_token_id'];
    for (const id of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < size) ids.add(id);
    }
  }
  return [...ids];
}

function chatSource(folder: string, config: Json, named: ReadonlyMap<string, number>, checked: CheckedTokenizer): ChatSource | null {
  const tokens: Record<string, string> = {};
  for (const [key, id] of named) tokens[key] = checked.tokens[id] ?? '';
  const file = join(folder, 'chat_template.jinja');
  const own = readText(file, MAX_TEMPLATE_BYTES);
  if (own !== undefined) return { template: own, file, tokens };
  const template = pickTemplate(config['chat_template']);
  return template === null ? null : { template, file: join(folder, 'tokenizer_config.json'), tokens };
}

/** A JSON file's object, empty where there is no such file. */
function optionalObject(file: string): Json {
  return existsSync(file) ? readJsonObject(file, MAX_CONFIG_BYTES) : {};
}

/** A file's text, or undefined where there is none. */
function readText(path: string, limit: number): string | undefined {
  if (!existsSync(path)) return undefined;
  const file = openFile(path);
  try {
    if (file.size > limit) {
      throw new InputError(`${basename(path)} has ${file.size} bytes, more than the ${limit} that are read.`, { file: path });
    }
    return new TextDecoder('utf-8').decode(file.read(0, file.size));
  } finally {
    file.close();
  }
}
