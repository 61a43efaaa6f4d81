import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { lastLogits, logSoftmax, openReferenced, PROMPTS, range, REFERENCED } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';

/** Plain runs of every family against PyTorch: every hook point, logits, lens, generation. */
describe.each(REFERENCED)('%s', (name) => {
  let model: Model;
  let reference: Reference;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
  });
  afterAll(() => model?.close());
  const want = (array: string): Float32Array => reference.arrays(array).data;

  it.each(PROMPTS)('has every activation of %s', async (prompt) => {
    const run = await model.run(reference.json.prompts[prompt].ids, { hooks: 'all', logits: 'all' });
    const given = reference.names.filter((n) => n.startsWith(`${prompt}/`) && /\bhook_/.test(n)).map((n) => n.slice(prompt.length + 1));
    // Neither side has a hook point that the other lacks.
    expect([...run.hooks].sort()).toEqual([...given].sort());
    expect(given.length).toBeGreaterThan(50);
    for (const hook of given) {
      const { data, shape } = run.get(hook);
      expect(shape, hook).toEqual([1, ...reference.arrays(`${prompt}/${hook}`).shape]);
      expectAgree(data, want(`${prompt}/${hook}`), hook);
    }
    expect(run.logits?.shape).toEqual([1, ...reference.arrays(`${prompt}/logits`).shape]);
    expectAgree(run.logits!.data, want(`${prompt}/logits`), 'logits');
  });

  it.each(PROMPTS)('reads the lens of %s', async (prompt) => {
    const { ids, answer, rivals } = reference.json.prompts[prompt];
    const last = ids.length - 1;
    const { nLayers, vocabSize } = model.spec;
    const hooks = ['blocks.*.hook_resid_pre', `blocks.${nLayers - 1}.hook_resid_post`];
    const run = await model.run(ids, { hooks });
    const tokens = [answer, ...rivals];
    const lens = await model.lens(run, { layers: 'all', positions: [last], topK: 5, tokens, full: true });
    expect(lens).toMatchObject({ layers: range(0, nLayers + 1), positions: [last], norm: 'recomputed' });
    expectAgree(lens.logprobs!, want(`${prompt}/lens.logprobs`), 'lens');
    expectAgree(logSoftmax(lastLogits(run)), want(`${prompt}/final_logprobs`), 'final_logprobs');
    expectAgree(lens.logprobs!.subarray(nLayers * vocabSize), want(`${prompt}/final_logprobs`), 'the last layer');

    const margins = range(0, nLayers + 1).map((l) => {
      const [a, ...others] = [...lens.tokenLogprobs.subarray(l * tokens.length, (l + 1) * tokens.length)];
      return a! - Math.max(...others);
    });
    expectAgree(margins, want(`${prompt}/lens.margin`), 'margin');
    for (let l = 0; l <= nLayers; l++) {
      const row = [...lens.logprobs!.subarray(l * vocabSize, (l + 1) * vocabSize)];
      const order = range(0, vocabSize).sort((a, b) => row[b]! - row[a]! || a - b);
      expect([...lens.topIds.subarray(l * 5, l * 5 + 5)]).toEqual(order.slice(0, 5));
      expect([...lens.topLogprobs.subarray(l * 5, l * 5 + 5)]).toEqual(order.slice(0, 5).map((id) => row[id]));
      expect([...lens.tokenRanks.subarray(l * 3, l * 3 + 3)]).toEqual(tokens.map((id) => order.indexOf(id)));
      expectAgree([lens.entropy[l]!], [-row.reduce((sum, x) => sum + Math.exp(x) * x, 0)], 'entropy');
    }
  });

  it.each(PROMPTS)('generates after %s with a cache', async (prompt) => {
    const { ids } = reference.json.prompts[prompt];
    const greedy = reference.json.greedy[prompt]!;
    const told: number[] = [];
    const generated = await model.generate(ids, { maxTokens: greedy.length, stopIds: [], onToken: (id) => told.push(id) });
    expect(generated.ids).toEqual(greedy);
    expect(told).toEqual(greedy);
    expect(generated.stopped).toBe('length');

    const logits = want(`${prompt}/greedy.logits`);
    const { vocabSize } = model.spec;
    let run = await model.run(ids, { keepCache: true });
    for (const [step, id] of greedy.entries()) {
      const row = logits.subarray(step * vocabSize, (step + 1) * vocabSize);
      expectAgree(lastLogits(run), row, `logits of step ${step}`);
      expectAgree([generated.logprobs[step]!], [logSoftmax(row)[id]!], `log-probability of step ${step}`);
      expect(run.cache).toMatchObject({ length: ids.length + step, batch: 1 });
      run = await model.run([id], { cache: run.cache!, keepCache: true });
    }
  });
});
