import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancelledError } from '../../src/errors.js';
import { cancelDownload, download, resume, type DownloadOptions } from '../../src/hub/download.js';
import { openNet, type Net, type NetOptions } from '../../src/hub/net.js';
import { partialFolder, partials } from '../../src/hub/partial.js';
import { planDownload, type Plan } from '../../src/hub/plan.js';
import { downloadedModels, MANIFEST } from '../../src/model/downloaded.js';
import { parseReference } from '../../src/model/reference.js';
import { packageRoot } from '../../src/paths.js';
import { folderFiles, HubServer, sha256 } from '../helpers/hub-server.js';
import { temporaryFolder } from '../helpers/reference.js';

const pocket = folderFiles(join(packageRoot(), 'media', 'models', 'pocket-small'));
const REPO = 'symbolic/pocket';
const WEIGHTS = 'model.safetensors';
const weights = pocket[WEIGHTS]!;
const patience = { pause: 1, tries: 3 };

let server: HubServer;
let root: string;
let nets: Net[];

beforeEach(async () => {
  server = await HubServer.start({ repos: { [REPO]: { files: { ...pocket, 'onnx/model.onnx': Buffer.from('x') } } } });
  root = temporaryFolder();
  nets = [];
});
afterEach(async () => {
  await Promise.all(nets.map((net) => net.close()));
  await server.stop();
});

function net(options: NetOptions = {}): Net {
  const opened = openNet({ endpoint: server.endpoint, timeout: 3000, ...options });
  nets.push(opened);
  return opened;
}

const plan = (reference = REPO, on = net()): Promise<Plan> => planDownload(on, parseReference(reference), { patience });

async function get(reference = REPO, options: Partial<DownloadOptions> = {}): Promise<string> {
  const on = net();
  return (await download(on, await plan(reference, on), { root, patience, ...options })).path;
}

/** The files of the model at a path, all of them right. */
function expectPocket(folder: string): void {
  for (const name of ['config.json', 'tokenizer.json', WEIGHTS])
    expect(readFileSync(join(folder, name)).equals(pocket[name]!), name).toBe(true);
  expect(readdirSync(folder).filter((name) => /part$|^lock$|^download/.test(name))).toEqual([]);
}

/** Ranges that were asked for of the weights. */
const ranges = (): (string | undefined)[] => server.seen.filter(({ where }) => where === 'cdn').map(({ headers }) => headers.range);

describe('a download', () => {
  it('fetches the files of a model and nothing else, byte by byte, with its manifest', async () => {
    const path = await get();
    expectPocket(path);
    expect(existsSync(join(path, 'onnx'))).toBe(false);
    expect(existsSync(join(path, 'reference.json'))).toBe(false);
    const [model] = downloadedModels(root);
    expect(model).toMatchObject({ id: REPO, path, manifest: { commit: 'c0'.repeat(20), revision: 'main', licence: 'mit' } });
    expect(model!.manifest.files.find(({ name }) => name === WEIGHTS)).toEqual({
      name: WEIGHTS,
      bytes: weights.length,
      sha256: sha256(weights),
    });
    expect(partials(root)).toEqual([]);
  });

  it('asks for files at the commit, never at the branch', async () => {
    await get();
    const files = server.seen.filter(({ where }) => where === 'hub');
    expect(files.length).toBeGreaterThan(3);
    for (const { url } of files) expect(url).toContain(`/resolve/${'c0'.repeat(20)}/`);
  });

  it('tells how far it is, up to the whole', async () => {
    const seen: number[] = [];
    await get(REPO, { onProgress: ({ received, bytes }) => seen.push(received / bytes) });
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it('is identical wherever the connection is cut, however often', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: weights.length - 1 }), { minLength: 1, maxLength: 6 }), async (cuts) => {
        root = temporaryFolder();
        let n = 0;
        server.fault = ({ file }) => (file === WEIGHTS && n < cuts.length ? { cut: Math.ceil(cuts[n++]! / cuts.length) } : undefined);
        server.seen.length = 0;
        // What each request asks for is what there was when it was sent.
        const small = (await plan()).bytes - weights.length;
        const expected: (string | undefined)[] = [];
        const onProgress: DownloadOptions['onProgress'] = ({ file, received }) => {
          if (file !== WEIGHTS) return;
          const have = received - small;
          expected[ranges().length] = have > 0 && have < weights.length ? `bytes=${have}-` : undefined;
        };
        expectPocket(await get(REPO, { onProgress }));
        expect(ranges()).toHaveLength(cuts.length + 1);
        expect(ranges()).toEqual(expected.slice(0, cuts.length + 1));
      }),
      { numRuns: 5 },
    );
  });

  it('goes on after a pause, in another process’s place, from the byte it had', async () => {
    const stop = new AbortController();
    server.fault = ({ file }) => (file === WEIGHTS ? { throttle: 6e5 } : undefined);
    const paused = get(REPO, { signal: stop.signal, onProgress: ({ received }) => received > weights.length / 3 && stop.abort() });
    await expect(paused).rejects.toThrow(CancelledError);
    const [left] = partials(root);
    expect(left).toMatchObject({ id: REPO, busy: false, state: { fault: null } });
    expect(left!.received).toBeGreaterThan(weights.length / 3);
    expect(downloadedModels(root)).toEqual([]);
    server.fault = () => undefined;
    server.seen.length = 0;
    expectPocket((await resume(net(), parseReference(REPO), { root, patience })).path);
    expect(ranges()).toHaveLength(1);
    const { range, 'if-range': condition } = server.seen.find(({ where }) => where === 'cdn')!.headers;
    expect(Number(/^bytes=(\d+)-$/.exec(range!)![1])).toBeGreaterThan(weights.length / 4);
    expect(condition).toMatch(/^"[0-9a-f]{32}"$/);
  });

  it('never mixes two versions: a file that changed between two parts is fetched whole, and refused where it is not the listed one', async () => {
    const changed = Buffer.from(weights);
    changed[10] = changed[10]! ^ 0xff;
    server.fault = ({ file, count }) =>
      file !== WEIGHTS ? undefined : count === 1 ? { cut: 5000 } : { corrupt: 10, headers: { etag: '"other"' } };
    await expect(get()).rejects.toThrow(new RegExp(`${WEIGHTS} from .* has the SHA-256 ${sha256(changed)}`));
    expect(ranges().some((range) => range === undefined)).toBe(true);
    expect(downloadedModels(root)).toEqual([]);
  });

  it('removes what is corrupt and fetches it once more', async () => {
    server.fault = ({ file, count }) => (file === WEIGHTS && count === 1 ? { corrupt: 1234 } : undefined);
    expectPocket(await get());
  });

  it('keeps nothing of what is corrupt each time: no model, no part of one', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { corrupt: 1234 } : undefined);
    await expect(get()).rejects.toThrow(
      /has the SHA-256 [0-9a-f]{64}, but the Hub lists [0-9a-f]{64}: it was damaged or changed on the way, twice; what had arrived was removed\.$/,
    );
    expect(downloadedModels(root)).toEqual([]);
    const folder = partialFolder(root, REPO);
    expect(readdirSync(folder).filter((name) => name.startsWith(WEIGHTS))).toEqual([]);
    expect(partials(root)[0]!.state.fault).toMatch(/SHA-256/);
  });

  it('holds small files against git’s hash', async () => {
    server.fault = ({ file }) => (file === 'tokenizer_config.json' ? { corrupt: 3 } : undefined);
    await expect(get()).rejects.toThrow(/tokenizer_config\.json from .* has the git hash [0-9a-f]{40}, but the Hub lists/);
  });

  it('starts over where what lies there is garbage: a crash, or a disk’s mistake', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
    await expect(get()).rejects.toThrow(/503/);
    const part = join(partialFolder(root, REPO), `${WEIGHTS}.part`);
    writeFileSync(part, Buffer.alloc(50_000, 7));
    server.fault = () => undefined;
    expectPocket(await get());
  });

  it('starts over where more lies there than the file has', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
    await expect(get()).rejects.toThrow(/503/);
    const part = join(partialFolder(root, REPO), `${WEIGHTS}.part`);
    writeFileSync(part, '');
    truncateSync(part, weights.length + 1);
    server.fault = () => undefined;
    expectPocket(await get());
  });

  it('takes the whole file from a server that knows no ranges', async () => {
    server.fault = ({ file, count }) => (file === WEIGHTS ? (count === 1 ? { cut: 20_000 } : { ignoreRange: true }) : undefined);
    expectPocket(await get());
  });

  it.each([
    ['fewer bytes', { length: 10 }, /sends 10 bytes as model\.safetensors, but the repository lists \d+ bytes: it was not taken/],
    ['more bytes', { extra: 9 }, /sends more than the \d+ bytes of model\.safetensors/],
    ['another part', { headers: { 'content-range': 'bytes 3-9/10' } }, /sends another part than was asked for/],
  ])('refuses a server that lies about the length: %s', async (_, fault, message) => {
    if ('headers' in fault) {
      // Of a file of which nothing is here no part is asked for.
      server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
      await expect(get()).rejects.toThrow(/503/);
      writeFileSync(join(partialFolder(root, REPO), `${WEIGHTS}.part`), weights.subarray(0, 20_000));
    }
    server.fault = ({ file }) => (file === WEIGHTS ? fault : undefined);
    await expect(get()).rejects.toThrow(message);
    expect(downloadedModels(root)).toEqual([]);
  });

  it('waits as long as a server asks, and says so', async () => {
    server.fault = ({ file, count }) => (file === WEIGHTS && count === 1 ? { status: 429, headers: { 'retry-after': '1' } } : undefined);
    const waits: number[] = [];
    const before = Date.now();
    expectPocket(await get(REPO, { onProgress: ({ waiting }) => waiting && waits.push(waiting.milliseconds) }));
    expect(waits).toEqual([1000]);
    expect(Date.now() - before).toBeGreaterThanOrEqual(990);
  });

  it('does not wait for hours', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 429, headers: { 'retry-after': '7200' } } : undefined);
    await expect(get()).rejects.toThrow(/limits how often it is asked \(429\): try again in 7200 s, or set an access token\.$/);
  });

  it('gives up on a server that falls silent, and keeps what it has', async () => {
    server.fault = ({ file, count }) => (file !== WEIGHTS ? undefined : count === 1 ? { cut: 70_000 } : { silent: true });
    const on = net({ timeout: 150 });
    await expect(download(on, await plan(), { root, patience: { pause: 1, tries: 2 } })).rejects.toThrow(/does not answer \(timed out\)/);
    expect(partials(root)[0]!.received).toBeGreaterThanOrEqual(20_000);
  });

  it('begins nothing where the disk has no room', async () => {
    await expect(get(REPO, { free: async () => 1e6 })).rejects.toThrow(
      /^symbolic\/pocket needs .+ more, but the disk of .+ has only 1 MB free: make room, or choose another folder for models\.$/,
    );
    expect(existsSync(partialFolder(root, REPO))).toBe(false);
    expect(server.seen.some(({ where }) => where === 'cdn')).toBe(false);
  });

  it('that is cancelled leaves nothing', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
    await expect(get()).rejects.toThrow(/503/);
    await cancelDownload(root, parseReference(REPO));
    expect(partials(root)).toEqual([]);
    expect(readdirSync(join(root, '.partial'))).toEqual([]);
  });

  it('is one program’s at a time', async () => {
    const stop = new AbortController();
    server.fault = ({ file }) => (file === WEIGHTS ? { throttle: 1e5 } : undefined);
    let second: Promise<unknown> | undefined;
    const first = get(REPO, {
      signal: stop.signal,
      onProgress: ({ file }) => {
        if (file !== WEIGHTS || second) return;
        second = resume(net(), parseReference(REPO), { root, patience });
        void second.catch(() => stop.abort());
      },
    });
    await expect(first).rejects.toThrow(CancelledError);
    await expect(second).rejects.toThrow('symbolic/pocket is being downloaded by another window or program.');
  });

  it('takes over from a program that is gone', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
    await expect(get()).rejects.toThrow(/503/);
    writeFileSync(
      join(partialFolder(root, REPO), 'lock'),
      JSON.stringify({ pid: 2 ** 22 + 1, host: (await import('node:os')).hostname() }),
    );
    server.fault = () => undefined;
    expectPocket(await get());
  });

  it('of a newer commit replaces the model whole; until then the old one stays', async () => {
    const path = await get();
    const newer = Buffer.from(weights);
    newer[newer.length - 1] = newer[newer.length - 1]! ^ 1;
    server.repos[REPO] = { files: { ...pocket, [WEIGHTS]: newer }, commit: 'd1'.repeat(20) };
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 503 } : undefined);
    await expect(get()).rejects.toThrow(/503/);
    expectPocket(path);
    server.fault = () => undefined;
    expect(await get()).toBe(path);
    expect(readFileSync(join(path, WEIGHTS)).equals(newer)).toBe(true);
    expect(downloadedModels(root).map(({ manifest }) => manifest.commit)).toEqual(['d1'.repeat(20)]);
  });

  it('goes on at the commit that it was begun at when the branch has moved on', async () => {
    server.fault = ({ file, count }) => (file === WEIGHTS ? (count === 1 ? { cut: 90_000 } : { status: 503 }) : undefined);
    await expect(get()).rejects.toThrow(/503/);
    const had = statSync(join(partialFolder(root, REPO), `${WEIGHTS}.part`)).size;
    server.fault = () => undefined;
    server.seen.length = 0;
    await resume(net(), parseReference(REPO), { root, patience });
    for (const { url } of server.seen.filter(({ where }) => where === 'hub')) expect(url).toContain('c0'.repeat(20));
    expect(ranges()).toEqual([had > 0 ? `bytes=${had}-` : undefined]);
  });
});

describe('a folder that is no finished model', () => {
  it('is not listed: without its manifest, or with one that is damaged', async () => {
    const path = await get();
    const manifest = join(path, MANIFEST);
    const text = readFileSync(manifest, 'utf8');
    for (const damage of ['', '{', '{}', text.replace('"version": 1', '"version": 9'), text.replace('config.json', '../config.json')]) {
      writeFileSync(manifest, damage);
      expect(downloadedModels(root)).toEqual([]);
    }
    writeFileSync(manifest, text);
    expect(downloadedModels(root)).toHaveLength(1);
    expect(statSync(path).isDirectory()).toBe(true);
  });
});
