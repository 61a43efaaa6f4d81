import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, InputError } from '../../src/errors.js';
import { HubClient } from '../../src/hub/client.js';
import type { HubEvent, HubMethods } from '../../src/hub/protocol.js';
import { parseReference } from '../../src/model/reference.js';
import { packageRoot } from '../../src/paths.js';
import { folderFiles, HubServer } from '../helpers/hub-server.js';
import { temporaryFolder } from '../helpers/reference.js';

const REPO = 'symbolic/pocket';
const WEIGHTS = 'model.safetensors';
const reference = parseReference(REPO);
const faults: string[] = [];
const before = process.env.RESIDUE_MODELS;

let server: HubServer;
let hub: HubClient;
let root: string;

beforeAll(async () => {
  server = await HubServer.start({ repos: { [REPO]: { files: folderFiles(join(packageRoot(), 'media', 'models', 'pocket-small')) } } });
  root = temporaryFolder();
  // The thread takes its environment when it starts.
  process.env.RESIDUE_MODELS = root;
  hub = new HubClient(join(packageRoot(), 'dist', 'hub.cjs'), (text) => faults.push(text));
});
afterEach(() => {
  server.fault = () => undefined;
  expect(faults).toEqual([]);
});
afterAll(async () => {
  hub.dispose();
  process.env.RESIDUE_MODELS = before;
  await server.stop();
});

const net = () => ({ endpoint: server.endpoint, timeout: 3000 });
const plan = async (): Promise<Extract<HubMethods['plan']['result'], { plan: unknown }>> => {
  const answer = await hub.call('plan', { reference, net: net() });
  if ('choices' in answer) throw new Error('one model was expected');
  return answer;
};

describe('the thread that looks after models', () => {
  it('lists and opens what is bundled', async () => {
    const { folder, models, downloads } = await hub.call('shelf', {});
    expect(folder).toBe(root);
    expect(downloads).toEqual([]);
    const small = models.find(({ id }) => id === 'pocket-small')!;
    expect(small).toMatchObject({ origin: 'bundled', source: null });
    const { inspection, check } = await hub.call('inspect', { path: small.path });
    expect(inspection).toMatchObject({ fault: null, licence: 'mit', facts: { family: 'llama' } });
    expect(check.status).toBe('none');
    const noted = await hub.call('verify', { path: small.path });
    expect(noted).toMatchObject({ status: 'recorded', fault: null });
    expect(Object.keys(noted.sums)).toContain(WEIGHTS);
    expect((await hub.call('inspect', { path: small.path })).check.status).toBe('recorded');
  });

  it('pauses a download at an abort and goes on with it; what is changed afterwards is seen', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { throttle: 400_000 } : undefined);
    const stop = new AbortController();
    const events: HubEvent[] = [];
    const { plan: agreed, free, here } = await plan();
    expect(here).toBe(false);
    expect(free).toBeGreaterThan(0);
    const paused = hub.call(
      'download',
      { plan: agreed, net: net() },
      {
        signal: stop.signal,
        onEvent: (event) => {
          events.push(event);
          if (event.kind === 'download' && event.file === WEIGHTS && event.received > agreed.bytes / 4) stop.abort();
        },
      },
    );
    await expect(paused).rejects.toThrow(CancelledError);
    expect(events.length).toBeGreaterThan(1);
    const [left] = (await hub.call('shelf', {})).downloads;
    expect(left).toMatchObject({ id: REPO, busy: false, fault: null, reference });
    expect(left!.received).toBeGreaterThan(agreed.bytes / 5);

    server.fault = () => undefined;
    const { path } = await hub.call('resume', { reference, net: net() });
    const { models, downloads } = await hub.call('shelf', {});
    expect(downloads).toEqual([]);
    expect(models.find(({ id }) => id === REPO)).toMatchObject({ path, origin: 'downloaded', source: { commit: agreed.commit } });
    expect((await plan()).here).toBe(true);
    const look = await hub.call('inspect', { path });
    expect(look).toMatchObject({ check: { status: 'verified', fault: null }, inspection: { fault: null, licence: 'mit' } });
    writeFileSync(join(path, 'config.json'), '{');
    const broken = await hub.call('inspect', { path });
    expect(broken.inspection).toMatchObject({ facts: null, fault: expect.stringMatching(/^config\.json is not JSON/) });
    expect(broken.check).toMatchObject({
      status: 'differs',
      fault: 'A file is missing or has another size than the one that was downloaded.',
    });
    await hub.call('remove', { id: REPO });
    expect((await hub.call('shelf', {})).models.some(({ id }) => id === REPO)).toBe(false);
  });

  it('says why a download stopped, also to who asks later, and forgets it when it is discarded', async () => {
    server.fault = ({ file }) => (file === WEIGHTS ? { status: 403, headers: { 'x-error-message': 'No.' } } : undefined);
    const failed = hub.call('download', { plan: (await plan()).plan, net: net() });
    await expect(failed).rejects.toThrow(/does not allow access to symbolic\/pocket \(403: No\.\)/);
    await expect(failed).rejects.toBeInstanceOf(InputError);
    expect((await hub.call('shelf', {})).downloads[0]).toMatchObject({ busy: false, fault: expect.stringContaining('(403: No.)') });
    await hub.call('cancel', { reference });
    expect((await hub.call('shelf', {})).downloads).toEqual([]);
  });

  it('opens no model that is none, and says so in one sentence', async () => {
    const folder = join(root, 'broken');
    mkdirSync(folder);
    const { inspection } = await hub.call('inspect', { path: folder });
    expect(inspection).toEqual({ facts: null, fault: expect.stringMatching(/^The folder holds no model/), bytes: 0, licence: null });
    await expect(hub.call('verify', { path: folder })).rejects.toThrow(/The folder holds no model/);
    await expect(hub.call('add', { path: folder })).rejects.toThrow(/The folder holds no model/);
    await expect(hub.call('remove', { id: 'pocket' })).rejects.toThrow('pocket comes with the program and stays.');
    await expect(hub.call('resume', { reference, net: net() })).rejects.toThrow('There is no download of symbolic/pocket to go on with.');
  });
});
