import { Checker, describe, MAX_NESTING, MAX_TOKENS } from './tokenizer-checker.js';
import type { Json } from './tokenizer-checker.js';
import { seamsOf } from './tokenizer-seam.js';
import { checkNormalizer, rewriteDecoder, rewritePreTokenizer } from './tokenizer-rewrite.js';

export type { Json } from './tokenizer-checker.js';

/** `tokenizer.json` after checking, with every key that the library wants, ready for it. */
export interface TokenizerJson {
  added_tokens: AddedToken[];
  normalizer: Json | null;
  pre_tokenizer: Json | null;
  post_processor: null;
  decoder: Json | null;
  model: Json;
}

export interface AddedToken {
  id: number;
  content: string;
  lstrip: boolean;
  rstrip: boolean;
  singleWord: boolean;
  normalized: boolean;
  special: boolean;
}

/** What a checked tokenizer.json says beside what goes to the library. */
export interface CheckedTokenizer {
  json: TokenizerJson;
  /** Token of each id; undefined for an id that no token has. */
  tokens: (string | undefined)[];
  idOf: Map<string, number>;
  /** Those of them that the model itself has, without added tokens. */
  ownIds: Map<string, number>;
  /** Ids put before and after a text by the post-processor. */
  prefix: number[];
  suffix: number[];
  byteFallback: boolean;
  /** See `seamsOf`. */
  seam: ((text: string) => number) | null;
}

/**
 * Checks a parsed tokenizer.json and rewrites the few parts where `@huggingface/tokenizers` departs from the Rust library
 * (white space and digits by JavaScript's meaning in ByteLevel and Digits, groups in Punctuation, Metaspace's split), so that both give the
 * same ids. What neither can follow exactly is an error. The post-processor is read out here and not given to the library.
 */
export function checkTokenizerJson(value: unknown, file: string): CheckedTokenizer {
  const check = new Checker(file);
  const root = check.object(value, '');
  const model = check.object(root['model'], 'model');
  const { tokens, idOf: ownIds, type } = readVocabulary(check, model);
  if (type === 'BPE') checkBpe(check, model, ownIds);
  const added = readAddedTokens(check, root['added_tokens'], tokens, ownIds);
  const idOf = added.every(({ content }) => ownIds.has(content)) ? ownIds : new Map(ownIds);
  for (const token of added) {
    tokens[token.id] = token.content;
    idOf.set(token.content, token.id);
  }
  const { prefix, suffix } = readPostProcessor(check, root['post_processor'] ?? null, idOf);
  const byteFallback = model['byte_fallback'] === true;
  return {
    json: {
      added_tokens: added,
      normalizer: checkNormalizer(check, root['normalizer'] ?? null),
      pre_tokenizer: rewritePreTokenizer(check, root['pre_tokenizer'] ?? null, 'pre_tokenizer', 0),
      post_processor: null,
      decoder: rewriteDecoder(check, root['decoder'] ?? null),
      // The library makes a table of a BPE's vocabulary that is made here already, and is given that (see tokenizer-library.ts).
      model: { ...model, type, ...(type === 'BPE' ? { vocab: {} } : {}) },
    },
    tokens,
    idOf,
    ownIds,
    prefix,
    suffix,
    byteFallback,
    seam: seamsOf(root),
  };
}

function readVocabulary(check: Checker, model: Json): { tokens: (string | undefined)[]; idOf: Map<string, number>; type: string } {
  const given = model['type'];
  const type = given ?? (Array.isArray(model['vocab']) ? 'Unigram' : 'merges' in model ? 'BPE' : undefined);
  if (type !== 'BPE' && type !== 'Unigram' && type !== 'WordLevel') {
    throw check.fail('model.type', `The tokenizer's model type is ${describe(given)}, but only BPE, Unigram and WordLevel are understood.`);
  }
  const tokens: (string | undefined)[] = [];
  const idOf = new Map<string, number>();
  const add = (token: string, id: number): void => {
    if (tokens[id] !== undefined) {
      throw check.fail('model.vocab', `Two tokens of the tokenizer's vocabulary, "${tokens[id]}" and "${token}", have the same id ${id}.`);
    }
    tokens[id] = token;
    idOf.set(token, id);
  };
  if (type === 'Unigram') {
    const list = check.list(model['vocab'], 'model.vocab');
    list.forEach((entry, i) => {
      const [token, score] = check.list(entry, `model.vocab[${i}]`);
      if (typeof score !== 'number')
        throw check.fail('model.vocab', `\`model.vocab[${i}]\` of the tokenizer must be a token with a score.`);
      tokens[check.id(i, `model.vocab[${i}]`)] = check.string(token, `model.vocab[${i}]`);
      // Of a piece that is there twice the Rust library knows the last.
      idOf.set(token as string, i);
    });
    const unknown = model['unk_id'];
    if (unknown !== null && unknown !== undefined && !(check.id(unknown, 'model.unk_id') < list.length)) {
      throw check.fail('model.unk_id', `The tokenizer's unk_id ${String(unknown)} is beyond its ${list.length} tokens.`);
    }
  } else {
    const vocab = check.object(model['vocab'], 'model.vocab');
    for (const token of Object.keys(vocab))
      add(
        token,
        check.id(vocab[token], () => `model.vocab[${JSON.stringify(token.slice(0, 40))}]`),
      );
  }
  if (idOf.size === 0) throw check.fail('model.vocab', "The tokenizer's vocabulary is empty.");
  const unknown = model['unk_token'];
  if (unknown !== null && unknown !== undefined) check.string(unknown, 'model.unk_token');
  if (type === 'WordLevel') {
    if (typeof unknown !== 'string' || !idOf.has(unknown)) {
      throw check.fail('model.unk_token', `The tokenizer's unk_token ${describe(unknown)} is not in its vocabulary.`);
    }
  }
  return { tokens, idOf, type };
}

function checkBpe(check: Checker, model: Json, idOf: Map<string, number>): void {
  const merges = check.list(model['merges'], 'model.merges');
  if (merges.length > MAX_TOKENS) throw check.fail('model.merges', `The tokenizer lists ${merges.length} merges, more than ${MAX_TOKENS}.`);
  const pairs: [string, string][] = merges.map((merge, i) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? (merge as unknown[]) : [];
    const [left, right] = pair;
    if (pair.length !== 2 || typeof left !== 'string' || typeof right !== 'string') {
      throw check.fail(`model.merges[${i}]`, `\`model.merges[${i}]\` of the tokenizer must be two tokens, not ${describe(merge)}.`);
    }
    for (const token of [left, right, left + right]) {
      if (!idOf.has(token)) {
        throw check.fail(
          `model.merges[${i}]`,
          `\`model.merges[${i}]\` of the tokenizer needs the token "${token}", which is not in its vocabulary.`,
        );
      }
    }
    return [left, right];
  });
  model['merges'] = pairs;
  if (typeof model['dropout'] === 'number' && model['dropout'] > 0) {
    throw check.fail(
      'model.dropout',
      `The tokenizer drops merges at random (dropout ${model['dropout']}), so that a text would have no ids of its own.`,
    );
  }
  if (model['end_of_word_suffix'] && !model['unk_token'] && model['byte_fallback'] !== true) {
    throw check.fail(
      'model.end_of_word_suffix',
      `The tokenizer marks ends of words with ${describe(model['end_of_word_suffix'])} and has no unk_token for unknown characters, which is not understood.`,
    );
  }
  if (model['continuing_subword_prefix']) {
    throw check.fail(
      'model.continuing_subword_prefix',
      `The tokenizer's continuing_subword_prefix ${describe(model['continuing_subword_prefix'])} is not understood.`,
    );
  }
}

function readAddedTokens(
  check: Checker,
  value: unknown,
  tokens: readonly (string | undefined)[],
  idOf: ReadonlyMap<string, number>,
): AddedToken[] {
  if (value === undefined || value === null) return [];
  const seen = new Map<number, string>();
  const list: AddedToken[] = [];
  check.list(value, 'added_tokens').forEach((entry, i) => {
    const field = `added_tokens[${i}]`;
    const token = check.object(entry, field);
    const content = check.string(token['content'], `${field}.content`);
    const id = check.id(token['id'], `${field}.id`);
    const other = seen.get(id) ?? tokens[id];
    if (other !== undefined && other !== content) {
      throw check.fail(`${field}.id`, `The added token "${content}" has the id ${id}, which is already that of "${other}".`);
    }
    const known = idOf.get(content);
    if (known !== undefined && known !== id) {
      throw check.fail(`${field}.id`, `The added token "${content}" has the id ${id}, but in the vocabulary it is ${known}.`);
    }
    if (seen.has(id) || content === '') return;
    seen.set(id, content);
    const special = token['special'] === true;
    list.push({
      id,
      content,
      special,
      lstrip: token['lstrip'] === true,
      rstrip: token['rstrip'] === true,
      singleWord: token['single_word'] === true,
      normalized: typeof token['normalized'] === 'boolean' ? token['normalized'] : !special,
    });
  });
  return list;
}

function readPostProcessor(check: Checker, value: unknown, idOf: ReadonlyMap<string, number>): { prefix: number[]; suffix: number[] } {
  const prefix: number[] = [];
  const suffix: number[] = [];
  const known = (token: string, field: string): number => {
    const id = idOf.get(token);
    if (id === undefined) throw check.fail(field, `The tokenizer's post-processor adds "${token}", which is not in its vocabulary.`);
    return id;
  };
  const visit = (entry: unknown, field: string, depth: number): void => {
    if (entry === null) return;
    const processor = check.object(entry, field);
    if (depth > MAX_NESTING) throw check.fail(field, `The tokenizer's post-processor is nested more than ${MAX_NESTING} deep.`);
    switch (processor['type']) {
      case 'ByteLevel':
        return;
      case 'Sequence':
        check
          .list(processor['processors'], `${field}.processors`)
          .forEach((inner, i) => visit(inner, `${field}.processors[${i}]`, depth + 1));
        return;
      case 'BertProcessing':
      case 'RobertaProcessing': {
        const [cls] = check.list(processor['cls'], `${field}.cls`);
        const [sep] = check.list(processor['sep'], `${field}.sep`);
        prefix.unshift(known(check.string(cls, `${field}.cls`), `${field}.cls`));
        suffix.push(known(check.string(sep, `${field}.sep`), `${field}.sep`));
        return;
      }
      case 'TemplateProcessing': {
        const specials =
          processor['special_tokens'] === undefined ? {} : check.object(processor['special_tokens'], `${field}.special_tokens`);
        const before: number[] = [];
        const after: number[] = [];
        let sequences = 0;
        check.list(processor['single'], `${field}.single`).forEach((item, i) => {
          const step = check.object(item, `${field}.single[${i}]`);
          if ('Sequence' in step) {
            sequences++;
            return;
          }
          const name = check.string(
            check.object(step['SpecialToken'], `${field}.single[${i}].SpecialToken`)['id'],
            `${field}.single[${i}].SpecialToken.id`,
          );
          const special = Object.hasOwn(specials, name) ? check.object(specials[name], `${field}.special_tokens`) : null;
          const names =
            special === null ? [name] : check.list(special['tokens'], `${field}.special_tokens[${JSON.stringify(name)}].tokens`);
          const ids = names.map((token) => known(check.string(token, `${field}.special_tokens`), `${field}.special_tokens`));
          (sequences === 0 ? before : after).push(...ids);
        });
        if (sequences !== 1)
          throw check.fail(`${field}.single`, `The tokenizer's template must hold the text once, but holds it ${sequences} times.`);
        prefix.unshift(...before);
        suffix.push(...after);
        return;
      }
      default:
        throw check.fail(
          `${field}.type`,
          `The tokenizer's post-processor type is ${describe(processor['type'])}, which is not understood.`,
        );
    }
  };
  visit(value, 'post_processor', 0);
  return { prefix, suffix };
}
