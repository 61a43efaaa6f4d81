import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunResult } from '../../src/engine/api.js';
import { alignPrompts, pairsIn } from '../../src/methods/align.js';
import { patch, patchable, patchHead, variantMargins } from '../../src/run/verify/patching.js';
import { expectAgree } from '../helpers/agree.js';
import { at, lastLogits, openReferenced, range, REFERENCED } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';

describe.each(REFERENCED)('variants of a run of %s', (name) => {
  let model: Model;
  let reference: Reference;
  let control: RunResult;
  let probe: RunResult;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
    control = await patchable(model, reference.json.prompts.control.ids);
    probe = await patchable(model, reference.json.prompts.probe.ids);
  });
  afterAll(() => model?.close());
  const ids = (): number[] => reference.json.prompts.probe.ids;
  const contest = () => ({ answer: reference.json.prompts.probe.answer, rivals: [reference.json.prompts.probe.rivals[0]!] });
  const wanted = (array: string): Float32Array => reference.arrays(array).data;
  const pairs = () =>
    (reference.json as unknown as { pair: { align: [number, number, string][] } }).pair.align.map(([p, c, what]) => ({
      probe: p,
      control: c,
      by: what === 'span' ? ('span' as const) : ('token' as const),
    }));
  const layers = () => range(0, model.spec.nLayers);

  it.each(['resid_pre', 'attn_out', 'mlp_out'] as const)('patches %s as PyTorch does', async (place) => {
    const cells = layers().flatMap((layer) => pairs().map((pair) => [patch(control, place, layer, [pair])]));
    expectAgree(await variantMargins(model, probe, cells, contest()), wanted(`patch/${place}.logit_diff`), 'one pair', 2e-4);
    const span = pairs().filter(({ by }) => by === 'span');
    const spans = layers().map((layer) => [patch(control, place, layer, span)]);
    expectAgree(await variantMargins(model, probe, spans, contest()), wanted(`patch/span_${place}.logit_diff`), 'the span', 2e-4);
  });

  it('patches heads at the last position as PyTorch does', async () => {
    const last = [{ probe: probe.length - 1, control: control.length - 1, by: 'last' as const }];
    const cells = layers().flatMap((layer) => range(0, model.spec.nHeads).map((head) => [patchHead(control, layer, head, last)]));
    expectAgree(await variantMargins(model, probe, cells, contest()), wanted('patch/z_last.logit_diff'), 'z', 2e-4);
  });

  it('gives what whole edited forwards give, for every kind of edit at once', async () => {
    const { nLayers, nHeads, dHead, dModel } = model.spec;
    const last = probe.length - 1;
    const middle = Math.floor(probe.length / 2);
    const variants: Edit[][] = [
      [],
      [{ kind: 'scale-head', layer: nLayers - 1, head: 0, scale: 0 }],
      [{ kind: 'knockout', layers: 'all', heads: 'all', queries: [last], keys: [1, 2] }],
      [{ kind: 'knockout', layers: [1], heads: [nHeads - 1], queries: 'all', keys: range(1, 3) }],
      [{ kind: 'scale-values', layers: [0, 1], heads: 'all', queries: [middle, last], keys: [0], scale: 0.5 }],
      [{ kind: 'scale-out', at: 'mlp_out', layer: 1, scale: 0, positions: [middle] }],
      // In the last layer, and of what nothing in its block reads: those are not run at every position, or not at all.
      [{ kind: 'scale-out', at: 'mlp_out', layer: nLayers - 1, scale: 0.5 }],
      [
        {
          kind: 'replace',
          at: 'attn_out',
          layer: nLayers - 1,
          positions: 'all',
          value: new Float32Array(probe.length * dModel).map((_, i) => Math.sin(i)),
        },
      ],
      [
        {
          kind: 'add',
          at: 'z',
          layer: nLayers - 1,
          head: 1,
          positions: [middle, last],
          value: new Float32Array(2 * dHead).map((_, i) => i / 9),
        },
      ],
      [{ kind: 'scale-head', layer: nLayers - 1, head: 0, scale: 3, positions: [middle] }],
      [{ kind: 'knockout', layers: [nLayers - 1], heads: [0], queries: 'all', keys: [1] }],
      [{ kind: 'scale-values', layers: [nLayers - 1], heads: 'all', queries: [middle], keys: [1], scale: 9 }],
      // A query that is named twice.
      [{ kind: 'scale-values', layers: [nLayers - 1], heads: 'all', queries: [last, middle, last], keys: [1, 2], scale: 3 }],
      [
        { kind: 'add', at: 'mlp_out', layer: 0, positions: [middle, last], value: new Float32Array(2 * dModel).map((_, i) => i / 99) },
        { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0.3, positions: [middle] },
        { kind: 'replace', at: 'mlp_out', layer: 0, positions: [middle - 1], value: new Float32Array(dModel).fill(0.2) },
      ],
      [
        { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0 },
        { kind: 'scale-out', at: 'mlp_out', layer: 1, scale: 0 },
      ],
      [{ kind: 'add', at: 'z', layer: 0, head: 0, positions: [last], value: new Float32Array(dHead).fill(0.3) }],
      [
        { kind: 'replace', at: 'resid_pre', layer: 1, positions: [middle], value: at(control.get('blocks.1.hook_resid_pre'), 1) },
        { kind: 'project-out', layer: nLayers - 1, positions: 'all', direction: new Float32Array(dModel).fill(1) },
      ],
    ];
    const hooks = ['blocks.*.attn.hook_z', 'blocks.*.hook_attn_out', 'blocks.*.hook_mlp_out', 'ln_final.hook_scale'];
    const { data, last: values } = await model.variants(probe, variants, { tokens: [contest().answer, 5], hooks });
    for (const [i, edits] of variants.entries()) {
      const whole = await model.run(ids(), { edits, hooks });
      const logits = lastLogits(whole);
      expectAgree(data.subarray(2 * i, 2 * i + 2), [logits[contest().answer]!, logits[5]!], `variant ${i}`, 2e-5);
      expect([...values.keys()]).toEqual(whole.hooks);
      for (const [hook, array] of values) {
        const want = at(whole.get(hook), last);
        expect(array.shape).toEqual([variants.length, ...whole.get(hook).shape.slice(2)]);
        expectAgree(array.data.subarray(i * want.length, (i + 1) * want.length), want, `${hook} of variant ${i}`, 2e-5);
      }
    }
  });

  it('changes nothing by a patch from itself, and all of it by everything at layer 0 or the answer position at the end', async () => {
    const self = alignPrompts({ ids: ids(), spans: {} }, { ids: ids(), spans: {} });
    const own = layers().flatMap((layer) => [
      [patch(probe, 'resid_pre', layer, self)],
      [patch(probe, 'attn_out', layer, self.slice(2))],
      [patch(probe, 'mlp_out', layer, self.slice(3, 4))],
      [patchHead(probe, layer, 1, self)],
    ]);
    const [base, ...same] = await variantMargins(model, probe, [[], ...own], contest());
    // To the bit: it is not run.
    same.forEach((m) => expect(m).toBe(base));
    const twin = await patchable(
      model,
      ids().map((id, i) => (i === 2 ? (id + 1) % model.spec.vocabSize : id)),
    );
    const [there] = await variantMargins(model, twin, [[]], contest());
    const [all, prefixed] = await variantMargins(
      model,
      probe,
      [[patch(twin, 'resid_pre', 0, self)], [patch(twin, 'resid_pre', 0, pairsIn(self, [2, 3]))]],
      contest(),
    );
    expect(all).toBeCloseTo(there!, 4);
    expect(prefixed).toBeCloseTo(there!, 4);
  });

  it('passes over positions where a replacement writes what is there, but for those named twice and behind other edits', async () => {
    const { dModel } = model.spec;
    const last = probe.length - 1;
    const there = at(probe.get('blocks.1.hook_resid_pre'), last);
    const other = there.map((x) => x + 1);
    const replaced = (positions: number[], values: Float32Array[]): Edit => {
      const value = new Float32Array(values.length * dModel);
      values.forEach((vector, i) => value.set(vector, i * dModel));
      return { kind: 'replace', at: 'resid_pre', layer: 1, positions, value };
    };
    const early: Edit = { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0 };
    const before = at(probe.get('blocks.1.hook_resid_pre'), last - 1);
    const variants: Edit[][] = [
      [replaced([last - 1, last], [before, other])],
      [replaced([last, last], [there, other])],
      [replaced([last, last], [other, there])],
      [early, replaced([last], [there])],
    ];
    const { data } = await model.variants(probe, variants, { tokens: [contest().answer] });
    for (const [i, edits] of variants.entries()) {
      const whole = lastLogits(await model.run(ids(), { edits }));
      expectAgree(data.subarray(i, i + 1), [whole[contest().answer]!], `variant ${i}`, 2e-5);
    }
  });

  it('says when an edit overflows what is written outright', async () => {
    const { nLayers, dModel } = model.spec;
    const value = new Float32Array(dModel).fill(1e30);
    for (const layer of [0, nLayers - 1]) {
      const variants: Edit[][] = [[{ kind: 'add', at: 'mlp_out', layer, positions: [probe.length - 1], value }]];
      await expect(model.variants(probe, variants, { tokens: [1] })).rejects.toThrow(/overflow float32.*edits/);
    }
  });

  it('stops when asked to, and refuses a run without a cache', async () => {
    const stop = new AbortController();
    const cells = layers().flatMap((layer) => pairs().map((pair) => [patch(control, 'resid_pre', layer, [pair])]));
    const seen: number[] = [];
    const running = model.variants(probe, cells, {
      tokens: [1],
      signal: stop.signal,
      onProgress: (done) => (seen.push(done), stop.abort()),
    });
    await expect(running).rejects.toThrow(/cancel|abort/i);
    expect(seen).toHaveLength(1);
    const bare = await model.run(ids(), { hooks: 'all' });
    await expect(model.variants(bare, [[]], { tokens: [1] })).rejects.toThrow(/keepCache/);
    await expect(model.variants(probe, [[]], { tokens: [1], hooks: ['blocks.0.hook_resid_post'] })).rejects.toThrow(/cannot be read/);
  });
});
