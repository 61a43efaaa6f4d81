import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import type { RunTrace } from '../../src/residue/types.js';
import { affordable } from '../../src/run/verify/effects.js';
import { groupPairs, mapCost } from '../../src/run/verify/groups.js';
import { namesInText } from '../../src/run/verify/named.js';
import { claimedEffects, writtenBy } from '../../src/run/verify/opinions.js';
import { patchable, variantMargins } from '../../src/run/verify/patching.js';
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

  it('asks for the caused end again with the probe patched into the control, as a plain run of the control does', async () => {
    const { interval, ends } = verification();
    const { control, probe } = reference.json.prompts;
    if (interval!.to === null || interval!.to >= model.spec.nLayers || interval!.from !== null) return;
    const at = `blocks.${interval!.to}.hook_resid_pre`;
    const from = await model.run(probe.ids, { hooks: [at] });
    const value = from.get(at).data.slice((probe.ids.length - 1) * model.spec.dModel);
    const edits = [{ kind: 'replace' as const, at: 'resid_pre' as const, layer: interval!.to, positions: [control.ids.length - 1], value }];
    const { logits } = await model.run(control.ids, { edits });
    const margin = logits!.data[probe.answer]! - logits!.data[probe.rivals[0]!]!;
    const taken = (ends.control! - margin) / (ends.control! - ends.probe);
    const [noising] = interval!.opinion!.by;
    expect(noising!.agrees).toBe(taken >= 0.5);
    expect(noising!.says).toBe(`${(100 * taken).toFixed(0)} % of the drop at least`);
  });

  it('takes away in its null exactly what the component writes, at another direction', async () => {
    const { ids } = reference.json.prompts.probe;
    const base = await patchable(model, ids);
    const contest = { answer: reference.json.prompts.probe.answer, rivals: [reference.json.prompts.probe.rivals[0]!] };
    const { effects, ends } = verification();
    const parts = effects.map(({ component, layer, head }) => {
      const part = head !== null ? ('head' as const) : component.startsWith('mlp') ? ('mlp' as const) : ('attention' as const);
      return { part, layer, head };
    });
    const less = parts.map((one) => {
      const value = writtenBy(model, base, one).map((x) => -x);
      return [
        {
          kind: 'add' as const,
          at: one.part === 'mlp' ? ('mlp_out' as const) : ('attn_out' as const),
          layer: one.layer,
          positions: 'all' as const,
          value,
        },
      ];
    });
    const margins = await variantMargins(model, base, less, contest);
    margins.forEach((m, i) => expect(m - ends.probe, effects[i]!.component).toBeCloseTo(effects[i]!.zero, 3));
    for (const one of effects.filter((effect) => effect.null)) {
      expect(one.null!.n).toBe(19);
      expect(one.null!.p).toBeGreaterThanOrEqual(0.05 - 1e-12);
    }
    expect(claimedEffects(effects).every((effect) => effect.null && effect.opinion!.of >= 2)).toBe(true);
  });

  it('covers every head and layer that the findings and verdicts name', () => {
    const told = new Set(verification().effects.map(({ component }) => component));
    const texts = [
      ...run.commands!.flatMap(({ findings }) => findings),
      ...run.headVerdicts!.heads.filter((v) => v.verdict !== 'none').map((v) => v.reason),
    ];
    for (const name of texts.flatMap(namesInText)) {
      const [, layer, head] = /(\d+)(?:\.(\d+))?$/.exec(name)!;
      if (Number(layer) < model.spec.nLayers && Number(head ?? 0) < model.spec.nHeads) expect(told, name).toContain(name);
    }
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

describe('the components that are taken out', () => {
  it.each([
    ['Of single heads, head 3.1 alone lowers the margin by 0.3 nats.', ['head 3.1']],
    ['2 ghost heads on "fact": 1.2, 3.0 look at it', ['head 1.2', 'head 3.0']],
    ['MLP 4 ends it, and attention 2', ['mlp 4', 'attention 2']],
    ['layer 2 alone; lost at layer 4 of 6', ['attention 2', 'mlp 2', 'attention 3', 'mlp 3']],
    ['The heads write 0.69 nats; attention 21.3 % of head 12 layers', []],
  ])('are those that a sentence names: %s', (text, names) => {
    expect(namesInText(text)).toEqual(names);
  });

  it('are the first that are affordable, and twelve whatever they cost', () => {
    const model = { spec: { nLayers: 4, nHeads: 2, dHead: 8 }, weights: { parameters: 1000 } } as unknown as Model;
    const all = Array.from({ length: 30 }, (_, i) => ({ part: 'head' as const, layer: i % 4, head: 0, contribution: 1 }));
    expect(affordable(model, all, 10, Infinity)).toHaveLength(30);
    expect(affordable(model, all, 10, 0)).toEqual(all.slice(0, 12));
    const some = affordable(model, all, 10, 1e6);
    expect(some.length).toBeGreaterThan(12);
    expect(some.length).toBeLessThan(30);
  });
});
