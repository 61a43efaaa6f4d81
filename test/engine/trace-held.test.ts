import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { Paraphrases } from '../../src/run/paraphrases.js';
import type { PlannedRun } from '../../src/run/plan.js';
import { measuredHooks, patternRows, rowAt, traceHeld, traceRun, writesOf } from '../../src/run/trace.js';
import type { PreparedPrompt } from '../../src/run/types.js';
import { expectAgree } from '../helpers/agree.js';
import { openReferenced, REFERENCED } from '../helpers/families.js';

describe.each(REFERENCED)('a paraphrase that was run together with others, of %s', (name) => {
  let model: Model;
  let prompts: PreparedPrompt[];
  beforeAll(async () => {
    const { model: opened, reference } = await openReferenced(name);
    model = opened;
    const { ids } = reference.json.prompts.probe;
    prompts = [0, 1, 2].map((turn) => ({
      ...{ label: 'paraphrase', vary: {}, text: null, tokens: [], bosAdded: false, spans: {}, rivals: [{ text: 'b', ids: [2] }] },
      answer: { text: 'a', ids: [1] },
      ids: [...ids.slice(turn), ...ids.slice(0, turn)],
    }));
  });
  afterAll(() => model?.close());

  it('is traced as by itself: its writes, its lens and its scale', async () => {
    const paraphrases = new Paraphrases(model);
    const run = { paraphrases: prompts.map((prompt, index) => ({ name: `${index}`, index, prompt })) } as unknown as PlannedRun;
    await paraphrases.measure(run, () => undefined);
    for (const { prompt, batch, row } of paraphrases.of(run)) {
      const held = await traceHeld(model, batch!, row);
      const own = await traceRun(model, { ...prompt, ids: [...prompt.ids] }, measuredHooks(model));
      expect(held.position).toBe(own.position);
      expectAgree(held.lens.data, own.lens.data, 'the lens', 1e-5);
      expectAgree(held.result.logits!.data, own.result.logits!.data, 'the logits', 1e-5);
      const scale = (of: typeof own): Float32Array => rowAt(of.result.get('ln_final.hook_scale'), of.position);
      expectAgree(scale(held), scale(own), 'the scale', 1e-5);
      const [got, want] = [writesOf(model, held), writesOf(model, own)];
      expectAgree(got.embed, want.embed, 'the embedding', 0);
      if (want.posEmbed) expectAgree(got.posEmbed!, want.posEmbed, 'the position embedding', 0);
      for (const [l, layer] of want.layers.entries()) {
        expectAgree(got.layers[l]!.v, layer.v, `v of layer ${l}`, 1e-5);
        expectAgree(got.layers[l]!.mlpOut, layer.mlpOut, `the MLP's output in layer ${l}`, 1e-5);
        layer.z.forEach((z, h) => expectAgree(got.layers[l]!.z[h]!, z, `z of head ${l}.${h}`, 1e-5));
        const rows = (of: typeof own): Float32Array[] => patternRows(of.result, l, of.position, model.spec.nHeads);
        rows(own).forEach((pattern, h) => expectAgree(rows(held)[h]!, pattern, `the pattern of head ${l}.${h}`, 1e-5));
      }
      held.result.release();
      own.result.release();
    }
    paraphrases.letGo([]);
  });
});
