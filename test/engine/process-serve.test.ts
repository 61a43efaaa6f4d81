import { fork } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { EngineClient, EngineError, type EngineClientOptions } from '../../src/engine/client.js';
import { InputError } from '../../src/errors.js';
import { packageRoot } from '../../src/paths.js';

const pocket = { model: 'pocket' };
const reference = (name: string) => ({ model: join(packageRoot(), 'test', 'reference', name) });
const ids = [0, 5, 9, 12, 7, 30];

const clients: EngineClient[] = [];
const start = (options?: EngineClientOptions) => {
  const client = new EngineClient(options);
  clients.push(client);
  return client;
};
const shared = new EngineClient();
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.dispose()));
});
afterAll(() => shared.dispose());

describe('the engine serves', () => {
  test('what it is made of', async () => {
    const info = await shared.info();
    expect(info.providers[0]).toBe('cpu');
    expect(info.onnxruntime).toMatch(/^\d+\.\d+\.\d+/);
    expect(info.pid).toBe(shared.pid);
    expect(info.pid).not.toBe(process.pid);
    expect(info.memory.peak).toBeGreaterThanOrEqual(10e6);
  });

  test('a model: its shape, tokenizer and settings', async () => {
    const stages: string[] = [];
    const model = await start().open(pocket, { onProgress: ({ stage }) => stages.push(stage) });
    expect(model).toMatchObject({
      id: 'pocket',
      spec: { family: 'llama', nLayers: 6, dModel: 128, vocabSize: 822 },
      engine: { provider: { asked: 'cpu', used: 'cpu' } },
    });
    expect(model.engine.threads).toBeGreaterThan(0);
    expect(stages.length).toBeGreaterThan(0);
    const tokens = await shared.encode(pocket, 'Tom has a red ball.');
    expect(tokens.length).toBeGreaterThan(4);
    const text = await shared.decode(
      pocket,
      tokens.map((t) => t.id),
    );
    expect(text.trim()).toBe('Tom has a red ball.');
  });

  test('no request that JavaScript lets through unfinished: it is said what is missing', async () => {
    const nothing = undefined as never;
    await expect(shared.generate(pocket, ids, nothing)).rejects.toThrow(/options\.maxTokens/);
    const error: unknown = await shared.run(pocket, [1], { cache: {} as never }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ message: expect.stringMatching(/must be a run/), place: { field: 'cache' } });
  });

  test('a run whose arrays stay there until they are read', async () => {
    const run = await shared.run(pocket, [ids, ids.toReversed()], { hooks: ['blocks.*.attn.hook_pattern'], logits: 'all' });
    expect(run).toMatchObject({ batch: 2, length: 6 });
    expect(run.hooks).toHaveLength(6);
    const whole = await run.read('blocks.2.attn.hook_pattern');
    expect(whole.shape).toEqual([2, 8, 6, 6]);
    const row = await run.read('blocks.2.attn.hook_pattern', { row: 1, slice: [3, [2, 4]] });
    expect(row.shape).toEqual([2, 6]);
    const at = ((1 * 8 + 3) * 6 + 2) * 6;
    expect(row.data).toEqual(whole.data.slice(at, at + 12));
    for (let q = 0; q < 2; q++) expect(row.data.slice(q * 6, q * 6 + 6).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    expect((await run.logits())?.shape).toEqual([2, 6, 822]);
    await expect(run.read('blocks.0.hook_mlp_out')).rejects.toThrow(InputError);
    await expect(run.read('blocks.2.attn.hook_pattern', { row: 2 })).rejects.toThrow('index 2 is not within it');
    await run.release();
    await expect(run.read('blocks.2.attn.hook_pattern')).rejects.toThrow('no longer held');
  });

  test('an array that takes many messages arrives whole', async () => {
    const long = Array.from({ length: 400 }, (_, i) => i + 2);
    const run = await shared.run(pocket, long, { hooks: ['blocks.0.attn.hook_pattern'], logits: 'all' });
    const whole = await run.read('blocks.0.attn.hook_pattern');
    expect(whole.data).toHaveLength(8 * 400 * 400);
    for (const [head, query] of [
      [0, 0],
      [1, 399],
      [3, 250],
    ] as const) {
      const row = whole.data.subarray((head * 400 + query) * 400, (head * 400 + query + 1) * 400);
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
    }
    await run.release();
  });

  test('edits, lens, unembedding and generation', async () => {
    const clean = await shared.run(pocket, ids, { hooks: ['blocks.*.hook_resid_pre', 'blocks.5.hook_resid_post'] });
    const nothing = await shared.run(pocket, ids, { edits: [{ kind: 'scale-out', at: 'mlp_out', layer: 3, scale: 1 }] });
    const cut = await shared.run(pocket, ids, { edits: [{ kind: 'scale-out', at: 'mlp_out', layer: 3, scale: 0 }] });
    const [a, b, c] = await Promise.all([clean, nothing, cut].map((run) => run.logits()));
    const gap = (x: typeof a, y: typeof a) => Math.max(...(x?.data ?? []).map((v, i) => Math.abs(v - (y?.data[i] ?? NaN))));
    expect(gap(a, b)).toBeLessThan(1e-4);
    expect(gap(a, c)).toBeGreaterThan(1e-3);
    const lens = await clean.lens({ layers: 'all', positions: [5], topK: 2, tokens: [9] });
    expect(lens.topIds).toHaveLength(14);
    const resid = await clean.read('blocks.5.hook_resid_post', { row: 0, slice: [5] });
    const rows = await shared.unembed(pocket, resid.data, 1);
    expect(rows.shape).toEqual([1, 822]);
    expect(rows.data[9]).toBeCloseTo(lens.tokenLogprobs[6] ?? NaN, 4);
    await expect(shared.unembed(pocket, new Float32Array(3), 1)).rejects.toThrow('1 vectors of 128 values are 128 values; 3 were given.');
    const seen: number[] = [];
    const generated = await shared.generate(pocket, ids, { maxTokens: 5, stopIds: [], onToken: (id) => seen.push(id) });
    expect(generated.ids).toHaveLength(5);
    expect(seen).toEqual(generated.ids);
    expect(generated.ids[0]).toBe(lens.topIds[12]);
  });

  test('a continuation of a cached run', async () => {
    const prefix = await shared.run(pocket, ids.slice(0, 4), { keepCache: true });
    const rest = await shared.run(pocket, ids.slice(4), { cache: prefix, logits: 'last' });
    const whole = await shared.run(pocket, ids, { logits: 'last' });
    const [a, b] = [await rest.logits(), await whole.logits()];
    a?.data.forEach((x, i) => expect(x).toBeCloseTo(b?.data[i] ?? NaN, 3));
    await expect(shared.run(pocket, [1], { cache: whole })).rejects.toThrow('keepCache');
    const other = await shared.run(reference('llama'), [1, 2], {});
    await expect(shared.run(pocket, [1], { cache: other })).rejects.toThrow('another model');
  });

  test('several requests at once, each with its own answer', async () => {
    const prompts = Array.from({ length: 6 }, (_, i) => [2 + i, 20 + i, 40 + i]);
    const logits = async (tokens: number[], model = pocket) => (await (await shared.run(model, tokens)).logits())?.data;
    const together = await Promise.all([...prompts.map((p) => logits(p)), logits([1, 2, 3], reference('gpt2'))]);
    for (const [i, prompt] of prompts.entries()) expect(together[i]).toEqual(await logits(prompt));
    expect(together.at(-1)).toEqual(await logits([1, 2, 3], reference('gpt2')));
  });
});

describe('models are kept open', () => {
  const open = async (client: EngineClient) => (await client.info()).models.map((m) => m.path.split(/[\\/]/).at(-1));

  test('the least recently used is closed, and opened again when asked for', async () => {
    const client = start({ limits: { maxModels: 2 } });
    await client.open(reference('llama'));
    const held = await client.run(reference('gpt2'), [1, 2], { hooks: ['hook_embed'] });
    await client.run(reference('llama'), [1, 2]);
    expect(await open(client)).toEqual(['llama', 'gpt2']);
    await client.open(reference('qwen2'));
    expect(await open(client)).toEqual(['qwen2', 'llama']);
    await expect(held.read('hook_embed')).rejects.toThrow('closed to make room');
    expect((await client.run(reference('gpt2'), [1, 2])).length).toBe(2);
    expect(await open(client)).toEqual(['gpt2', 'qwen2']);
    expect(await client.close(reference('gpt2'))).toBe(true);
    expect(await client.close(reference('gpt2'))).toBe(false);
    expect(await open(client)).toEqual(['qwen2']);
  });

  test('settings make another open model; requests under way are finished before a model is closed', async () => {
    const client = start({ limits: { maxModels: 1 } });
    const runs = [1, 2, 1, 2].map((threads) => client.run({ ...reference('llama'), settings: { threads } }, [1, 2, 3]));
    for (const run of await Promise.all(runs)) expect(run.length).toBe(3);
    expect(await open(client)).toEqual(['llama']);
  });

  test('weights over the budget are refused with the figures', async () => {
    const client = start({ limits: { weightsBudget: 1e6 } });
    const failure = client.open(pocket);
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(/weights of model pocket take 5\.\d+ MB .* 1\.00 MB are allowed/);
    expect((await client.open(reference('llama'))).spec.nLayers).toBe(3);
  });

  test('a run over its memory budget is refused with the figures, and the engine goes on', async () => {
    const small = { ...pocket, settings: { memoryBudget: 1e5 } };
    const failure = shared.run(
      small,
      Array.from({ length: 500 }, () => 5),
      { hooks: 'all', logits: 'all' },
    );
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(/\d/);
    expect((await shared.run(small, [5])).length).toBe(1);
  });

  test('kept runs over the budget are refused until some are released', async () => {
    const client = start({ limits: { tracesBudget: 100_000 } });
    const options = { hooks: ['blocks.*.attn.hook_pattern'], logits: 'none' } as const;
    const tokens = Array.from({ length: 50 }, (_, i) => i + 2);
    const first = await client.run(pocket, tokens, options);
    await expect(client.run(pocket, tokens, options)).rejects.toThrow('release runs');
    await first.release();
    expect((await client.run(pocket, tokens, options)).length).toBe(50);
  });

  test('a model whose file has changed is opened anew', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'residue-model-'));
    try {
      cpSync(reference('llama').model, folder, {
        recursive: true,
        filter: (path) => !/[\\/](gguf|sharded|f16|variants|reference\.)/.test(path),
      });
      const logits = async () => (await (await shared.run({ model: folder }, [1, 2, 3])).logits())?.data ?? new Float32Array(0);
      const before = await logits();
      mkdirSync(join(folder, 'later'));
      copyFileSync(join(folder, 'bf16', 'model.safetensors'), join(folder, 'model.safetensors'));
      utimesSync(join(folder, 'model.safetensors'), 1, 2);
      const after = await logits();
      expect(after).not.toEqual(before);
      after.forEach((x, i) => expect(Math.abs(x - (before[i] ?? NaN))).toBeLessThan(0.5));
    } finally {
      await shared.close({ model: folder });
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('a provider that does not start is replaced by cpu, with a note', async () => {
    const { providers } = await shared.info();
    for (const provider of providers.filter((name) => name !== 'cpu')) {
      const { engine } = await start().open({ ...reference('llama'), settings: { provider } });
      expect(engine.provider.asked).toBe(provider);
      if (engine.provider.used !== provider) {
        expect(engine.provider.used).toBe('cpu');
        expect(engine.provider.note).toMatch(/\S/);
        expect(engine.provider.note).not.toContain('\n');
      }
    }
  });
});

describe('bad input', () => {
  test.each<[string, (client: EngineClient) => Promise<unknown>]>([
    ['a model that is not there', (c) => c.open({ model: '/nowhere/at/all' })],
    ['a file that is no model', (c) => c.open({ model: join(packageRoot(), 'package.json') })],
    ['tokens outside the vocabulary', (c) => c.run(pocket, [822])],
    ['no tokens', (c) => c.run(pocket, [])],
    ['rows of different length', (c) => c.run(pocket, [[1, 2], [3]])],
    ['more tokens than the context', (c) => c.run(pocket, new Array<number>(513).fill(3))],
    ['a hook that does not exist', (c) => c.run(pocket, [1], { hooks: ['blocks.9.attn.hook_q'] })],
    ['a layer that does not exist', (c) => c.run(pocket, [1], { edits: [{ kind: 'scale-out', at: 'mlp_out', layer: 6, scale: 0 }] })],
    [
      'a direction of the wrong size',
      (c) => c.run(pocket, [1], { edits: [{ kind: 'project-out', layer: 0, positions: 'all', direction: new Float32Array(3) }] }),
    ],
    ['an unknown setting', (c) => c.open({ ...pocket, settings: { fast: true } as object })],
    ['a shell with an error', (c) => c.runShell({ text: 'format: 1\nshell: x\nrun: 3\n', file: null })],
    ['generation beyond any length', (c) => c.generate(pocket, [1], { maxTokens: 0 })],
  ])('%s is one sentence without a stack', async (_, ask) => {
    const error = await ask(shared).then(
      () => null,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(InputError);
    const { message } = error as InputError;
    expect(message).not.toMatch(/\n| at .*\.(c?js|ts):\d|Error:/);
    expect(message.length).toBeGreaterThan(15);
    // The engine goes on.
    expect((await shared.run(pocket, [1])).length).toBe(1);
  });

  test('what cannot be sent is rejected by the client', async () => {
    const bad = { ...pocket, settings: { provider: (() => 'cpu') as unknown as string } };
    await expect(shared.open(bad)).rejects.toThrow('cannot be sent');
  });

  test('whatever comes over the channel is answered once, and the engine lives', async () => {
    const child = fork(join(packageRoot(), 'dist', 'engine.cjs'), ['{}'], { serialization: 'advanced', silent: true, execArgv: [] });
    const received: Record<string, unknown>[] = [];
    let wake = () => {};
    child.on('message', (message) => {
      received.push(message as Record<string, unknown>);
      wake();
    });
    const until = async (count: number) => {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
    };
    await until(1);
    expect(received[0]).toMatchObject({ type: 'ready' });
    const almost = fc.record({
      type: fc.constantFrom('request', 'requests'),
      id: fc.oneof(fc.nat(), fc.anything()),
      method: fc.constantFrom('info', 'open', 'run', 'read', 'release', 'lens', 'toString'),
      params: fc.anything({ withTypedArray: true }),
    });
    const messages = fc.sample(fc.oneof(fc.anything({ withTypedArray: true, withMap: true, withBigInt: true }), almost), {
      seed: 6,
      numRuns: 400,
    });
    let sent = 0;
    for (const message of messages) {
      if (message === null || message === undefined) continue;
      try {
        child.send(message as object);
        sent++;
      } catch {
        // A value that Node itself refuses never reaches the engine.
      }
    }
    expect(sent).toBeGreaterThan(200);
    await until(sent + 1);
    for (const reply of received.slice(1))
      expect(reply).toMatchObject({ type: 'error', error: { kind: 'input', message: expect.stringMatching(/^[^\n]+\.$/) } });
    child.send({ type: 'request', id: 1, method: 'info', params: {} });
    await until(sent + 2);
    expect(received.at(-1)).toMatchObject({ type: 'reply', id: 1 });
    expect(received).toHaveLength(sent + 2);
    child.kill();
  });

  test('a client that is disposed says so', async () => {
    const client = start();
    await client.dispose();
    await expect(client.info()).rejects.toThrow(EngineError);
  });
});
