import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunOptions } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { openReferenced, range, REFERENCED } from '../helpers/families.js';

/** Tokens enough for attention to go through its queries in stretches. */
const TOKENS = 230;

describe.each(REFERENCED)('attention in stretches of %s', (name) => {
  let model: Model;
  beforeAll(async () => {
    ({ model } = await openReferenced(name));
  });
  afterAll(() => model?.close());
  const ids = (seed: number, count = TOKENS): number[] => range(0, count).map((i) => (seed + 7 * i) % model.spec.vocabSize);

  /** Logits at every position, and the last residual stream. */
  async function outputs(tokens: number[] | number[][], options: RunOptions, whole: boolean): Promise<[Float32Array, Float32Array]> {
    const last = `blocks.${model.spec.nLayers - 1}.hook_resid_post`;
    // Who asks for patterns gets them of all queries and keys at once.
    const run = await model.run(tokens, { ...options, logits: 'all', hooks: whole ? [last, 'blocks.*.attn.hook_pattern'] : [last] });
    return [run.logits!.data, run.get(last).data];
  }

  async function expectSame(tokens: number[] | number[][], options: RunOptions = {}): Promise<void> {
    const [whole, stretched] = [await outputs(tokens, options, true), await outputs(tokens, options, false)];
    expectAgree(stretched[0], whole[0], 'logits', 1e-5);
    expectAgree(stretched[1], whole[1], 'the last residual', 1e-5);
  }

  it('gives what attention over all queries and keys gives, of a batch and after a cache', async () => {
    await expectSame([ids(1), ids(2)]);
    const { cache } = await model.run(ids(3, 11), { keepCache: true });
    await expectSame(ids(4, 200), { cache: cache! });
  });

  it('keeps knockouts and scaled values of single rows and heads', async () => {
    const { nHeads, nLayers } = model.spec;
    const edits: Edit[] = [
      { kind: 'knockout', layers: 'all', heads: [nHeads - 1], queries: [100, TOKENS - 1], keys: [3, 70], row: 1 },
      { kind: 'scale-values', layers: [nLayers - 1], heads: 'all', queries: 'all', keys: [5], scale: 4, row: 0 },
    ];
    await expectSame([ids(1), ids(2)], { edits });
    const [plain] = await outputs([ids(1), ids(2)], {}, false);
    const [edited] = await outputs([ids(1), ids(2)], { edits }, false);
    for (const row of [0, 1]) {
      const last = ((row + 1) * TOKENS - 1) * model.spec.vocabSize;
      expect(edited.subarray(last, last + model.spec.vocabSize)).not.toEqual(plain.subarray(last, last + model.spec.vocabSize));
    }
  });
});
