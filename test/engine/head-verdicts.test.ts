import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { entropy, logSoftmax } from '../../src/methods/lens.js';
import { growth } from '../../src/methods/propagation.js';
import { checkResidue } from '../../src/residue/read.js';
import { serializeResidue } from '../../src/residue/write.js';
import type { Scores } from '../../src/residue/types.js';
import { nullAttribution } from '../../src/run/heads/nothing.js';
import { errorPropagation } from '../../src/run/heads/propagation.js';
import { observedVerdicts, repaired, sceneOf } from '../../src/run/heads/verdicts.js';
import { measuredHooks, traceRun } from '../../src/run/trace.js';
import type { TracedRun } from '../../src/run/types.js';
import { distance, expectAgree } from '../helpers/agree.js';
import { at, lastLogits, openReferenced, range, REFERENCED } from '../helpers/families.js';
import { plantedModel, plantedShell, type PlantedCause } from '../helpers/planted.js';
import type { Reference } from '../helpers/reference.js';
import { openPath, runText } from '../helpers/shells.js';

describe('a cause that was planted', () => {
  const causes: [PlantedCause, Record<string, string>][] = [
    ['qk-collapse', { '1.0': 'qk-collapse' }],
    ['ov-misfire', { '1.0': 'ov-misfire' }],
    ['trace-drop', { '1.0': 'trace-drop' }],
    ['conflict', { '1.0': 'conflict', '1.1': 'conflict' }],
    ['ghost', { '0.1': 'ghost' }],
    ['none', {}],
  ];
  describe.each([0, 0.01])('under noise of %f', (noise) => {
    it.each(causes)('of the kind %s is found in its head and nowhere else, and confirmed', async (cause, want) => {
      for (const seed of [1, 2, 3]) {
        const model = await openPath(plantedModel(cause, noise, seed));
        try {
          const residue = await runText(model, plantedShell(cause), { seed });
          const run = residue.runs[0]!;
          expect(run.scores!.failed).toBe(cause !== 'ghost' && cause !== 'none');
          expect(residue.control!.scores!.failed).toBe(false);
          const found = run.headVerdicts!.heads.filter(({ verdict }) => verdict !== 'none');
          const causes = found.filter(({ verdict }) => verdict !== 'ghost' || cause === 'ghost');
          expect(Object.fromEntries(causes.map((v) => [`${v.layer}.${v.head}`, v.verdict]))).toEqual(want);
          for (const one of causes) expect(one.test, one.reason).toMatchObject({ confirmed: true });
          if (cause === 'trace-drop') expect(found[0]!.cancelledBy[0]!.component).toBe('MLP 1');
          checkResidue(JSON.parse(serializeResidue(residue)));
        } finally {
          await model.close();
        }
      }
    });
  });
});

describe.each(REFERENCED)('%s', (name) => {
  let model: Model;
  let reference: Reference;
  const runs = {} as Record<'control' | 'probe', TracedRun>;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
    for (const which of ['control', 'probe'] as const) {
      const { ids, span } = reference.json.prompts[which];
      const prompt = { label: which, ids, spans: { fact: span } } as unknown as TracedRun['prompt'];
      runs[which] = await traceRun(model, prompt, measuredHooks(model));
    }
  });
  afterAll(() => model?.close());
  const pair = () => ({ answer: reference.json.prompts.probe.answer, rival: reference.json.prompts.probe.rivals[0]! });
  const scenes = async () => ({
    probe: await sceneOf(model, runs.probe, reference.json.prompts.probe.span, pair(), 1),
    control: await sceneOf(model, runs.control, reference.json.prompts.control.span, pair(), 1),
  });

  it('splits what each head lost between looking and writing', async () => {
    const { probe, control } = await scenes();
    const { verdicts, heads, scaleRatio } = observedVerdicts(model, probe, control, 1);
    for (const { layer, head, byAttention, byWrite } of verdicts) {
      const both = heads[layer * model.spec.nHeads + head]!;
      expect(byAttention! + byWrite!).toBeCloseTo(both.control!.write - scaleRatio * both.probe.write, 5);
      expect(both.probe.write).toBeCloseTo(both.probe.attention * both.probe.perAttention, 9);
    }
  });

  it('is repaired by nothing when the control is the probe itself', async () => {
    const { probe } = await scenes();
    for (const part of ['attention', 'values'] as const)
      for (const layer of range(0, model.spec.nLayers)) {
        const edit = repaired(model, probe, probe, layer, 0, part);
        expect(edit.kind === 'replace' && distance(edit.value, probe.writes.layers[layer]!.z[0]!)).toBeLessThan(1e-5);
      }
  });

  it('grows an error as PyTorch does', async () => {
    const { ids } = reference.json.prompts.probe;
    const { nLayers } = model.spec;
    const value = reference.arrays('probe/perturb.noise').data;
    const hooks = [...range(2, nLayers).map((l) => `blocks.${l}.hook_resid_pre`), `blocks.${nLayers - 1}.hook_resid_post`];
    const last = ids.length - 1;
    const edits = [{ kind: 'add', at: 'resid_pre', layer: 1, positions: [last], value } as const];
    const [clean, changed] = [await model.run(ids, { hooks }), await model.run(ids, { hooks, edits })];
    const rows = (run: typeof clean) => hooks.map((hook) => at(run.get(hook), last));
    expectAgree(growth(rows(clean), rows(changed)), reference.arrays('probe/perturb.growth').data, 'growth');
  });

  it('begins every curve of an error with its size, and moves all the way to the control at size 1', async () => {
    const { epsilon, noise, difference, layers } = await errorPropagation(model, runs.probe, runs.control, 1);
    layers.forEach((layer, i) => {
      expect(noise[i]!).toHaveLength(model.spec.nLayers + 1 - layer);
      expect(noise[i]![0]).toBeCloseTo(epsilon, 5);
      // Where the last tokens are the same, nothing leads to the control before the first block.
      if (difference![i]!.length > 0) expect(difference![i]![0]).toBeCloseTo(epsilon, 5);
    });
  });

  it('attributes the end-of-text logit and the entropy of the output without a remainder', async () => {
    const scores = { top: [{ id: 3, prob: 0.01 }] } as unknown as Scores;
    const found = (await nullAttribution(model, runs.probe, scores))!;
    const logprobs = logSoftmax(lastLogits(runs.probe.result));
    expect(found.entropy.total).toBeCloseTo(entropy(logprobs) - Math.log(model.spec.vocabSize), 5);
    expect(found.entropy.residual).toBeLessThan(1e-3);
    if (found.endOfText) expect(found.endOfText.terms.residual).toBeLessThan(1e-3);
    const sure = { top: [{ id: 3, prob: 0.5 }] } as unknown as Scores;
    expect(model.tokenizer.eosIds.includes(3) || (await nullAttribution(model, runs.probe, sure)) === null).toBe(true);
  });

  it('multiplies its unembedding with itself as plain loops do', async () => {
    const { dModel, vocabSize } = model.spec;
    const { w } = model.weights.readUnembed(range(0, vocabSize));
    const want = new Float64Array(dModel * dModel);
    for (let v = 0; v < vocabSize; v++)
      for (let i = 0; i < dModel; i++) for (let j = 0; j < dModel; j++) want[i * dModel + j]! += w[v * dModel + i]! * w[v * dModel + j]!;
    expect(distance(await model.unembedGram(), want)).toBeLessThan(1e-4);
  });
});
