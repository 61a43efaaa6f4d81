import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, GenerateOptions, KvCache, LensRequest, Model, OpenOptions, RunOptions } from '../../src/engine/api.js';
import { InputError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load.js';
import { referencePath } from '../helpers/reference.js';
import { openLocal } from '../../src/engine/local/index.js';
import { openPath } from '../helpers/shells.js';

/** Every field that a caller can get wrong: one sentence that names the field, and no run. */
describe('what the engine refuses', () => {
  let llama: Model;
  let gpt2: Model;
  beforeAll(async () => {
    llama = await openPath(referencePath('llama'));
    gpt2 = await openPath(referencePath('gpt2'));
  });
  afterAll(async () => {
    await llama?.close();
    await gpt2?.close();
  });
  const ids = [5, 6, 7, 8];
  const none: KvCache = {
    length: 3,
    batch: 1,
    prefix: () => none,
    values: () => ({ data: new Float32Array(0), shape: [1, 0, 1, 1] }),
    release: () => undefined,
  };
  const vector = new Float32Array(64);
  const refused = async (work: () => Promise<unknown>, field: string, message: RegExp): Promise<void> => {
    const error: unknown = await work().then(
      () => new Error('was not refused'),
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(InputError);
    const { message: told, place } = error as InputError;
    expect(told).toMatch(message);
    expect(told).toMatch(/^[A-Z][^\n]*\.$/);
    expect(place.field).toBe(field);
  };

  const tokens: [string, unknown, RegExp][] = [
    ['none', [], /no tokens/],
    ['an empty row', [[]], /no tokens in row 0/],
    ['an id beyond the vocabulary', [1, 358], /Token 358 at position 1 is not an id of the vocabulary \(0 to 357\)/],
    ['a negative id', [-1], /Token -1/],
    ['a fraction', [1.5], /Token 1\.5/],
    ['NaN', [Number.NaN], /Token NaN/],
    ['rows of two lengths', [[1, 2], [3]], /Row 1 of the batch has 1 tokens and row 0 has 2/],
    ['a row that is none', [[1, 2], 3], /not a list/],
    ['a text', ['hello'], /Token hello/],
  ];
  it.each(tokens)('tokens: %s', (_, given, message) => refused(() => llama.run(given as number[]), 'tokens', message));

  const options: [string, RunOptions, string, RegExp][] = [
    ['positions: too few', { positions: [0, 1] }, 'positions', /2 ids for 4 tokens/],
    ['positions: negative', { positions: [0, 1, 2, -3] }, 'positions', /-3 is not a whole number from 0/],
    ['positions: too many rows', { positions: [ids, ids] }, 'positions', /2 rows for a batch of 1/],
    ['positions: none', { positions: [] }, 'positions', /0 ids for 4 tokens/],
    ['hooks: unknown', { hooks: ['blocks.0.attn.hook_qq'] }, 'hooks', /no hook point "blocks\.0\.attn\.hook_qq"/],
    ['hooks: a layer too many', { hooks: ['blocks.3.hook_resid_pre'] }, 'hooks', /no hook point/],
    ['hooks: an empty glob', { hooks: ['*.nothing'] }, 'hooks', /no hook point/],
    ['hooks: one star for two segments', { hooks: ['blocks.*.hook_pattern'] }, 'hooks', /no hook point/],
    ['logits: out of range', { logits: [4] }, 'logits', /position for logits 4 is out of range: it must be a whole number from 0 to 3/],
    ['cache: not one', { cache: none }, 'cache', /belongs to another model/],
  ];
  it.each(options)('%s', (_, given, field, message) => refused(() => llama.run(ids, given), field, message));

  it('a cache of another model, or of another batch', async () => {
    const { cache } = await gpt2.run(ids, { keepCache: true });
    await refused(() => llama.run(ids, { cache: cache! }), 'cache', /another model/);
    const two = await llama.run([ids, ids], { keepCache: true });
    await refused(() => llama.run([ids, ids, ids], { cache: two.cache! }), 'cache', /holds 2 rows and the batch has 3/);
  });

  const edits: [string, Edit, string, RegExp][] = [
    ['a layer too many', { kind: 'scale-out', at: 'mlp_out', layer: 3, scale: 0 }, 'layer', /layer 3 is out of range.*0 to 2/],
    ['half a layer', { kind: 'scale-out', at: 'mlp_out', layer: 0.5, scale: 0 }, 'layer', /layer 0\.5/],
    ['a head too many', { kind: 'scale-head', layer: 0, head: 4, scale: 0 }, 'head', /head 4 is out of range.*0 to 3/],
    ['a scale that is no number', { kind: 'scale-head', layer: 0, head: 0, scale: Number.NaN }, 'scale', /scale is NaN/],
    ['an infinite scale', { kind: 'scale-out', at: 'attn_out', layer: 0, scale: Infinity }, 'scale', /Infinity/],
    [
      'a position too far',
      { kind: 'scale-head', layer: 0, head: 0, scale: 0, positions: [4] },
      'positions',
      /position 4 is out of range.*0 to 3/,
    ],
    ['a row too many', { kind: 'scale-head', layer: 0, head: 0, scale: 0, row: 1 }, 'row', /batch row 1 is out of range: only 0/],
    [
      'a short vector',
      { kind: 'replace', at: 'resid_pre', layer: 0, positions: [0], value: new Float32Array(63) },
      'value',
      /has 63 numbers and must have 64/,
    ],
    [
      'vectors for other positions',
      { kind: 'add', at: 'mlp_out', layer: 0, positions: [0, 1, 2], value: new Float32Array(128) },
      'value',
      /128 numbers and must have 64, or 192/,
    ],
    [
      'a head vector of d_model',
      { kind: 'replace', at: 'z', layer: 0, head: 0, positions: 'all', value: vector.slice(0, 17) },
      'value',
      /must have 16, or 64/,
    ],
    [
      'NaN in a vector',
      { kind: 'add', at: 'resid_pre', layer: 0, positions: [0], value: vector.map((_, i) => (i === 9 ? NaN : 0)) },
      'value',
      /number 9 is NaN/,
    ],
    ['no direction', { kind: 'project-out', layer: 0, positions: 'all', direction: vector }, 'direction', /is zero/],
    ['a query too far', { kind: 'knockout', layers: 'all', heads: 'all', queries: [4], keys: [0] }, 'queries', /query position 4/],
    ['a key before the first', { kind: 'knockout', layers: 'all', heads: 'all', queries: [3], keys: [-1] }, 'keys', /key position -1/],
    ['a layer too many in a set', { kind: 'knockout', layers: [0, 3], heads: 'all', queries: [3], keys: [0] }, 'layers', /layer 3/],
    ['a head too many in a set', { kind: 'scale-values', layers: [0], heads: [9], queries: [3], keys: [0], scale: 1 }, 'heads', /head 9/],
    ['an unknown kind', { kind: 'erase' } as unknown as Edit, 'kind', /no edit of kind "erase"/],
    [
      'an array of another kind',
      { kind: 'add', at: 'resid_pre', layer: 0, positions: [0], value: [1] as unknown as Float32Array },
      'value',
      /Float32Array/,
    ],
  ];
  it.each(edits)('an edit with %s', (_, edit, field, message) =>
    refused(() => llama.run(ids, { edits: [{ kind: 'scale-head', layer: 0, head: 0, scale: 1 }, edit] }), `edits[1].${field}`, message),
  );

  it('a knockout that leaves a query nothing to attend to', async () => {
    const blind = (queries: 'all' | number[], keys: number[], more: Partial<Edit> = {}): Edit[] => [
      { kind: 'knockout', layers: [1], heads: [2], queries, keys, ...more } as Edit,
    ];
    await refused(() => llama.run(ids, { edits: blind('all', [0]) }), 'edits', /position 0 nothing to attend to in layer 1/);
    await refused(() => llama.run(ids, { edits: blind([2], [0, 1, 2]) }), 'edits', /position 2 nothing/);
    // Together, two knockouts can do what neither does alone.
    await refused(() => llama.run(ids, { edits: [...blind([1], [0]), ...blind([1], [1])] }), 'edits', /position 1 nothing/);
    await expect(llama.run(ids, { edits: blind([2], [0, 1]) })).resolves.toBeDefined();
    const { cache } = await llama.run(ids, { keepCache: true });
    await refused(() => llama.run([9], { cache: cache!, edits: blind([0], [-4, -3, -2, -1, 0]) }), 'edits', /position 0 nothing/);
    await expect(llama.run([9], { cache: cache!, edits: blind([0], [-4, -3, -2, -1]) })).resolves.toBeDefined();
  });

  const lenses: [string, Partial<LensRequest>, string, RegExp][] = [
    ['a layer beyond the last', { layers: [4] }, 'layers', /residual row 4 is out of range.*0 to 3/],
    ['a position beyond the run', { positions: [4] }, 'positions', /position 4/],
    ['a token beyond the vocabulary', { tokens: [358] }, 'tokens', /token 358/],
    ['too many top tokens', { topK: 359 }, 'topK', /359/],
    ['half a top token', { topK: 1.5 }, 'topK', /1\.5/],
    ['an unknown norm', { norm: 'other' as 'frozen' }, 'norm', /no lens norm "other"/],
  ];
  it.each(lenses)('a lens with %s', async (_, request, field, message) => {
    const run = await llama.run(ids, { hooks: ['blocks.*.hook_resid_*'] });
    await refused(() => llama.lens(run, { layers: 'all', positions: [0], ...request }), field, message);
  });

  it('a lens on another row, or on a run without residuals', async () => {
    const run = await llama.run(ids, { hooks: ['hook_embed'] });
    await refused(() => llama.lens(run, { layers: [0], positions: [0] }, 1), 'row', /batch row 1/);
    await refused(() => llama.lens(run, { layers: [0], positions: [0] }), 'hooks', /did not keep blocks\.0\.hook_resid_pre/);
    expect(() => run.get('hook_pos_embed')).toThrow(InputError);
  });

  it('vectors to unembed that do not fit', async () => {
    await refused(() => llama.unembed(new Float32Array(63), 1), 'vectors', /have 63 numbers and must have 64/);
    await refused(
      () =>
        llama.unembed(
          vector.map(() => Infinity),
          1,
        ),
      'vectors',
      /number 0 is Infinity/,
    );
    expect((await llama.unembed(new Float32Array(0), 0)).shape).toEqual([0, 358]);
  });

  const generations: [string, Partial<GenerateOptions>, string, RegExp][] = [
    ['fewer than no tokens', { maxTokens: -1 }, 'maxTokens', /-1/],
    ['a negative temperature', { temperature: -1 }, 'temperature', /temperature -1 is not 0/],
    ['no nucleus', { topP: 0 }, 'topP', /topP 0/],
    ['half a candidate', { topK: 0.5 }, 'topK', /0\.5/],
    ['a seed that is no number', { seed: 0.5 }, 'seed', /seed 0\.5/],
    [
      'an edit beyond the prompt',
      { edits: [{ kind: 'scale-head', layer: 0, head: 0, scale: 0, positions: [4] }] },
      'edits[0].positions',
      /4/,
    ],
    [
      'vectors that cannot follow',
      { edits: [{ kind: 'add', at: 'resid_pre', layer: 0, positions: 'all', value: new Float32Array(256) }] },
      'edits[0].value',
      /256 numbers and must have 64/,
    ],
  ];
  it.each(generations)('generation with %s', (_, given, field, message) =>
    refused(() => llama.generate(ids, { maxTokens: 2, ...given }), field, message),
  );

  const opens: [string, OpenOptions, string, RegExp][] = [
    ['no threads', { threads: 0 }, 'threads', /threads 0/],
    ['too many threads', { threads: 1000 }, 'threads', /1000/],
    ['no memory', { memoryBudget: 0 }, 'memoryBudget', /0/],
    ['a provider that there is not', { provider: 'abacus' }, 'provider', /no execution provider "abacus".*cpu/],
  ];
  it.each(opens)('opening with %s', async (_, given, field, message) => {
    const loaded = await loadModel(referencePath('llama'));
    await refused(() => openLocal(loaded, given), field, message);
    loaded.close();
  });
});
