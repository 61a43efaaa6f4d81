import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseFiles } from '../../src/hub/choose.js';
import { retryAfter } from '../../src/hub/faults.js';
import { openNet, parseEndpoint, type Net, type NetOptions } from '../../src/hub/net.js';
import { planDownload, type Plan } from '../../src/hub/plan.js';
import { sizeText } from '../../src/hub/size.js';
import { parseReference, referenceId } from '../../src/model/reference.js';
import { packageRoot } from '../../src/paths.js';
import { folderFiles, HubServer, sha256, type HubServerOptions } from '../helpers/hub-server.js';
import { startProxy, type ProxyServer } from '../helpers/proxy.js';
import { referencePath } from '../helpers/reference.js';

const pocket = folderFiles(join(packageRoot(), 'media', 'models', 'pocket-small'));
const REPO = 'symbolic/pocket';
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

let server: HubServer;
let proxy: ProxyServer | undefined;
let nets: Net[];

beforeEach(() => {
  nets = [];
  proxy = undefined;
});
afterEach(async () => {
  await Promise.all(nets.map((net) => net.close()));
  await proxy?.stop();
  await server?.stop();
});

async function serve(repos: HubServerOptions['repos'], more: Partial<HubServerOptions> = {}): Promise<void> {
  server = await HubServer.start({ repos, ...more });
}

function plan(reference = REPO, options: NetOptions = {}): Promise<Plan> {
  const net = openNet({ endpoint: server.endpoint, timeout: 2000, ...options });
  nets.push(net);
  return planDownload(net, parseReference(reference), { patience: { pause: 1, tries: 2 } });
}

/** An address at which nothing listens; that of a server that has gone might be another's by now. */
const NOBODY = 'http://127.0.0.1:2';

const without = (...names: string[]): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(pocket).filter(([name]) => !names.includes(name)));

describe('a reference', () => {
  it.each([
    ['HuggingFaceTB/SmolLM2-135M', 'HuggingFaceTB/SmolLM2-135M', 'main', null],
    [' gpt2 ', 'gpt2', 'main', null],
    ['EleutherAI/pythia-70m@step3000', 'EleutherAI/pythia-70m', 'step3000', null],
    ['a/b@refs/pr/1', 'a/b', 'refs/pr/1', null],
    ['a/b-GGUF:b.Q4_K_M.gguf', 'a/b-GGUF', 'main', 'b.Q4_K_M.gguf'],
    ['a/b@v1:c.gguf', 'a/b', 'v1', 'c.gguf'],
    ['https://huggingface.co/Qwen/Qwen3-0.6B', 'Qwen/Qwen3-0.6B', 'main', null],
    ['https://huggingface.co/Qwen/Qwen3-0.6B/', 'Qwen/Qwen3-0.6B', 'main', null],
    ['https://huggingface.co/EleutherAI/pythia-14m/tree/step512', 'EleutherAI/pythia-14m', 'step512', null],
    ['https://huggingface.co/a/b/blob/main/c.gguf?download=true', 'a/b', 'main', 'c.gguf'],
    ['hf://a/b', 'a/b', 'main', null],
  ])('%s', (text, repo, revision, file) => {
    expect(parseReference(text)).toEqual({ repo, revision, file });
    expect(parseReference(referenceId(parseReference(text)))).toEqual({ repo, revision, file });
  });

  it.each([
    ['', /is no repository of the Hub: write OWNER\/NAME/],
    ['a/b/c', /is no repository of the Hub/],
    ['../b', /is no repository of the Hub/],
    ['a/..', /is no repository of the Hub/],
    ['a/b@', /has the revision "", which is no branch, tag or commit/],
    ['a/b@../../x', /has the revision/],
    ['a/b:../c.gguf', /names the file "..\/c\.gguf"/],
    ['a/b:model.safetensors', /names the file "model\.safetensors"; what may be chosen is one \.gguf file/],
    ['https://huggingface.co/datasets/a/b', /names one of the Hub's datasets, not a model/],
    ['spaces/a/b', /names one of the Hub's spaces, not a model/],
    ['https://me:secret@huggingface.co/a/b', /has a user name or password in it/],
  ])('is refused: %s', (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });
});

describe('the plan of a download', () => {
  it('names commit, family, licence, files and their sum before anything large is fetched', async () => {
    await serve({ [REPO]: { files: pocket, licence: 'apache-2.0' } });
    const found = await plan();
    expect(found).toMatchObject({ id: REPO, commit: 'c0'.repeat(20), family: 'llama', licence: 'apache-2.0', endpoint: server.endpoint });
    expect(found.files.map(({ path }) => path)).toEqual([
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'README.md',
      'model.safetensors',
    ]);
    expect(found.files.at(-1)).toMatchObject({
      sha256: sha256(pocket['model.safetensors']!),
      oid: null,
      bytes: pocket['model.safetensors']!.length,
    });
    expect(found.bytes).toBe(found.files.reduce((sum, { path }) => sum + pocket[path]!.length, 0));
    expect(server.seen.filter(({ where }) => where === 'cdn')).toEqual([]);
    // The listing came in pages.
    expect(server.seen.filter(({ url }) => url.includes('/tree/')).length).toBeGreaterThan(2);
  });

  it('takes a checkpoint by its branch', async () => {
    await serve({ [REPO]: { files: pocket, revisions: { step512: without('README.md') } } });
    const found = await plan(`${REPO}@step512`);
    expect(found.id).toBe(`${REPO}@step512`);
    expect(found.files.map(({ path }) => path)).not.toContain('README.md');
    expect(found.commit).not.toBe('c0'.repeat(20));
    await expect(plan(`${REPO}@step7`)).rejects.toThrow(/^symbolic\/pocket has no revision step7 on 127\.0\.0\.1:\d+\.$/);
  });

  it('takes the shards that the index names', async () => {
    const shards = folderFiles(referencePath('llama', 'sharded'));
    const { weight_map: map } = JSON.parse(shards['model.safetensors.index.json']!.toString()) as { weight_map: Record<string, string> };
    await serve({ [REPO]: { files: { ...shards, ...Object.fromEntries(Object.values(map).map((name) => [name, Buffer.from('x')])) } } });
    const names = (await plan()).files.map(({ path }) => path);
    expect(names).toContain('model.safetensors.index.json');
    expect(names.filter((name) => /-of-\d{5}\.safetensors$/.test(name)).length).toBeGreaterThan(1);
  });

  it.each([
    ['../outside.safetensors', /names the file "\.\.\/outside\.safetensors", which is no plain file name: nothing was downloaded\.$/],
    ['absent.safetensors', /names absent\.safetensors, which the repository does not hold\.$/],
  ])('refuses an index that names %s', async (name, message) => {
    const files = { ...without('model.safetensors'), 'model.safetensors.index.json': json({ weight_map: { 'model.norm.weight': name } }) };
    await serve({ [REPO]: { files } });
    await expect(plan()).rejects.toThrow(message);
  });

  it('chooses the one GGUF, asks which of several, and reads the architecture from its first bytes', async () => {
    const gguf = readFileSync(referencePath('llama', 'gguf', 'model.F16.gguf'));
    await serve({ [REPO]: { files: { 'm.Q8_0.gguf': gguf, 'README.md': Buffer.from('x') } } });
    const found = await plan();
    expect(found).toMatchObject({ id: `${REPO}:m.Q8_0.gguf`, family: 'llama' });
    const [cdn] = server.seen.filter(({ where }) => where === 'cdn');
    expect(cdn!.headers.range).toBe('bytes=0-65535');
    server.repos[REPO]!.files = { 'm.Q8_0.gguf': gguf, 'm.Q4_0.gguf': gguf };
    await expect(plan()).rejects.toThrow(
      'symbolic/pocket holds several GGUF files (m.Q8_0.gguf, m.Q4_0.gguf); name one: symbolic/pocket:m.Q8_0.gguf.',
    );
    expect((await plan(`${REPO}:m.Q4_0.gguf`)).files.map(({ path }) => path)).toEqual(['m.Q4_0.gguf']);
    const mamba = Buffer.from(gguf);
    mamba.write('mamba', mamba.indexOf('llama', mamba.indexOf('general.architecture')), 'latin1');
    server.repos[REPO]!.files = { 'm.gguf': mamba };
    await expect(plan()).rejects.toThrow(
      /m\.gguf cannot be run here, so it was not downloaded: "general\.architecture" is "mamba", which is not supported/,
    );
  });

  it('refuses a family that is not supported by its config.json, before its weights', async () => {
    await serve({ [REPO]: { files: { ...pocket, 'config.json': json({ model_type: 'bert', architectures: ['BertModel'] }) } } });
    await expect(plan()).rejects.toThrow(
      /^symbolic\/pocket cannot be run here, so it was not downloaded: config\.json: "model_type" is "bert", which is not supported; llama, .+ are\.$/,
    );
    expect(server.seen.filter(({ where }) => where === 'cdn')).toEqual([]);
  });

  it.each([
    ['no tokenizer.json', without('tokenizer.json'), /has no tokenizer\.json, which holds the vocabulary/],
    ['no config.json', without('config.json'), /has no config\.json, which says what kind/],
    [
      'a pickle',
      { 'config.json': pocket['config.json']!, 'pytorch_model.bin': Buffer.from('x') },
      /only as pytorch_model\.bin, a PyTorch checkpoint/,
    ],
    ['an adapter', { 'adapter_model.safetensors': Buffer.from('x') }, /is an adapter \(LoRA\) for another model/],
    ['nothing', {}, /is empty at this revision/],
    ['pictures', { 'a.png': Buffer.from('x') }, /holds no model that can be read/],
    ['a split GGUF', { 'm-00001-of-00003.gguf': Buffer.from('x') }, /is one part of a split GGUF/],
    [
      'a config.json that is not JSON',
      { ...pocket, 'config.json': Buffer.from('{') },
      /so it was not downloaded: config\.json is not JSON/,
    ],
  ])('refuses a repository with %s', async (_, files: Record<string, Buffer>, message) => {
    await serve({ [REPO]: { files } });
    await expect(plan()).rejects.toThrow(message);
  });

  it.each(['../../.ssh/authorized_keys', '/etc/passwd', 'C:\\Windows\\x', 'a\\..\\b', 'x/../../y', 'a\nb'])(
    'refuses a listing with the name %j',
    async (path) => {
      await serve({ [REPO]: { files: pocket, listing: (entries) => [...entries, { ...entries[0], path }] } });
      await expect(plan()).rejects.toThrow(/a name that leads out of the model's folder: nothing was downloaded\.$/);
    },
  );

  it.each([
    ['no list', () => ({}), /does not answer as the Hub does when it is asked for what symbolic\/pocket is/],
    ['null entries', () => [null], /does not answer as the Hub does/],
    ['a negative size', (e: object[]) => [{ ...e[0], size: -1, lfs: undefined }], /the impossible size -1/],
    ['a huge size', (e: object[]) => [{ ...e[0], size: 1e300, lfs: undefined }], /the impossible size 1e\+300/],
    ['a hash that is none', (e: object[]) => [{ ...e[0], lfs: { oid: 'xyz', size: 1 } }], /a SHA-256 that is none/],
  ])('refuses a listing with %s', async (_, listing, message) => {
    await serve({ [REPO]: { files: pocket, listing: listing as (entries: object[]) => unknown } });
    await expect(plan()).rejects.toThrow(message);
  });
});

describe('what a server refuses is one sentence', () => {
  const token = 'hf_sesame';

  it.each([
    [
      'a gated repository',
      { gated: true },
      {},
      /^symbolic\/pocket is gated: accept its terms at http:.+\/symbolic\/pocket, then set an access token\.$/,
    ],
    ['a private one', { private: true }, {}, /has no model symbolic\/pocket, or it is private: check the name, or set an access token\.$/],
    [
      'a wrong token',
      {},
      { token: 'hf_wrong' },
      /does not accept the access token: it is wrong, expired or has been revoked; set another\.$/,
    ],
  ])('%s', async (_, repo, options, message) => {
    await serve({ [REPO]: { files: pocket, ...repo } }, { token });
    await expect(plan(REPO, options)).rejects.toThrow(message);
    await expect(plan(REPO, { token })).resolves.toMatchObject({ id: REPO });
  });

  it('a name that is a dataset’s, or nobody’s', async () => {
    await serve({}, { datasets: ['symbolic/facts'] });
    await expect(plan('symbolic/facts')).rejects.toThrow(/^symbolic\/facts is a dataset on 127\.0\.0\.1:\d+, not a model\.$/);
    await expect(plan('symbolic/none')).rejects.toThrow(/has no model symbolic\/none, or it is private/);
  });

  it.each([
    [
      403,
      { 'x-error-message': 'Your token lacks a scope.' },
      /does not allow access to symbolic\/pocket \(403: Your token lacks a scope\.\): set an access token\.$/,
    ],
    [404, {}, /has no model symbolic\/pocket \(or it is private: then set an access token\)\.$/],
    [429, { 'retry-after': '900' }, /limits how often it is asked \(429\): try again in 900 s, or set an access token\.$/],
    [429, { ratelimit: '"api";r=0;t=400' }, /limits how often it is asked \(429\): try again in 400 s/],
    [503, {}, /cannot serve symbolic\/pocket at the moment \(503\): try again later\.$/],
    [418, {}, /answers 418 where symbolic\/pocket was asked for\.$/],
  ])('%d %j', async (status, headers, message) => {
    await serve({ [REPO]: { files: pocket } });
    server.fault = ({ file }) => (file === null ? { status, headers } : undefined);
    await expect(plan()).rejects.toThrow(message);
  });

  it('nobody there, and a page that is no Hub', async () => {
    await serve({});
    await expect(plan(REPO, { endpoint: NOBODY })).rejects.toThrow(/^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\.$/);
    server.fault = () => ({ status: 200 });
    await expect(plan()).rejects.toThrow(/does not answer as the Hub does/);
  });

  it('of Retry-After reads seconds and dates', () => {
    const headers = (text: string) => ({ status: 429, headers: new Headers({ 'retry-after': text }) });
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(retryAfter(headers('7'), now)).toBe(7);
    expect(retryAfter(headers('Thu, 01 Jan 2026 00:01:30 GMT'), now)).toBe(90);
    expect(retryAfter(headers('soon'), now)).toBeUndefined();
  });
});

describe('the access token', () => {
  const token = 'hf_sesame';

  it('goes to the endpoint and nowhere else, and into no address', async () => {
    await serve({ [REPO]: { files: { 'm.gguf': readFileSync(referencePath('llama', 'gguf', 'model.F16.gguf')) } } }, { token });
    await plan(REPO, { token });
    const [cdn, ...others] = [...server.seen].sort((a) => (a.where === 'cdn' ? -1 : 1));
    expect(cdn!.where).toBe('cdn');
    expect(cdn!.headers.authorization).toBeUndefined();
    for (const { headers } of others) expect(headers.authorization).toBe(`Bearer ${token}`);
    for (const { url } of server.seen) expect(url).not.toContain(token);
  });

  it('is not sent unencrypted over a network', () => {
    const hasToken = (endpoint: string): boolean => openNet({ endpoint, token }).hasToken;
    expect(hasToken('https://mirror.example')).toBe(true);
    expect(hasToken('http://mirror.example')).toBe(false);
    expect(hasToken('http://localhost:8080')).toBe(true);
  });

  it('that no token can be is refused without being repeated', () => {
    expect(() => openNet({ token: 'hf_a\r\nx: y' })).toThrow(/^The access token has characters in it that no token has: set it anew\.$/);
  });
});

describe('the endpoint', () => {
  it.each([
    ['huggingface.co', /is not an address/],
    ['ftp://x', /begins with ftp:/],
    ['https://me:secret@x', /^The endpoint of the Hub has a user name or password in it; set an access token instead\.$/],
    ['https://x?y=1', /must be a plain address/],
  ])('%s is refused', (text, message) => {
    expect(() => parseEndpoint(text)).toThrow(message);
  });

  it('may be a folder of a host', () => {
    expect(openNet({ endpoint: 'https://mirror.example/hub/' }).endpoint).toBe('https://mirror.example/hub');
  });
});

describe('a proxy', () => {
  it('is used for every request: the API, and files at another host', async () => {
    await serve({ [REPO]: { files: { 'm.gguf': readFileSync(referencePath('llama', 'gguf', 'model.F16.gguf')) } } });
    proxy = await startProxy();
    await plan(REPO, { proxy: { url: proxy.url } });
    expect(proxy.requests).toHaveLength(server.seen.length);
    expect(proxy.requests.some((url) => url.startsWith('http://localhost:'))).toBe(true);
  });

  it('of the environment is honoured, and so are its exceptions', async () => {
    await serve({ [REPO]: { files: pocket } });
    proxy = await startProxy();
    try {
      process.env.HTTP_PROXY = proxy.url;
      await plan();
      const through = proxy.requests.length;
      expect(through).toBe(server.seen.length);
      process.env.NO_PROXY = '127.0.0.1';
      await plan();
      expect(proxy.requests).toHaveLength(through);
      delete process.env.NO_PROXY;
      await plan(REPO, { proxy: { off: true } });
      await plan(REPO, { proxy: { except: ['127.0.0.1'] } });
      expect(proxy.requests).toHaveLength(through);
    } finally {
      delete process.env.HTTP_PROXY;
      delete process.env.NO_PROXY;
    }
  });

  it('that wants a password gets the one it was given, and says so without', async () => {
    await serve({ [REPO]: { files: pocket } });
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    proxy = await startProxy({ authorization });
    await expect(plan(REPO, { proxy: { url: proxy.url } })).rejects.toThrow(
      'The proxy asks for a user name and password, or refuses those it was given (407).',
    );
    await plan(REPO, { proxy: { url: proxy.url, authorization } });
    await plan(REPO, { proxy: { url: proxy.url.replace('http://', 'http://me:secret@') } });
    expect(proxy.requests).toHaveLength(server.seen.length);
  });

  it('that is not there, or no address, is one sentence without its password', async () => {
    await serve({ [REPO]: { files: pocket } });
    await expect(plan(REPO, { proxy: { url: NOBODY.replace('http://', 'http://me:secret@') } })).rejects.toThrow(
      /^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\.$/,
    );
    expect(() => openNet({ proxy: { url: 'http://:::' } })).toThrow(/^The proxy is not an address: write http:\/\/HOST:PORT/);
  });
});

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [268_000_000, '268 MB'],
    [1_500_000_000, '1.50 GB'],
    [999_999_999, '1.00 GB'],
    [65_536, '65.5 kB'],
  ])('%d is %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));
});

describe('choosing files', () => {
  it('prefers safetensors over GGUF, and looks at the top of the repository alone', () => {
    const file = (path: string) => ({ path, bytes: 1, sha256: null, oid: null });
    const files = ['config.json', 'tokenizer.json', 'model.safetensors', 'm.gguf', 'original/model.safetensors', 'onnx/model.onnx'].map(
      file,
    );
    const choice = chooseFiles({ repo: REPO, files }, null);
    expect(choice.kind).toBe('safetensors');
    expect(chooseFiles({ repo: REPO, files }, 'm.gguf')).toMatchObject({ kind: 'gguf', weights: [{ path: 'm.gguf' }] });
    expect(() => chooseFiles({ repo: REPO, files }, 'n.gguf')).toThrow('symbolic/pocket has no file n.gguf; its GGUF files are m.gguf.');
    expect(() => chooseFiles({ repo: REPO, files: [file('gguf/m.gguf')] }, null)).toThrow(/holds no model that can be read/);
  });
});
