import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunResult } from '../../src/engine/api.js';
import { directionOf, termsOf } from '../../src/run/attribute.js';
import { rowAt, measuredHooks, traceRun, writesOf } from '../../src/run/trace.js';
import type { TracedRun } from '../../src/run/types.js';
import { lastLogits, openReferenced, range, REFERENCED } from '../helpers/families.js';

const STEP = 0.01;

/**
 * Direct logit attribution against the model itself: a component's output at the answer position is scaled, every later component is held
 * at what it wrote, and the final norm's change is taken out. What is left of the logit difference's change is what the component adds.
 */
describe.each(REFERENCED)('the contribution of each component on %s', (name) => {
  let model: Model;
  let run: TracedRun;
  let clean: RunResult;
  let answer: number;
  let rival: number;
  beforeAll(async () => {
    const opened = await openReferenced(name);
    model = opened.model;
    const { probe } = opened.reference.json.prompts;
    answer = probe.answer;
    rival = probe.rivals[0]!;
    run = await traceRun(model, { ids: probe.ids, spans: {} } as TracedRun['prompt'], measuredHooks(model));
    clean = await model.run(probe.ids, { hooks: ['blocks.*.hook_attn_out', 'blocks.*.hook_mlp_out', 'ln_final.hook_scale'] });
  });
  afterAll(() => model?.close());

  it('is the slope of the logit difference as it is scaled, all else held', async () => {
    const { ids } = run.prompt;
    const p = ids.length - 1;
    const { nLayers, nHeads, parallelResidual } = model.spec;
    const direction = directionOf(model, run, answer, rival);
    const [terms] = await termsOf(model, writesOf(model, run), [direction]);
    const held = (at: 'attn_out' | 'mlp_out', layer: number): Edit => {
      return { kind: 'replace', at, layer, positions: 'all', value: clean.get(`blocks.${layer}.hook_${at}`).data };
    };
    const after = (layer: number, mlp: boolean): Edit[] => [
      ...(mlp ? [held('mlp_out', layer)] : []),
      ...range(layer + 1, nLayers).flatMap((l) => [held('attn_out', l), held('mlp_out', l)]),
    ];
    const scale = rowAt(clean.get('ln_final.hook_scale'), p)[0]!;
    const fixed = direction.lnFinalBias + direction.unembedBias;
    /** The logit difference, as if the final norm had kept its scale. */
    const under = async (edits: Edit[]): Promise<number> => {
      const edited = await model.run(ids, { edits, hooks: ['ln_final.hook_scale'] });
      const logits = lastLogits(edited);
      return ((logits[answer]! - logits[rival]! - fixed) * rowAt(edited.get('ln_final.hook_scale'), p)[0]!) / scale;
    };
    const slope = async (scaled: (by: number) => Edit, rest: Edit[]): Promise<number> =>
      ((await under([scaled(1 + STEP), ...rest])) - (await under([scaled(1 - STEP), ...rest]))) / (2 * STEP);
    for (let layer = 0; layer < nLayers; layer++) {
      for (let head = 0; head < nHeads; head++) {
        // In a parallel block the MLP does not read what the heads write; elsewhere it does, and is held.
        const rest = after(layer, !parallelResidual);
        const found = await slope((by) => ({ kind: 'scale-head', layer, head, scale: by, positions: [p] }), rest);
        expect(found, `head ${layer}.${head}`).toBeCloseTo(terms!.head[layer]![head]!, 2);
      }
      const found = await slope((by) => ({ kind: 'scale-out', at: 'mlp_out', layer, scale: by, positions: [p] }), after(layer, false));
      expect(found, `mlp ${layer}`).toBeCloseTo(terms!.mlp[layer]!, 2);
    }
  });
});
