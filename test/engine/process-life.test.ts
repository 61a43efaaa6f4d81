import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { EngineClient, EngineError, type EngineClientOptions } from '../../src/engine/client.js';
import { CancelledError } from '../../src/errors.js';
import { packageRoot } from '../../src/paths.js';

const pocket = { model: 'pocket' };
const long = { maxTokens: 200, stopIds: [], temperature: 1, seed: 1 };

const clients: EngineClient[] = [];
const start = (options?: EngineClientOptions) => {
  const client = new EngineClient(options);
  clients.push(client);
  return client;
};
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.dispose()));
});

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ resolved: value }),
    (error: unknown) => error,
  );
const alive = (pid: number | undefined): boolean => {
  try {
    process.kill(pid ?? -1, 0);
    return true;
  } catch {
    return false;
  }
};
const gone = async (pid: number | undefined, within = 5000) => {
  const end = Date.now() + within;
  while (alive(pid) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  return !alive(pid);
};
/** Begins a long generation and waits until it is well under way. */
const midRun = async (client: EngineClient, signal?: AbortSignal) => {
  let done: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    let count = 0;
    done = caught(client.generate(pocket, [5, 9, 12], { ...long, signal, onToken: () => ++count === 3 && resolve() }));
    void done.then((end) => reject(new Error(`ended at token ${count}: ${String(end)}`)));
  }).catch(async (error: unknown) => {
    throw error;
  });
  return { done };
};

describe('the engine is killed', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGTERM'] as const)(
    'with %s in mid-run: the request is rejected, the next one works',
    async (signal) => {
      const client = start();
      const { done } = await midRun(client);
      const pid = client.pid ?? 0;
      process.kill(pid, signal);
      const error = await done;
      expect(error).toBeInstanceOf(EngineError);
      expect(error).toMatchObject({ code: 'crashed', message: expect.stringMatching(/^The engine [^\n]+\.$/) });
      expect((error as EngineError).message).toContain(signal);
      const run = await client.run(pocket, [1, 2, 3]);
      expect(run.length).toBe(3);
      expect(client.pid).not.toBe(pid);
    },
  );

  test('every request that waits is rejected, and arrays of the old process say that they are gone', async () => {
    const client = start();
    const held = await client.run(pocket, [1, 2, 3], { hooks: ['hook_embed'] });
    const { done } = await midRun(client);
    const waiting = [client.run(pocket, [1]), client.run(pocket, [2]), client.info().then(() => client.run(pocket, [3]))].map(caught);
    process.kill(client.pid ?? 0, 'SIGKILL');
    for (const error of await Promise.all([done, ...waiting])) expect(error).toMatchObject({ name: 'EngineError', code: 'crashed' });
    await client.open(pocket);
    await expect(held.read('hook_embed')).rejects.toThrow('run it again');
    await expect(client.run(pocket, [1], { cache: held })).rejects.toThrow('run it again');
    await held.release();
  });

  test('while it starts', async () => {
    const client = start();
    const info = caught(client.info());
    process.kill(client.pid ?? 0, 'SIGKILL');
    expect(await info).toMatchObject({ code: 'start' });
    expect((await client.info()).pid).toBe(client.pid);
  });
});

describe('a request is cancelled', () => {
  test('the caller hears at once and the engine is free within 200 ms', async () => {
    const client = start();
    // The best of some tries: what else the machine does at the moment is not what is tested.
    let heard = Infinity;
    let free = Infinity;
    for (let attempt = 0; attempt < 30 && !(heard < 50 && free < 200); attempt++) {
      const controller = new AbortController();
      const { done } = await midRun(client, controller.signal);
      const before = performance.now();
      controller.abort();
      expect(await done).toBeInstanceOf(CancelledError);
      heard = Math.min(heard, performance.now() - before);
      await client.run(pocket, [1, 2, 3]);
      free = Math.min(free, performance.now() - before);
    }
    expect(heard).toBeLessThan(50);
    expect(free).toBeLessThan(200);
  });

  test('one that waits in the queue is dropped and the others go on', async () => {
    const client = start();
    const controller = new AbortController();
    const { done } = await midRun(client);
    const queued = caught(client.run(pocket, [1], { signal: controller.signal }));
    const other = client.run(pocket, [2, 3]);
    controller.abort();
    expect(await queued).toBeInstanceOf(CancelledError);
    expect((await other).length).toBe(2);
    expect(await done).toMatchObject({ resolved: { stopped: 'length' } });
  });

  test('before it is sent', async () => {
    await expect(start().info({ signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
  });

  test('while the process starts: a shell that was never begun is not run', async () => {
    const client = start();
    const controller = new AbortController();
    let heard = false;
    const text = readFileSync(join(packageRoot(), 'shells', 'v1-memtrace.shell.yaml'), 'utf8');
    const done = caught(client.runShell({ text, file: null }, { signal: controller.signal, onProgress: () => (heard = true) }));
    controller.abort();
    expect(await done).toBeInstanceOf(CancelledError);
    await client.info();
    expect(heard).toBe(false);
  });

  test('while the model opens: whoever else waits for it still gets it', async () => {
    const client = start();
    const controller = new AbortController();
    const first = caught(client.open(pocket, { signal: controller.signal }));
    const second = client.open(pocket);
    await client.info();
    controller.abort();
    expect(await first).toBeInstanceOf(CancelledError);
    expect((await second).id).toBe('pocket');
  });

  test('a request over its time is rejected, and the next one works', async () => {
    const client = start();
    await client.open(pocket);
    const error = await caught(client.generate(pocket, [5], { ...long, timeout: 50 }));
    expect(error).toMatchObject({ code: 'timeout', message: 'The engine did not answer within 0.05 s and was stopped.' });
    expect((await client.run(pocket, [1])).length).toBe(1);
  });

  test("a callback that throws ends its own request with the callback's error", async () => {
    const client = start();
    const fail = () => {
      throw new RangeError('mine');
    };
    expect(await caught(client.generate(pocket, [5], { ...long, onToken: fail }))).toMatchObject({ message: 'mine' });
    expect((await client.run(pocket, [1])).length).toBe(1);
  });
});

describe('the process ends', () => {
  test('when the client is disposed, in mid-run too', async () => {
    const client = start();
    const { done } = await midRun(client);
    const { pid } = client;
    await client.dispose();
    expect(await done).toMatchObject({ code: 'disposed' });
    expect(alive(pid)).toBe(false);
  });

  test('and what nobody waits for, a release and the closing of a model, ends well with it', async () => {
    for (const end of [
      (client: EngineClient) => client.dispose(),
      async (client: EngineClient) => process.kill(client.pid ?? 0, 'SIGKILL'),
    ]) {
      const client = start();
      const run = await client.run(pocket, [1, 2, 3], { hooks: ['hook_embed'] });
      const left = [caught(run.release()), caught(client.close(pocket))];
      await end(client);
      expect(await Promise.all(left)).toEqual([{ resolved: undefined }, { resolved: true }]);
    }
  });

  test('when it was idle for the time set; the next request starts another', async () => {
    const client = start({ idle: 100 });
    await client.open(pocket);
    const { pid } = client;
    expect(await gone(pid)).toBe(true);
    expect(client.pid).toBeUndefined();
    expect((await client.run(pocket, [1])).length).toBe(1);
    expect(client.pid).not.toBe(pid);
  });

  test('not while a request is under way', async () => {
    const client = start({ idle: 30 });
    await client.open(pocket);
    const { pid } = client;
    const generated = await client.generate(pocket, [5], long);
    expect(generated.ids).toHaveLength(200);
    expect(client.pid).toBe(pid);
  });

  const script = (body: string) => `
    const { openModel } = await import(${JSON.stringify(pathToFileURL(join(packageRoot(), 'dist', 'index.mjs')).href)});
    const model = await openModel('pocket');
    process.stdout.write(model.client.pid + '\\n');
    ${body}`;

  test('when its parent is killed in mid-run', async () => {
    const parent = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      script(`await model.generate([5], ${JSON.stringify(long)}); await new Promise(() => setInterval(() => {}, 1000));`),
    ]);
    const [out] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(out.toString());
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    expect(await gone(pid)).toBe(true);
  });

  test('with a parent that simply has no more to do', async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script('')]);
    const [[out], [code]] = (await Promise.all([once(parent.stdout, 'data'), once(parent, 'exit')])) as [[Buffer], [number]];
    expect(code).toBe(0);
    expect(await gone(Number(out.toString()))).toBe(true);
  });

  test('not at a Ctrl-C of the terminal, which is the parent’s to handle', async () => {
    const client = start();
    const { done } = await midRun(client);
    process.kill(client.pid ?? 0, 'SIGINT');
    expect(await done).toMatchObject({ resolved: { stopped: 'length' } });
  });
});

describe('an engine that cannot start', () => {
  test('says what is missing', async () => {
    const client = start({ enginePath: join(packageRoot(), 'dist', 'nothing.cjs') });
    await expect(client.info()).rejects.toMatchObject({ code: 'start', message: expect.stringContaining('is missing') });
  });

  test('gives the reason that it wrote', async () => {
    const client = start({ limits: { maxModels: 0 } });
    await expect(client.info()).rejects.toMatchObject({
      code: 'start',
      message: expect.stringMatching(/^The engine could not start[^\n]+\.$/),
    });
  });

  test('a program that is no Node', async () => {
    const client = start({ execPath: join(packageRoot(), 'nothing') });
    await expect(client.info()).rejects.toMatchObject({ code: 'start' });
  });
});
