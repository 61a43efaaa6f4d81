import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import type { RunTrace } from '../../src/residue/types.js';
import { groupPairs, mapCost } from '../../src/run/verify/groups.js';
import { openReferenced, REFERENCED } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';
import { runText } from '../helpers/shells.js';

describe.each(REFERENCED)('causal verification on %s', (name) => {
  let model: Model;
  let reference: Reference;
  let run: RunTrace;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
    const { control, probe } = reference.json.prompts;
    const prompt = (p: typeof probe): string => `{tokens: [${p.ids.join()}], spans: {fact: [${p.span.join()}]}}`;
    const id = (token: number): string => `{tokens: [${token}]}`;
    const text = `format: 1\nshell: my-test\nfamily: memory\nprompt: ${prompt(probe)}\ncontrol: ${prompt(control)}\nanswer: ${id(probe.answer)}\nrivals: [${id(probe.rivals[0]!)}]\nrun: [ANCHOR: {span: fact}]\n`;
    const residue = await runText(model, text);
    run = residue.runs[0]!;
    expect(residue.verdict!.sentence).toMatch(/cause (not )?confirmed/);
  });
  afterAll(() => model?.close());
  const verification = () => run.verification!;

  it("measures the recoveries that PyTorch's patches have", () => {
    const { curves, heads, ends } = verification();
    const [control, probe] = reference.arrays('patch/base').data as unknown as [number, number];
    expect(ends.probe).toBeCloseTo(probe, 3);
    expect(ends.control!).toBeCloseTo(control, 3);
    const spans = reference.arrays('patch/span_resid_pre.recovery').data;
    spans.forEach((want, l) => expect(curves!.source![l]).toBeCloseTo(want, 3));
    const z = reference.arrays('patch/z_last.recovery').data;
    heads!.flat().forEach((r, i) => expect(r).toBeCloseTo(z[i]!, 3));
  });

  it('maps every aligned position alone, and agrees there with its curves', () => {
    const { maps, curves, aligned } = verification();
    expect(maps.map(({ at }) => at)).toEqual(['resid_pre', 'attn_out', 'mlp_out']);
    for (const map of maps) {
      expect(map.complete).toBe(true);
      expect(map.groups).toHaveLength(aligned);
      expect(map.recovery).toHaveLength(model.spec.nLayers);
    }
    const last = maps[0]!.recovery.map((row) => row.at(-1));
    last.forEach((r, l) => expect(r).toBeCloseTo(curves!.answer[l]!, 4));
    expect(curves!.answer.at(-1)).toBe(1);
  });

  it("accounts for every zero ablation: prediction, others' changes and the norm add up to what is observed", () => {
    const { effects } = verification();
    expect(effects.length).toBeGreaterThan(4);
    for (const { repair, zero, predicted } of effects) {
      expect(predicted + repair.later + repair.norm).toBeCloseTo(repair.total, 9);
      // One rival alone, so that the margin is the attributed difference.
      expect(repair.total).toBeCloseTo(zero, 3);
    }
    expect(effects.some(({ repair }) => Math.abs(repair.later) > 1e-3)).toBe(true);
  });

  it('ablates by mean and at random as a plain run with the same edit does', async () => {
    const { effects } = verification();
    const mlp = effects.find(({ component }) => component.startsWith('mlp'))!;
    const { ids, answer, rivals } = reference.json.prompts.probe;
    const control = await model.run(reference.json.prompts.control.ids, { hooks: ['blocks.*.hook_mlp_out'] });
    const { data } = control.get(`blocks.${mlp.layer}.hook_mlp_out`);
    const width = model.spec.dModel;
    const value = Float32Array.from({ length: width }, (_, i) => {
      let sum = 0;
      for (let t = 0; t < control.length; t++) sum += data[t * width + i]!;
      return sum / control.length;
    });
    const { logits } = await model.run(ids, { edits: [{ kind: 'replace', at: 'mlp_out', layer: mlp.layer, positions: 'all', value }] });
    expect(logits!.data[answer]! - logits!.data[rivals[0]!]! - verification().ends.probe).toBeCloseTo(mlp.mean, 3);
    expect(mlp.resampleSpread).toBeGreaterThan(0);
  });

  it('groups positions when a map would cost too much, and leaves span and answer position alone', () => {
    const tokens = run.tokens.map(({ text, id }) => ({ id, text }));
    const prompt = { ids: tokens.map(({ id }) => id), tokens } as never;
    const pairs = tokens.map((_, i) => ({ probe: i, control: i, by: 'token' as const }));
    const span = run.spans.fact!;
    const all = groupPairs(model, prompt, pairs, span, Infinity);
    expect(all.complete).toBe(true);
    expect(all.groups).toHaveLength(tokens.length);
    const budget = mapCost(model, all.groups, tokens.length) / 2;
    const some = groupPairs(model, prompt, pairs, span, budget);
    expect(some.complete).toBe(false);
    expect(mapCost(model, some.groups, tokens.length)).toBeLessThanOrEqual(budget);
    expect(some.groups.flatMap((group) => group.pairs)).toEqual(pairs);
    for (const p of [...Array.from({ length: span[1] - span[0] }, (_, i) => span[0] + i), tokens.length - 1])
      expect(some.groups.map(({ range }) => range)).toContainEqual([p, p + 1]);
  });
});
