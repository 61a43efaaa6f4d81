import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseResidue } from '../../src/residue/read.js';
import { packageRoot } from '../../src/paths.js';
import { cli, startCli, type CliOptions, type Ended } from '../helpers/cli.js';
import { folderFiles, HubServer } from '../helpers/hub-server.js';
import { startProxy } from '../helpers/proxy.js';
import { temporaryFolder } from '../helpers/reference.js';

const REPO = 'symbolic/pocket';
const WEIGHTS = 'model.safetensors';
const pocketFolder = join(packageRoot(), 'media', 'models', 'pocket');
const pocket = folderFiles(pocketFolder);
const shell = (model: string): string => `format: 1
shell: own
family: memory
model: ${model}
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
rivals: [" blue"]
`;

let server: HubServer;
let root: string;

beforeAll(async () => {
  server = await HubServer.start({ repos: { [REPO]: { files: pocket } }, token: 'hf_sesame' });
  root = temporaryFolder();
});
afterEach(() => {
  server.fault = () => undefined;
});
afterAll(() => server.stop());

const options = (env: NodeJS.ProcessEnv = {}): CliOptions => ({ env: { RESIDUE_MODELS: root, HF_ENDPOINT: server.endpoint, ...env } });
const run = (...args: string[]): Promise<Ended> => cli(args, options());

describe('residue models download', () => {
  it('pauses at Ctrl-C, goes on when it is run again, and what it fetched runs shells by its id', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { throttle: 4e5 } : undefined);
    const first = startCli(['models', 'download', REPO], options());
    await first.says(/model\.safetensors, 10 %/);
    first.child.kill('SIGINT');
    const paused = await first.ended;
    expect(paused.code).toBe(130);
    expect(paused.stderr).toMatch(/^Paused at \d\d % \(.+ [kM]B\): run the same command again to go on\.$/m);
    expect(paused.stdout).toBe('');

    server.fault = () => undefined;
    server.seen.length = 0;
    const second = await run('models', 'download', REPO);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toMatch(/^Going on with symbolic\/pocket at commit c0c0c0c0c0c0\.$/m);
    expect(second.stdout).toMatch(/^symbolic\/pocket is ready: llama, \d+ layers, .+, SHA-256 verified\.$/m);
    expect(server.seen.filter(({ where }) => where === 'cdn').map(({ headers }) => headers.range)).toEqual([
      expect.stringMatching(/^bytes=[1-9]\d*-$/),
    ]);
    const folder = second.stdout.split('\n')[1]!;
    expect(readFileSync(join(folder, WEIGHTS)).equals(pocket[WEIGHTS]!)).toBe(true);

    const file = join(temporaryFolder(), 'own.shell.yaml');
    const residues = [];
    for (const model of [REPO, pocketFolder]) {
      writeFileSync(file, shell(model));
      const { code, stdout, stderr } = await run('run', file, '--json');
      expect(code, stderr).toBe(0);
      residues.push(parseResidue(stdout));
    }
    const [byId, byPath] = residues;
    expect(byId!.provenance.model.id).toBe(REPO);
    expect(byId!.runs[0]!.scores).toEqual(byPath!.runs[0]!.scores);
  });

  it('says what is already there, lists it, verifies it, and finds it changed', async () => {
    const again = await run('models', 'download', REPO);
    expect(again.stdout).toMatch(/^symbolic\/pocket is already here/);
    const { stdout } = await run('models', 'verify');
    expect(stdout).toBe('symbolic/pocket: verified: all files as they were listed\n');
    const file = join(root, 'models--symbolic--pocket', WEIGHTS);
    const changed = readFileSync(file);
    changed[changed.length - 1] = changed[changed.length - 1]! ^ 1;
    writeFileSync(file, changed);
    const differs = await run('models', 'verify', REPO);
    expect(differs.code).toBe(1);
    expect(differs.stdout).toMatch(
      /^symbolic\/pocket: DIFFERS: model\.safetensors has the SHA-256 [0-9a-f]{64}, but the downloaded file had [0-9a-f]{64}/,
    );
  });

  it('removes a download only when that is confirmed', async () => {
    const asked = await run('models', 'remove', REPO);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/symbolic\/pocket was not deleted: say --yes where nobody can be asked\./);
    const removed = await run('models', 'remove', REPO, '--yes');
    expect(removed.code, removed.stderr).toBe(0);
    expect(existsSync(join(root, 'models--symbolic--pocket'))).toBe(false);
    expect((await run('models', 'remove', 'pocket', '--yes')).stderr).toMatch(/pocket comes with the program and stays\./);
  });

  it('goes through the proxy of the environment, and keeps the token out of everything it prints', async () => {
    const proxy = await startProxy();
    try {
      server.seen.length = 0;
      const { code, stdout, stderr } = await cli(['models', 'download', REPO], options({ HTTP_PROXY: proxy.url, HF_TOKEN: 'hf_sesame' }));
      expect(code, stderr).toBe(0);
      expect(proxy.requests).toHaveLength(server.seen.length);
      expect(stdout + stderr).not.toContain('sesame');
      expect(server.seen.find(({ where }) => where === 'cdn')!.headers.authorization).toBeUndefined();
      expect(readFileSync(join(root, 'models--symbolic--pocket', 'residue-model.json'), 'utf8')).not.toContain('sesame');
    } finally {
      await proxy.stop();
    }
  });

  it.each([
    [['models', 'download', 'symbolic/none'], {}, /has no model symbolic\/none, or it is private/],
    [['models', 'download', REPO], { HF_TOKEN: 'hf_other' }, /does not accept the access token/],
    [['models', 'download'], {}, /missing required argument 'model'/],
    [['models', 'add', '/none'], {}, /There is no model at \/none/],
    [
      ['run', 'shells/v1-memtrace.shell.yaml', '--model', 'pythia-14m@step512'],
      {},
      /EleutherAI\/pythia-14m@step512 is not on this machine yet: download it/,
    ],
  ])('%j %j ends with one sentence and 2', async (args, env, message) => {
    const { code, stdout, stderr } = await cli(args, options(env));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/ at .+:\d+:\d+|hf_other/);
  });
});

describe('residue models add', () => {
  it('gives a file a name that shells can use, once, and takes it off the list again', async () => {
    const file = join(packageRoot(), 'test', 'reference', 'llama', 'gguf', 'model.Q8_0.gguf');
    const added = await run('models', 'add', file);
    expect(added.code, added.stderr).toBe(0);
    expect(added.stdout).toMatch(/^model\.Q8_0\.gguf stands for .+model\.Q8_0\.gguf \(llama, \d+ layers, Q8_0\)\.$/m);
    expect((await run('models', 'add', file)).stdout).toBe(added.stdout);
    const removed = await run('models', 'remove', 'model.Q8_0.gguf');
    expect(removed.stdout).toMatch(/^model\.Q8_0\.gguf is off the list; its files stay at /);
    expect(existsSync(file)).toBe(true);
  });
});

describe('residue models catalogue', () => {
  it('lists the known models and their checkpoints with no network', async () => {
    server.seen.length = 0;
    const { stdout, code } = await run('models', 'catalogue');
    expect(code).toBe(0);
    for (const name of ['SmolLM2-360M-Instruct', 'Qwen2.5-0.5B', 'Qwen3-0.6B', 'gpt2', 'pythia-410m']) expect(stdout).toContain(name);
    expect(stdout).toMatch(/pythia-14m@step0 … @step143000 \(154\)/);
    expect(server.seen).toEqual([]);
  });
});
