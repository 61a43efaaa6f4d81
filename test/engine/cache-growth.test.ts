import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KvCache, Model } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { at, lastLogits, openReferenced, range, REFERENCED } from '../helpers/families.js';

describe.each(REFERENCED)('a cache that grows, of %s', (name) => {
  let model: Model;
  beforeAll(async () => {
    ({ model } = await openReferenced(name));
  });
  afterAll(() => model?.close());
  const ids = (seed: number, count: number): number[] => range(0, count).map((i) => (seed + 11 * i) % model.spec.vocabSize);
  const grow = async (tokens: number[][], cache: KvCache): Promise<{ cache: KvCache; logits: Float32Array[] }> => {
    const run = await model.run(tokens, { cache, keepCache: true });
    return { cache: run.cache!, logits: tokens.map((_, row) => lastLogits(run, row)) };
  };

  it('gives what the whole text gives, token by token, before and after what is recent is put together with the rest', async () => {
    const text = ids(1, 52);
    let cache = (await model.run(text.slice(0, 8), { keepCache: true })).cache!;
    // More tokens than are kept apart behind a short prefix.
    for (let length = 9; length <= text.length; length++) {
      const next = await grow([[text[length - 1]!]], cache);
      cache.release();
      cache = next.cache;
      expect(cache.length).toBe(length);
      if (length % 9 === 0) expectAgree(next.logits[0]!, lastLogits(await model.run(text.slice(0, length))), `${length} tokens`, 2e-5);
    }
    // Its beginning goes on to something else.
    const other = [...text.slice(0, 45), 7];
    const { logits } = await grow([[7]], cache.prefix(45));
    expectAgree(logits[0]!, lastLogits(await model.run(other)), 'another ending', 2e-5);
  });

  it('goes on in several ways from one row, which may be released before they are', async () => {
    const [begin, a, b] = [ids(2, 12), ids(3, 5), ids(4, 5)];
    const prefix = (await model.run(begin, { keepCache: true })).cache!;
    const first = await grow([a, b], prefix);
    prefix.release();
    const second = await grow([[1], [2]], first.cache);
    first.cache.release();
    const texts = [
      [...begin, ...a, 1],
      [...begin, ...b, 2],
    ];
    for (const [row, text] of texts.entries()) {
      const whole = await model.run(text, { hooks: ['blocks.*.attn.hook_v'] });
      expectAgree(second.logits[row]!, lastLogits(whole), `row ${row}`, 2e-5);
      for (const layer of range(0, model.spec.nLayers)) {
        const own = second.cache.values(layer, row);
        const want = whole.get(`blocks.${layer}.attn.hook_v`);
        expect(own.shape).toEqual(want.shape);
        expectAgree(own.data, want.data, `values of row ${row} in layer ${layer}`, 2e-5);
        expectAgree(at(own, text.length - 1), at(want, text.length - 1), 'the last token', 2e-5);
      }
      // One row of it alone.
      const alone = await grow([[5]], second.cache.prefix(text.length - 1, row));
      expectAgree(alone.logits[0]!, lastLogits(await model.run([...text.slice(0, -1), 5])), `row ${row} alone`, 2e-5);
    }
    expect(() => prefix.values(0)).toThrow(/released/);
    await expect(model.run([1], { cache: first.cache })).rejects.toThrow(/released/);
  });
});
