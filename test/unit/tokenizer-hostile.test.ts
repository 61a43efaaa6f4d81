import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { withTimeLimit } from '../../src/model/time-limit.js';
import { renderTemplate } from '../../src/model/chat.js';
import { loadTokenizer } from '../../src/model/tokenizer.js';
import type { Tokenizer } from '../../src/model/types.js';
import { cpuTime } from '../helpers/cpu-time.js';
import { referencePath, temporaryFolder } from '../helpers/reference.js';

type Json = Record<string, unknown>;
const source = join(dirname(fileURLToPath(import.meta.url)), 'tokenizers', 'llama3.json');
const text = readFileSync(source, 'utf8');

/** A folder with this tokenizer.json and further files. */
function folderOf(tokenizer: string | Json, files: Record<string, string | Json> = {}): string {
  const folder = temporaryFolder();
  const write = (name: string, content: string | Json): void =>
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  write('tokenizer.json', tokenizer);
  for (const [name, content] of Object.entries(files)) write(name, content);
  return folder;
}

async function open(tokenizer: string | Json, files: Record<string, string | Json> = {}): Promise<Tokenizer> {
  return loadTokenizer({ kind: 'folder', path: folderOf(tokenizer, files) });
}

/** A change to the parsed tokenizer. */
function changed(change: (json: Json & { model: Json; added_tokens: Json[] }) => void): Json {
  const json = JSON.parse(text) as Json & { model: Json; added_tokens: Json[] };
  change(json);
  return json;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    const { message, place } = error as InputError;
    expect(message).toMatch(/^[^\n]{1,600}[.?]$/);
    expect(place.file).toBeTruthy();
    return message;
  }
  throw new Error('nothing was refused');
}

describe('a malformed tokenizer.json is refused in one sentence', () => {
  const token = (content: string, id: unknown): Json => ({ id, content, special: true, normalized: false });
  it.each<[string, string | Json, RegExp]>([
    ['not JSON', '{"model":', /not JSON/],
    ['not an object', '[1]', /not a JSON object/],
    ['empty', '', /not JSON/],
    ['no model', changed((t) => delete (t as Json)['model']), /`model` of the tokenizer must be a JSON object, not missing/],
    ['unknown model', changed((t) => (t.model['type'] = 'Neural')), /model type is "Neural", but only BPE, Unigram and WordLevel/],
    ['no merges', changed((t) => delete t.model['merges']), /`model.merges` of the tokenizer must be a list, not missing/],
    ['merge of three', changed((t) => (t.model['merges'] = ['a b c'])), /must be two tokens/],
    ['merge of unknown', changed((t) => (t.model['merges'] = [['a', 'zzzz']])), /needs the token "zzzz"/],
    ['no vocabulary', changed((t) => (t.model['vocab'] = {})), /vocabulary is empty/],
    ['vocabulary as list', changed((t) => (t.model['vocab'] = ['a'])), /`model.vocab` of the tokenizer must be a JSON object/],
    ['an id twice', changed((t) => ((t.model['vocab'] as Json)['a'] = (t.model['vocab'] as Json)['b'])), /have the same id/],
    ['negative id', changed((t) => ((t.model['vocab'] as Json)['a'] = -1)), /whole number from 0/],
    ['fractional id', changed((t) => ((t.model['vocab'] as Json)['a'] = 1.5)), /whole number from 0/],
    ['giant id', changed((t) => ((t.model['vocab'] as Json)['a'] = 4e9)), /whole number from 0/],
    ['id as text', changed((t) => ((t.model['vocab'] as Json)['a'] = '5')), /not "5"/],
    ['added token on another', changed((t) => t.added_tokens.push(token('<new>', 5))), /already that of/],
    ['added token without id', changed((t) => t.added_tokens.push(token('<new>', null))), /added_tokens\[1\]\.id/],
    ['added tokens as object', changed((t) => ((t as Json)['added_tokens'] = {})), /must be a list/],
    ['unknown normalizer', changed((t) => ((t as Json)['normalizer'] = { type: 'Rot13' })), /normalizer type is "Rot13"/],
    ['unknown pre-tokenizer', changed((t) => ((t as Json)['pre_tokenizer'] = { type: 'Telepathy' })), /pre-tokenizer type is "Telepathy"/],
    [
      'split that is not understood',
      changed((t) => ((t as Json)['pre_tokenizer'] = { type: 'Split', pattern: { String: 'a' }, behavior: 'MergedWithNext' })),
      /MergedWithNext/,
    ],
    [
      'pattern that is no pattern',
      changed((t) => ((t as Json)['pre_tokenizer'] = { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' })),
      /cannot be built/,
    ],
    [
      'normalizer with a pattern that JavaScript has not',
      changed((t) => ((t as Json)['normalizer'] = { type: 'Replace', pattern: { Regex: '(?i)the' }, content: 'a' })),
      /cannot be built/,
    ],
    [
      'ends of words without an unknown token',
      changed((t) => (t.model['end_of_word_suffix'] = '</w>')),
      /marks ends of words with "<\/w>"/,
    ],
    ['unknown post-processor', changed((t) => ((t as Json)['post_processor'] = { type: 'Surprise' })), /post-processor type is "Surprise"/],
    [
      'template with an unknown token',
      changed(
        (t) =>
          ((t as Json)['post_processor'] = {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: '<x>' } }, { Sequence: { id: 'A' } }],
          }),
      ),
      /adds "<x>", which is not in its vocabulary/,
    ],
    [
      'template without the text',
      changed((t) => ((t as Json)['post_processor'] = { type: 'TemplateProcessing', single: [] })),
      /holds it 0 times/,
    ],
    ['unknown decoder', changed((t) => ((t as Json)['decoder'] = { type: 'Oracle' })), /decoder type is "Oracle"/],
    ['random merges', changed((t) => (t.model['dropout'] = 0.1)), /at random/],
    [
      'nested too deep',
      changed((t) => {
        let inner: Json = { type: 'NFC' };
        for (let i = 0; i < 25; i++) inner = { type: 'Sequence', normalizers: [inner] };
        (t as Json)['normalizer'] = inner;
      }),
      /nested more than 16 deep/,
    ],
    ...['AAAA', 'CQAAAAAAAAAAAAAAAA==', '////fw==', 7].map((map): [string, ReturnType<typeof changed>, RegExp] => [
      `a table of characters that is none: ${map}`,
      changed((t) => ((t as Json)['normalizer'] = { type: 'Precompiled', precompiled_charsmap: map })),
      /precompiled_charsmap must be a table/,
    ]),
    [
      'a scheme for what stands first, behind a cut',
      changed(
        (t) =>
          ((t as Json)['pre_tokenizer'] = {
            type: 'Sequence',
            pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' }],
          }),
      ),
      /first behind another/,
    ],
  ])('%s', async (_, tokenizer, message) => {
    expect(await refusal(open(tokenizer))).toMatch(message);
  });

  it('no tokenizer at all, or one that is a folder', async () => {
    expect(await refusal(loadTokenizer({ kind: 'folder', path: temporaryFolder() }))).toMatch(/has no tokenizer\.json/);
    const folder = temporaryFolder();
    await import('node:fs').then(({ mkdirSync }) => mkdirSync(join(folder, 'tokenizer.json')));
    expect(await refusal(loadTokenizer({ kind: 'folder', path: folder }))).toMatch(/folder|file/);
  });

  it('a tokenizer_config.json that is not JSON', async () => {
    expect(await refusal(open(text, { 'tokenizer_config.json': '{' }))).toMatch(/tokenizer_config\.json/);
  });

  it('a pattern that backtracks for ever is stopped', async () => {
    const tokenizer = await open(
      changed((t) => ((t as Json)['pre_tokenizer'] = { type: 'Split', pattern: { Regex: '(a+)+$|x' }, behavior: 'Isolated' })),
    );
    expect(tokenizer.encode('aaa').length).toBeGreaterThan(0);
    // The limit of the tokenizer itself is long; the mechanism is the same.
    const work = (): unknown => /^(a+)+$/.test(`${'a'.repeat(60)}b`);
    expect(cpuTime(() => expect(() => withTimeLimit(300, work, () => new InputError('too slow'))).toThrow('too slow'))).toBeLessThan(5000);
    expect(
      withTimeLimit(
        300,
        () => 42,
        () => new Error(),
      ),
    ).toBe(42);
  });

  it('mutations of a tokenizer.json end in a refusal or in a tokenizer that works', async () => {
    let state = 12345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state % below;
    };
    const values: unknown[] = [null, true, -1, 1e12, '', 'x', [], {}, [[]], { type: 'BPE' }, 'ByteLevel', 0.5];
    let refused = 0;
    let worked = 0;
    for (let i = 0; i < 250; i++) {
      let mutated: string;
      if (i % 3 === 0) {
        const bytes = Buffer.from(text);
        for (let k = 0; k < 3; k++) bytes[random(bytes.length)] = random(256);
        mutated = bytes.toString('latin1');
      } else {
        const json = JSON.parse(text) as Json;
        // Down to a random place that is not in the vocabulary or the merges, which hold most places.
        let parent: Json | unknown[] = json;
        for (;;) {
          const keys = Object.keys(parent).filter((key) => i % 3 === 1 || (key !== 'vocab' && key !== 'merges'));
          if (keys.length === 0) break;
          const key = keys[random(keys.length)]!;
          const child = (parent as Json)[key];
          if (typeof child === 'object' && child !== null && random(4) > 0) parent = child as Json;
          else {
            if (random(3) === 0) delete (parent as Json)[key];
            else (parent as Json)[key] = values[random(values.length)];
            break;
          }
        }
        mutated = JSON.stringify(json);
      }
      try {
        const tokenizer = await open(mutated);
        const tokens = tokenizer.encode("Tom's dog <|special|> 日本 12345");
        for (const { id } of tokens) expect(id).toBeLessThan(tokenizer.size);
        expect(typeof tokenizer.decode(tokens.map(({ id }) => id))).toBe('string');
        worked++;
      } catch (error) {
        expect(error, mutated.slice(0, 300)).toBeInstanceOf(InputError);
        expect((error as InputError).message).toMatch(/^[^\n]+[.?]$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(worked).toBeGreaterThan(20);
  });
});

describe('what the config says of BOS, EOS and special tokens', () => {
  it('add_bos_token decides over the template, and says so', async () => {
    const without = await open(text, { 'tokenizer_config.json': { bos_token: '<|special|>', add_bos_token: false } });
    expect(without.addsBos).toBe(false);
    expect(without.encode('Hello')[0]!.id).not.toBe(without.bosId);
    expect(without.notes!.join()).toMatch(/add_bos_token: false/);
    const json = changed((t) => ((t as Json)['post_processor'] = null));
    const plain = await open(json, { 'tokenizer_config.json': { bos_token: '<|special|>' } });
    expect(plain.addsBos).toBe(false);
    const added = await open(json, { 'tokenizer_config.json': { bos_token: { content: '<|special|>' }, add_bos_token: true } });
    expect(added.addsBos).toBe(true);
    expect(added.encode('Hello')[0]).toMatchObject({ id: added.bosId, text: '<|special|>', start: 0, end: 0 });
    expect(added.encode('Hello', { addSpecial: false })[0]!.id).not.toBe(added.bosId);
  });

  it('takes end-of-text ids from generation_config.json and config.json too', async () => {
    const tokenizer = await open(text, {
      'tokenizer_config.json': { eos_token: '<|special|>' },
      'generation_config.json': { eos_token_id: [3, 4] },
      'config.json': { eos_token_id: 99999 },
    });
    expect([...tokenizer.eosIds].sort((a, b) => a - b)).toEqual(
      [...new Set([tokenizer.encode('<|special|>', { addSpecial: false })[0]!.id, 3, 4])].sort((a, b) => a - b),
    );
  });

  it('treats tokens that the config names as special as special, though tokenizer.json has them as plain vocabulary', async () => {
    const json = changed((t) => (t.added_tokens = []));
    (json['post_processor'] as unknown) = null;
    const tokenizer = await open(json, { 'tokenizer_config.json': { eos_token: '<|special|>' } });
    const tokens = tokenizer.encode('a<|special|>b');
    expect(tokens.map((token) => token.text)).toEqual(['a', '<|special|>', 'b']);
    expect(tokenizer.specialIds.has(tokens[1]!.id)).toBe(true);
    expect(tokenizer.decode(tokens.map(({ id }) => id))).toBe('ab');
  });

  it('gives holes in the vocabulary no token, and lets no run choose them', async () => {
    const tokenizer = await open(changed((t) => t.added_tokens.push({ id: 1000, content: '<far>', special: false, normalized: false })));
    expect(tokenizer.size).toBe(1001);
    expect(tokenizer.specialIds.has(900)).toBe(true);
    expect(tokenizer.specialIds.has(1000)).toBe(false);
    expect(tokenizer.decode([900])).toBe('');
    expect(tokenizer.token(900)).toBe('<id 900>');
  });
});

describe('chat templates', () => {
  it('that leave a turn of a loop behind text are refused, those that skip a turn are followed', () => {
    const render = (template: string): string =>
      renderTemplate(
        { template, file: 'tokenizer_config.json', tokens: {} },
        ['system', 'user'].map((role) => ({ role, content: `I am ${role}.` })),
        true,
      );
    const skip = `{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{% if m.role == 'system' %}{% continue %}{% endif %}`;
    expect(render(`{% for m in messages %}{% set x = 1 %}${skip}{{ m.content }}{% endfor %}`)).toBe('I am user.');
    expect(() => render(`{% for m in messages %}{{ m.role }}${skip}{{ m.content }}{% endfor %}`)).toThrow(/break or continue/);
    expect(() => render(`{% for m in messages %}{% if m.role %}- {% break %}{% endif %}{% endfor %}`)).toThrow(/break or continue/);
  });

  const messages = [{ role: 'user', content: 'Hi' }];
  const config = (chat_template: unknown): Record<string, Json> => ({
    'tokenizer_config.json': { bos_token: '<|special|>', chat_template },
  });

  it('as a list of named ones, in a file of its own, with the special tokens by name', async () => {
    const named = await open(
      text,
      config([
        { name: 'tool_use', template: 'no' },
        { name: 'default', template: '{{ bos_token }}{{ messages[0].content }}' },
      ]),
    );
    expect(named.renderChat(messages)).toBe('<|special|>Hi');
    const file = await open(text, {
      ...config('old'),
      'chat_template.jinja': '{% for m in messages %}\n[{{ m.role }}] {{ m.content }}{% endfor %}{{ "" if tools is none else tools }}',
    });
    expect(file.renderChat(messages)).toBe('[user] Hi');
    expect((await open(text, config(7))).hasChatTemplate).toBe(false);
  });

  it('that refuse, are broken, never end, or write the date', async () => {
    const refuse = await open(text, config("{{ raise_exception('roles must alternate') }}"));
    expect(await refusal((async () => refuse.renderChat(messages))())).toMatch(/roles must alternate/);
    const broken = await open(text, config('{% for %}'));
    expect(await refusal((async () => broken.renderChat(messages))())).toMatch(/does not take these messages/);
    const endless = await open(
      text,
      config('{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i * j %}{% endfor %}{% endfor %}'),
    );
    expect(await refusal((async () => endless.renderChat(messages))())).toMatch(/took more than 2 s/);
    const dated = await open(text, config("{{ strftime_now('%Y') }}"));
    expect(dated.renderChat(messages)).toMatch(/^\d{4}$/);
    expect(dated.notes!.join()).toMatch(/date/);
  });
});

describe('GGUF and llama2.c', () => {
  const base: [string, unknown][] = [
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', ['<unk>', '<s>', '</s>', '<0x0A>', '<0xC3>', '<0xA9>', '▁', 'a', 'b', 'ab', '▁ab', '[PAD]', '<|user|>']],
    ['tokenizer.ggml.scores', new Float32Array([0, 0, 0, 0, 0, 0, -1, -2, -3, -4, -5, 0, 0])],
    ['tokenizer.ggml.token_type', new Int32Array([2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1, 5, 4])],
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
  ];
  const load = (changes: Record<string, unknown> = {}): Promise<Tokenizer> => {
    const metadata = new Map(base);
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) metadata.delete(key);
      else metadata.set(key, value);
    }
    return loadTokenizer({ kind: 'gguf', path: 'model.gguf', metadata });
  };
  const shown = (tokenizer: Tokenizer, given: string): string[] =>
    tokenizer.encode(given, { addSpecial: false }).map(({ id }) => tokenizer.token(id));

  it('reads a SentencePiece vocabulary: scores, byte fallback, special and user-defined tokens', async () => {
    const tokenizer = await load();
    expect(tokenizer.addsBos).toBe(true);
    expect(shown(tokenizer, 'abé')).toEqual([' ab', '<0xC3>', '<0xA9>']);
    expect(shown(tokenizer, '<|user|>ab</s>')).toEqual(['<|user|>', ' ab', '</s>']);
    expect(tokenizer.decode(tokenizer.encode('ab\nabé').map(({ id }) => id))).toBe('ab\nabé');
    expect(tokenizer.decode([10], { continuation: true })).toBe(' ab');
    // 日 has bytes that the vocabulary lacks.
    expect(tokenizer.encode('ab日b', { addSpecial: false }).map(({ id, start, end }) => [id, start, end])).toEqual([
      [10, 0, 2],
      [0, 2, 3],
      [8, 3, 4],
    ]);
    expect([...tokenizer.specialIds].sort((a, b) => a - b)).toEqual([0, 1, 2, 11]);
    expect(shown(await load({ 'tokenizer.ggml.add_space_prefix': false }), 'ab')).toEqual(['ab']);
    // Of equal scores the leftmost pair is merged first.
    const ties = await load({
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', 'a', 'b', 'c', 'ab', 'bc'],
      'tokenizer.ggml.scores': [0, 0, 0, -1, -1, -1, -2, -2],
      'tokenizer.ggml.token_type': [2, 3, 3, 1, 1, 1, 1, 1],
      'tokenizer.ggml.add_space_prefix': false,
    });
    expect(shown(ties, 'abc')).toEqual(['ab', 'c']);
    expect(shown(ties, 'bcabc')).toEqual(['bc', 'ab', 'c']);
    expect((await load({ 'tokenizer.ggml.add_bos_token': false })).encode('ab').map(({ id }) => id)).toEqual([10]);
  });

  it('adds BOS where older files leave it to the pre-tokenizer', async () => {
    const bytes = {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.tokens': ['a', 'b', 'ab', '<|bos|>'],
      'tokenizer.ggml.token_type': [1, 1, 1, 3],
      'tokenizer.ggml.merges': ['a b'],
      'tokenizer.ggml.bos_token_id': 3,
      'tokenizer.ggml.eos_token_id': 3,
    };
    const encoded = async (more: Record<string, unknown>): Promise<number[]> =>
      (await load({ ...bytes, ...more })).encode('ab<|bos|>').map(({ id }) => id);
    expect(await encoded({ 'tokenizer.ggml.pre': 'llama-bpe' })).toEqual([3, 2, 3]);
    expect(await encoded({ 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false })).toEqual([2, 3]);
    expect(await encoded({ 'tokenizer.ggml.pre': 'gpt-2' })).toEqual([2, 3]);
    expect((await load(bytes)).notes!.join()).toMatch(/does not name its pre-tokenizer/);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no model', { 'tokenizer.ggml.model': undefined }, /has no tokenizer\.ggml\.model/],
    ['unknown model', { 'tokenizer.ggml.model': 'rwkv' }, /"rwkv", but only/],
    [
      'unknown pre-tokenizer',
      { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'kimi-k2', 'tokenizer.ggml.merges': [] },
      /"kimi-k2" is not understood/,
    ],
    ['no tokens', { 'tokenizer.ggml.tokens': undefined }, /has no tokenizer\.ggml\.tokens/],
    ['tokens of numbers', { 'tokenizer.ggml.tokens': [1, 2] }, /Entry 0 .* must be a string/],
    ['scores too few', { 'tokenizer.ggml.scores': [1] }, /has 1 entries for 13 tokens/],
    ['scores not finite', { 'tokenizer.ggml.scores': new Float32Array(13).fill(NaN) }, /finite number/],
    ['types too few', { 'tokenizer.ggml.token_type': [1] }, /has 1 entries for 13 tokens/],
    ['bos beyond', { 'tokenizer.ggml.bos_token_id': 13 }, /is 13, but its 13 tokens have the ids 0 to 12/],
    ['bos flag as number', { 'tokenizer.ggml.add_bos_token': 1 }, /must be true or false/],
    ['merges missing', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2' }, /has no tokenizer\.ggml\.merges/],
    [
      'merge unknown',
      { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a zz'] },
      /needs the token "zz"/,
    ],
    ['template as number', { 'tokenizer.chat_template': 4 }, /must be a string/],
  ])('refuses metadata with %s', async (_, changes, message) => {
    expect(await refusal(load(changes))).toMatch(message);
  });

  it('refuses a llama2.c tokenizer that is cut off, of another size, or not one', async () => {
    const file = readFileSync(referencePath('stories260K', 'tok512.bin'));
    const openBytes = (bytes: Uint8Array, vocabSize = 512): Promise<Tokenizer> => {
      const path = join(temporaryFolder(), 'tokenizer.bin');
      writeFileSync(path, bytes);
      return loadTokenizer({ kind: 'llama2c', path, vocabSize });
    };
    expect((await openBytes(file)).size).toBe(512);
    expect(await refusal(openBytes(file.subarray(0, 3000)))).toMatch(/claims|ends after/);
    expect(await refusal(openBytes(file, 513))).toMatch(/ends after 512 tokens, but the model has 513/);
    expect(await refusal(openBytes(file, 400))).toMatch(/belongs to another model/);
    expect(await refusal(openBytes(new Uint8Array(2)))).toMatch(/has 2 bytes/);
    const long = Buffer.from(file);
    long.writeInt32LE(0x7fffffff, 8);
    expect(await refusal(openBytes(long))).toMatch(/claims 2147483647 bytes/);
    for (let i = 0; i < 60; i++) {
      const mutated = Buffer.from(file);
      mutated[(i * 7919) % mutated.length] = (i * 37) % 256;
      try {
        (await openBytes(mutated)).encode('Once upon a time');
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }
  });
});
