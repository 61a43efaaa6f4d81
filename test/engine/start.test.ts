import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunOptions } from '../../src/engine/api.js';
import { patchable, variantMargins } from '../../src/run/verify/patching.js';
import { editedMargins } from '../../src/run/edited.js';
import { distance } from '../helpers/agree.js';
import { FAMILIES, loadReference, referencePath } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';

describe.each(FAMILIES)('a run of %s that starts from a layer', (name) => {
  const { ids, answer, rivals } = loadReference(name).json.prompts.control;
  let model: Model;
  let residuals: Float32Array[];
  let whole: Float32Array;
  beforeAll(async () => {
    model = await openPath(referencePath(name));
    const run = await model.run(ids, { hooks: ['blocks.*.hook_resid_pre'], logits: 'all' });
    residuals = Array.from({ length: model.spec.nLayers }, (_, l) => run.get(`blocks.${l}.hook_resid_pre`).data);
    whole = run.logits!.data;
  });
  afterAll(() => model?.close());

  it('ends where the whole run does, in every row', async () => {
    for (let layer = 0; layer < model.spec.nLayers; layer++) {
      const { logits } = await model.run([ids, ids], { from: { layer, residual: residuals[layer]! }, logits: 'all' });
      expect(distance(logits!.data.subarray(0, whole.length), whole)).toBeLessThan(1e-5);
      expect(distance(logits!.data.subarray(whole.length), whole)).toBeLessThan(1e-5);
    }
  });

  it('gives the margins of edited runs that begin with the embedding', async () => {
    const last = model.spec.nLayers - 1;
    const variants: Edit[][] = [
      [{ kind: 'scale-out', at: 'mlp_out', layer: last, scale: 0 }],
      [],
      [{ kind: 'scale-out', at: 'attn_out', layer: 1, scale: 0.5 }],
      [
        { kind: 'knockout', layers: [last], heads: 'all', queries: [ids.length - 1], keys: [0] },
        { kind: 'scale-head', layer: 1, head: 0, scale: 0 },
      ],
      [{ kind: 'knockout', layers: 'all', heads: 'all', queries: [ids.length - 1], keys: [0, 1] }],
    ];
    const contest = { answer, rivals };
    const all = await editedMargins(model, ids, variants, contest);
    const resumed = await variantMargins(model, await patchable(model, ids), variants, contest);
    expect(new Set(all.map((m) => m.toFixed(3))).size).toBe(variants.length);
    expect(distance(resumed, all)).toBeLessThan(1e-5);
  });

  it('refuses what it cannot do, in one sentence', async () => {
    const from = { layer: 1, residual: residuals[1]! };
    const out: Edit = { kind: 'scale-out', at: 'mlp_out', layer: 0, scale: 0 };
    const cut: Edit = { kind: 'knockout', layers: 'all', heads: 'all', queries: 'all', keys: [0] };
    const bad = from.residual.slice();
    bad[3] = NaN;
    const refused: [RunOptions, RegExp][] = [
      [{ from: { ...from, layer: model.spec.nLayers } }, /layer to start from/],
      [{ from: { ...from, residual: from.residual.subarray(1) } }, /tokens × d_model/],
      [{ from: { ...from, residual: bad } }, /holds NaN at 3/],
      [{ from, keepCache: true }, /cache/],
      [{ from, hooks: ['hook_embed'] }, /does not compute hook_embed/],
      [{ from, hooks: ['blocks.0.hook_resid_pre'] }, /does not compute blocks\.0/],
      [{ from, edits: [out] }, /cannot edit the layers before it/],
      [{ from, edits: [cut] }, /cannot edit the layers before it/],
    ];
    for (const [options, message] of refused) await expect(model.run(ids, options)).rejects.toThrow(message);
  });
});
