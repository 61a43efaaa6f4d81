import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { listProviders, onnxruntimeVersion, openLocal } from '../../src/engine/local/index.js';
import { CancelledError, InputError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load.js';
import { expectAgree } from '../helpers/agree.js';
import { lastLogits } from '../helpers/families.js';
import { loadReference, parseSafetensors, referencePath } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';
import { copyModel, setConfig, setTensors } from '../unit/model-fixtures.js';

const { json, arrays } = loadReference('llama');
const { ids } = json.prompts.probe;

describe('an open model', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openPath(referencePath('llama'));
  });
  afterAll(() => model?.close());

  it('tells what it runs on', () => {
    expect(model.info).toEqual({ onnxruntime: onnxruntimeVersion(), provider: { asked: 'cpu', used: 'cpu' }, threads: 1 });
    expect(model.info.onnxruntime).toMatch(/^\d+\.\d+\.\d+/);
    expect(listProviders()).toContain('cpu');
  });

  it('keeps only the hooks that were asked for, in the order of the model', async () => {
    const run = await model.run(ids, { hooks: ['ln_final.hook_scale', 'blocks.*.hook_mlp_out', 'hook_embed', 'blocks.1.*.hook_scale'] });
    expect(run.hooks).toEqual([
      'hook_embed',
      'blocks.0.hook_mlp_out',
      'blocks.1.ln1.hook_scale',
      'blocks.1.ln2.hook_scale',
      'blocks.1.hook_mlp_out',
      'blocks.2.hook_mlp_out',
      'ln_final.hook_scale',
    ]);
    expect((await model.run(ids)).hooks).toEqual([]);
    expect(() => run.get('blocks.0.hook_attn_out')).toThrow(/did not keep blocks\.0\.hook_attn_out/);
  });

  it('gives the rows of logits that were asked for', async () => {
    const all = arrays('probe/logits').data;
    const vocab = model.spec.vocabSize;
    const rows = await model.run([ids, ids], { logits: [3, 0, 3] });
    expect(rows.logits!.shape).toEqual([2, 3, vocab]);
    const want = [3, 0, 3, 3, 0, 3].flatMap((row) => [...all.subarray(row * vocab, (row + 1) * vocab)]);
    expectAgree(rows.logits!.data, want, 'rows');
    expect((await model.run(ids, { logits: 'none' })).logits).toBeNull();
    expect((await model.run(ids)).cache).toBeNull();
  });

  it('gives its arrays back when it is released, and says so to whoever reads them then', async () => {
    const run = await model.run(ids, { hooks: 'all', keepCache: true });
    const names = ['blocks.1.hook_resid_pre', 'blocks.1.attn.hook_pattern'];
    const [kept, pattern] = names.map((name) => run.get(name).data);
    const values = [...kept!];
    // What leaves block 0 is what enters block 1: one buffer, kept under either name.
    expect(run.get('blocks.0.hook_resid_post').data.buffer).toBe(kept!.buffer);
    run.release({ keep: [names[0]!] });
    run.release();
    expect([...kept!]).toEqual(values);
    // A Node that can give memory back has done so: its arrays are empty.
    if ('transfer' in ArrayBuffer.prototype) expect(pattern!.length).toBe(0);
    for (const read of [() => run.get(names[0]!), () => run.logits]) expect(read).toThrow(/are gone, for it was released/);
    await expect(model.lens(run, { layers: 'all', positions: [0] })).rejects.toThrow(InputError);
    const next = await model.run([ids[0]!], { cache: run.cache! });
    expectAgree(lastLogits(next), lastLogits(await model.run([...ids, ids[0]!])), 'after the cache');
    run.cache!.release();
    run.cache!.release();
    await expect(model.run([ids[0]!], { cache: run.cache! })).rejects.toThrow(/The cache was released/);
    await expect(model.variants(run, [[]], { tokens: [0] })).rejects.toThrow(InputError);
  });

  it('finishes the variants of a run that is released meanwhile', async () => {
    const hooks = ['blocks.*.hook_resid_pre', `blocks.${model.spec.nLayers - 1}.hook_resid_post`];
    const edits = [[], [{ kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0 } as const]];
    const [one, two] = [await model.run(ids, { hooks, keepCache: true }), await model.run(ids, { hooks, keepCache: true })];
    const want = await model.variants(one, edits, { tokens: [1, 2] });
    const got = model.variants(two, edits, { tokens: [1, 2] });
    two.release();
    expect(await got).toEqual(want);
  });

  it('does not let a caller change what it holds', async () => {
    const first = await model.run(ids, { hooks: 'all' });
    for (const hook of first.hooks) first.get(hook).data.fill(7);
    expectAgree(lastLogits(await model.run(ids)), lastLogits(first), 'the next run', 0);
  });

  it('gives the same bits every time', async () => {
    const [a, b] = [await model.run(ids, { hooks: 'all' }), await model.run(ids, { hooks: 'all' })];
    for (const hook of a.hooks) expect(a.get(hook).data).toEqual(b.get(hook).data);
  });

  it('freezes the scale of the last residual in the other lens', async () => {
    const run = await model.run(ids, { hooks: 'all', logits: 'all' });
    const last = ids.length - 1;
    const lens = await model.lens(run, { layers: [1], positions: [last, 2], full: true, norm: 'frozen' });
    const { dModel, vocabSize } = model.spec;
    const w = model.weights.readLnFinal().w!;
    const table = model.weights.readStored('embed.W_E');
    for (const [p, position] of [last, 2].entries()) {
      const scale = run.get('ln_final.hook_scale').data[position]!;
      const residual = run.get('blocks.1.hook_resid_pre').data.subarray(position * dModel, (position + 1) * dModel);
      const logits = Array.from({ length: vocabSize }, (_, id) =>
        residual.reduce((sum, x, i) => sum + (x / scale) * w[i]! * table[id * dModel + i]!, 0),
      );
      const top = Math.max(...logits);
      const norm = top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0));
      expectAgree(
        lens.logprobs!.subarray(p * vocabSize, (p + 1) * vocabSize),
        logits.map((x) => x - norm),
        'frozen',
      );
    }
  });

  it('reads one row of a batch with its lens', async () => {
    const run = await model.run([[...ids].reverse(), ids], { hooks: ['blocks.*.hook_resid_*'] });
    const lens = await model.lens(run, { layers: 'all', positions: [ids.length - 1], full: true }, 1);
    expectAgree(lens.logprobs!, arrays('probe/lens.logprobs').data, 'lens of row 1');
  });

  it('stops when it is told to', async () => {
    const stopped = (work: (signal: AbortSignal) => Promise<unknown>, after: number) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), after);
      return expect(work(controller.signal)).rejects.toBeInstanceOf(CancelledError);
    };
    await expect(model.run(ids, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(CancelledError);
    await stopped((signal) => model.generate(ids, { maxTokens: 100_000, stopIds: [], signal }), 30);
    const controller = new AbortController();
    const told: number[] = [];
    const generation = model.generate(ids, {
      maxTokens: 50,
      stopIds: [],
      signal: controller.signal,
      onToken: (id) => told.push(id) === 3 && controller.abort(),
    });
    await expect(generation).rejects.toBeInstanceOf(CancelledError);
    expect(told).toEqual(json.greedy.probe!.slice(0, 3));
    // What was cancelled leaves nothing behind.
    expectAgree((await model.run(ids, { logits: 'all' })).logits!.data, arrays('probe/logits').data, 'the next run');
  });

  it('stops a large run between two parts', async () => {
    const rows = Array.from({ length: 24 }, () => Array.from({ length: 200 }, (_, i) => i));
    const controller = new AbortController();
    const start = performance.now();
    const run = model.run(rows, { hooks: 'all', signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    const cancelled = performance.now() - start;
    const again = performance.now();
    await model.run(rows, { hooks: 'all' });
    expect(cancelled).toBeLessThan(performance.now() - again);
  });

  it('lets other work in while it runs', async () => {
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await model.run(ids, { hooks: 'all' });
    clearImmediate(timer);
    // At least one turn of the event loop for each part: three blocks, the final norm, the head.
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('says how much memory a run needs and how much it may take', async () => {
    const loaded = await loadModel(referencePath('llama'));
    const small = await openLocal(loaded, { threads: 1, memoryBudget: 400_000 });
    const error = await small.run(ids, { hooks: 'all', logits: 'all' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(
      /needs 1\.\d+ MB .*\(traces .* MB, logits .* MB, workings .* MB; 1 × 60 tokens\) and 0\.400 MB are allowed/,
    );
    expect((error as InputError).place.field).toBe('memoryBudget');
    await expect(small.run(ids.slice(0, 8))).resolves.toBeDefined();
    const run = await small.run(ids.slice(0, 8), { hooks: ['blocks.*.hook_resid_*'] });
    await expect(small.lens(run, { layers: 'all', positions: ids.slice(0, 8).map((_, i) => i), full: false })).resolves.toBeDefined();
    await expect(small.generate(ids, { maxTokens: 190, stopIds: [] })).rejects.toThrow(/allowed/);
    await small.close();
  });

  it('refuses a run that would take terabytes before it takes anything', async () => {
    const loaded = await loadModel(referencePath('llama'));
    const wide = await openLocal(loaded, { threads: 1 });
    const row = Array.from({ length: 250 }, () => 1);
    const rows = Array.from({ length: 400_000 }, () => row);
    const before = process.memoryUsage().rss;
    await expect(wide.run(rows, { hooks: 'all' })).rejects.toThrow(/needs [\d.e+]+ GB of memory/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    await wide.close();
  });

  it('refuses numbers that leave float32, and says where', async () => {
    const value = new Float32Array(model.spec.dModel).fill(3e38);
    const run = model.run(ids, { edits: [{ kind: 'add', at: 'resid_pre', layer: 1, positions: [5], value }] });
    await expect(run).rejects.toThrow(/^Activations overflow float32 in layer 1: use smaller numbers in the edits\.$/);
  });
});

describe('weights in files', () => {
  const runs = async (folder: string): Promise<void> => {
    const model = await openPath(folder);
    try {
      expectAgree((await model.run(ids, { logits: 'all' })).logits!.data, arrays('probe/logits').data, 'logits');
    } finally {
      await model.close();
    }
  };

  it('are read behind symbolic links, as download caches keep them, and in folders with odd names', async () => {
    const real = copyModel('llama');
    const cache = join(real, 'snapshots ünd; so', 'a b');
    const blobs = join(real, 'blobs');
    mkdirSync(cache, { recursive: true });
    mkdirSync(blobs);
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']) {
      writeFileSync(join(blobs, `${name}.blob`), readFileSync(join(real, name)));
      symlinkSync(join('..', '..', 'blobs', `${name}.blob`), join(cache, name));
    }
    await runs(cache);
  });

  it('are read at offsets that are no multiple of four', async () => {
    const folder = copyModel('llama');
    const path = join(folder, 'model.safetensors');
    const file = readFileSync(path);
    const length = Number(file.readBigUInt64LE(0));
    for (const pad of [1, 2, 3]) {
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(length + pad));
      writeFileSync(path, Buffer.concat([size, file.subarray(8, 8 + length), Buffer.alloc(pad, ' '), file.subarray(8 + length)]));
      await runs(folder);
    }
  });

  it.each([
    'model.layers.1.mlp.up_proj.weight',
    'model.layers.2.self_attn.q_proj.weight',
    'model.embed_tokens.weight',
    'model.norm.weight',
  ])('are named when %s holds a NaN or an infinity', async (name) => {
    for (const bad of [Number.NaN, -Infinity]) {
      const folder = copyModel('llama');
      // relu would swallow both.
      setConfig(folder, { hidden_act: 'relu' });
      setTensors(folder, (tensors) => {
        const tensor = tensors.get(name)!;
        const data = new Float32Array(Uint8Array.from(tensor.bytes).buffer);
        // In the row of a token that is read.
        data[name.includes('embed') ? ids[3]! * 64 + 1 : 5] = bad;
        tensors.set(name, { ...tensor, bytes: new Uint8Array(data.buffer) });
      });
      const error = await openPath(folder)
        .then(async (model) => model.run(ids).finally(() => model.close()))
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(InputError);
      expect((error as InputError).message).toMatch(/holds (a NaN|an infinity) at \[/);
      expect((error as InputError).place.field).toBe(name);
    }
  });

  it('are not needed in memory: stored floats stay in the file', async () => {
    const names = [...parseSafetensors(readFileSync(referencePath('llama', 'model.safetensors'))).keys()];
    expect(names.length).toBeGreaterThan(20);
    const { Initializers } = await import('../../src/graph/initializers.js');
    const { buildBlock } = await import('../../src/graph/block.js');
    for (const [variant, mapped] of [
      ['f16', 7],
      ['bf16', 7],
      ['.', 7],
    ] as const) {
      const loaded = await loadModel(referencePath('llama', variant));
      const graph = buildBlock({ spec: loaded.spec, weights: loaded.weights, initializers: new Initializers(loaded.weights) }, 0);
      expect(graph.mapped).toHaveLength(mapped);
      expect(graph.bytes.length).toBeLessThan(30_000);
      loaded.close();
    }
  });
});

describe('opening and closing', () => {
  it('reports its progress and can be stopped', async () => {
    const loaded = await loadModel(referencePath('llama'));
    const events: string[] = [];
    const model = await openLocal(loaded, { threads: 1, onProgress: ({ done, total }) => events.push(`${done}/${total}`) });
    expect(events).toEqual(['0/4', '1/4', '2/4', '3/4', '4/4']);
    await model.close();
    const again = await loadModel(referencePath('llama'));
    const controller = new AbortController();
    const opening = openLocal(again, { threads: 1, signal: controller.signal, onProgress: ({ done }) => done === 1 && controller.abort() });
    await expect(opening).rejects.toBeInstanceOf(CancelledError);
    again.close();
  });

  it('refuses work when it is closed, also what had begun', async () => {
    const model = await openPath(referencePath('llama'));
    const begun = model.run(ids);
    await model.close();
    await expect(begun).rejects.toThrow(/The model is closed/);
    await expect(model.run(ids)).rejects.toThrow(/The model is closed/);
    await expect(model.unembed(new Float32Array(64), 1)).rejects.toThrow(InputError);
    await expect(model.close()).resolves.toBeUndefined();
  });

  it('falls back to cpu, and says so, when a provider does not start or is not offered', async () => {
    const offered = listProviders();
    const others = ['cuda', 'coreml', 'dml', 'tensorrt'];
    for (const provider of others) {
      const model = await openLocal(await loadModel(referencePath('llama')), { threads: 1, provider });
      expect(model.info.provider.asked).toBe(provider);
      if (model.info.provider.used === 'cpu') {
        expect(model.info.provider.note).toMatch(
          offered.includes(provider) ? new RegExp(`^${provider} failed to start`) : /^onnxruntime offers cpu/,
        );
        expect(model.info.provider.note).toMatch(/cpu is used\.$/);
        expectAgree((await model.run(ids, { logits: 'all' })).logits!.data, arrays('probe/logits').data, 'logits');
      } else expect(model.info.provider).toEqual({ asked: provider, used: provider });
      await model.close();
    }
  });

  it('survives weights that are cut off after they were checked', async () => {
    const folder = copyModel('llama');
    const loaded = await loadModel(folder);
    const file = openSync(join(folder, 'model.safetensors'), 'r+');
    ftruncateSync(file, 40_000);
    closeSync(file);
    await expect(openLocal(loaded, { threads: 1 }).then((model) => model.run(ids))).rejects.toThrow();
    loaded.close();
  });
});
