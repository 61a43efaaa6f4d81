import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { at } from '../helpers/families.js';
import { loadReference, referencePath } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';

/** Several edits of one activation: replace, then scale, then add, however they are given; and each reaches only what it names. */
describe('edits of one activation', () => {
  const { ids } = loadReference('llama').json.prompts.control;
  let model: Model;
  beforeAll(async () => {
    model = await openPath(referencePath('llama'));
  });
  afterAll(() => model?.close());
  const wave = (length: number, phase: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + phase));
  const layer = 1;

  it('compose on the head output z', async () => {
    const { dHead, nHeads } = model.spec;
    const [value, more] = [wave(dHead, 0), wave(dHead, 1)];
    const edits: Edit[] = [
      { kind: 'add', at: 'z', layer, head: 2, positions: [4], value: more },
      { kind: 'scale-head', layer, head: 2, scale: 0.5, positions: [4, 5] },
      { kind: 'replace', at: 'z', layer, head: 2, positions: [4], value },
      { kind: 'scale-head', layer, head: 2, scale: 3, positions: [4] },
      { kind: 'add', at: 'z', layer, head: 2, positions: [6], value: more },
    ];
    const name = `blocks.${layer}.attn.hook_z`;
    const before = (await model.run(ids, { hooks: [name] })).get(name);
    for (const given of [edits, [...edits].reverse()]) {
      const after = (await model.run(ids, { hooks: [name], edits: given })).get(name);
      for (let position = 0; position < ids.length; position++) {
        const want = at(before, position);
        const head = want.subarray(2 * dHead, 3 * dHead);
        if (position === 4) head.forEach((_, i) => (head[i] = value[i]! * 1.5 + more[i]!));
        if (position === 5) head.forEach((x, i) => (head[i] = x * 0.5));
        if (position === 6) head.forEach((x, i) => (head[i] = x + more[i]!));
        expect(want).toHaveLength(nHeads * dHead);
        expectAgree(at(after, position), want, `z at ${position}`, 1e-6);
      }
    }
  });

  it.each(['attn_out', 'mlp_out'] as const)('compose on %s', async (where) => {
    const { dModel } = model.spec;
    const [value, more] = [wave(2 * dModel, 2), wave(dModel, 3)];
    const edits: Edit[] = [
      { kind: 'scale-out', at: where, layer, scale: -2, positions: [3] },
      { kind: 'add', at: where, layer, positions: 'all', value: more },
      { kind: 'replace', at: where, layer, positions: [7, 3], value },
    ];
    const name = `blocks.${layer}.hook_${where}`;
    const hooks = [name, `blocks.${layer}.hook_resid_mid`, `blocks.${layer}.hook_resid_post`];
    const before = (await model.run(ids, { hooks })).get(name);
    const run = await model.run([ids, ids], { hooks, edits: edits.map((edit) => ({ ...edit, row: 1 })) });
    for (let position = 0; position < ids.length; position++) {
      const plain = at(before, position);
      expectAgree(at(run.get(name), position, 0), plain, `row 0 at ${position}`, 1e-5);
      const own = position === 3 ? value.subarray(dModel) : position === 7 ? value.subarray(0, dModel) : plain;
      const want = own.map((x, i) => x * (position === 3 ? -2 : 1) + more[i]!);
      expectAgree(at(run.get(name), position, 1), want, `row 1 at ${position}`, 1e-5);
      if (where !== 'mlp_out') continue;
      const sum = at(run.get(`blocks.${layer}.hook_resid_mid`), position, 1).map((x, i) => x + want[i]!);
      expectAgree(at(run.get(`blocks.${layer}.hook_resid_post`), position, 1), sum, `residual at ${position}`, 1e-5);
    }
  });

  it('compose on resid_pre, where a direction is removed before anything is added', async () => {
    const { dModel } = model.spec;
    const direction = wave(dModel, 4);
    const value = wave(dModel, 5);
    const edits: Edit[] = [
      { kind: 'add', at: 'resid_pre', layer, positions: [2], value: direction },
      { kind: 'project-out', layer, positions: [2, 3], direction },
      { kind: 'replace', at: 'resid_pre', layer, positions: [2], value },
    ];
    const name = `blocks.${layer}.hook_resid_pre`;
    const before = (await model.run(ids, { hooks: [name] })).get(name);
    const run = await model.run(ids, { hooks: [name, `blocks.${layer - 1}.hook_resid_post`], edits });
    const square = direction.reduce((sum, x) => sum + x * x, 0);
    const without = (x: Float32Array) => {
      const share = x.reduce((sum, v, i) => sum + v * direction[i]!, 0) / square;
      return x.map((v, i) => v - share * direction[i]!);
    };
    for (let position = 0; position < ids.length; position++) {
      const plain = at(before, position);
      const want = position === 2 ? without(value).map((x, i) => x + direction[i]!) : position === 3 ? without(plain) : plain;
      expectAgree(at(run.get(name), position), want, `resid_pre at ${position}`, 1e-5);
    }
    // The block before gave what it gives: the edit is on what the next one reads.
    expect(run.get(`blocks.${layer - 1}.hook_resid_post`).data).toEqual(before.data);
  });

  it('reach only the layers, heads, queries and keys that they name', async () => {
    const hooks = ['blocks.*.attn.hook_attn_scores'];
    const before = await model.run([ids, ids], { hooks });
    const edits: Edit[] = [
      { kind: 'knockout', layers: [1, 2], heads: [0, 3], queries: [8, 5], keys: [1, 4], row: 1 },
      { kind: 'knockout', layers: [2], heads: 'all', queries: [9], keys: [0], row: 0 },
    ];
    const after = await model.run([ids, ids], { hooks, edits });
    const T = ids.length;
    for (const l of [0, 1, 2]) {
      const [a, b] = [before, after].map((run) => run.get(`blocks.${l}.attn.hook_attn_scores`).data);
      a!.forEach((_, i) => {
        const [key, query, head, row] = [i % T, Math.floor(i / T) % T, Math.floor(i / T / T) % 4, Math.floor(i / T / T / 4)];
        const first = row === 1 && l >= 1 && [0, 3].includes(head) && [8, 5].includes(query) && [1, 4].includes(key);
        const second = row === 0 && l === 2 && query === 9 && key === 0;
        if ((b![i] === -Infinity) !== (key > query || first || second)) throw new Error(`layer ${l} [${row}, ${head}, ${query}, ${key}]`);
      });
    }
  });
});
