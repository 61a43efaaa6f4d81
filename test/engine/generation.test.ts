import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, Model } from '../../src/engine/api.js';
import { argmax, sample } from '../../src/engine/local/sampling.js';
import { Random } from '../../src/methods/random.js';
import { loadReference, referencePath } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';

const { json } = loadReference('llama');
const { ids } = json.prompts.probe;

describe('generation', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openPath(referencePath('llama'));
  });
  afterAll(() => model?.close());
  const generate = (options: Partial<GenerateOptions>) => model.generate(ids, { maxTokens: 12, stopIds: [], ...options });

  it('stops at the ids that end it and does not say them', async () => {
    const greedy = json.greedy.probe!;
    const at = greedy.findIndex((id, i) => i > 1 && greedy.indexOf(id) === i);
    const stopped = await generate({ stopIds: [greedy[at]!] });
    expect(stopped).toMatchObject({ ids: greedy.slice(0, at), stopped: 'end-of-text' });
    expect(stopped.logprobs).toHaveLength(at);
    expect(await generate({ maxTokens: 0 })).toEqual({ ids: [], logprobs: [], stopped: 'length' });
  });

  it('samples the same with the same seed', async () => {
    const sampled = (seed: number) => generate({ temperature: 1.5, seed }).then((r) => r.ids.join());
    expect(await sampled(7)).toBe(await sampled(7));
    expect(new Set(await Promise.all([1, 2, 3, 4].map(sampled))).size).toBeGreaterThan(1);
  });

  it('is greedy where one candidate is left', async () => {
    const greedy = json.greedy.probe!.slice(0, 12);
    expect((await generate({ temperature: 0.9, topK: 1, seed: 3 })).ids).toEqual(greedy);
    expect((await generate({ temperature: 0.9, topP: 1e-9, seed: 3 })).ids).toEqual(greedy);
  });

  it('draws from the distribution that temperature, top-k and nucleus leave', () => {
    const logits = Float32Array.from([1, 3, 2, -1, 3, 0]);
    expect(argmax(logits)).toBe(1);
    const probabilities = (ids: number[], temperature: number) => {
      const weights = ids.map((id) => Math.exp(logits[id]! / temperature));
      const total = weights.reduce((a, b) => a + b, 0);
      return new Map(ids.map((id, i) => [id, weights[i]! / total]));
    };
    const draws = 20_000;
    const check = (options: { temperature: number; topK: number; topP: number }, kept: number[]) => {
      const random = new Random(11);
      const counts = new Map<number, number>();
      for (let i = 0; i < draws; i++) {
        const id = sample(logits, options, random);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      const want = probabilities(kept, options.temperature);
      expect([...counts.keys()].sort()).toEqual([...kept].sort());
      for (const [id, p] of want) {
        // Four standard deviations.
        expect(Math.abs((counts.get(id) ?? 0) / draws - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws));
      }
    };
    check({ temperature: 1, topK: 0, topP: 1 }, [0, 1, 2, 3, 4, 5]);
    check({ temperature: 2.5, topK: 0, topP: 1 }, [0, 1, 2, 3, 4, 5]);
    check({ temperature: 1, topK: 3, topP: 1 }, [1, 4, 2]);
    // 3 and 3 hold 0.39 each, 2 holds 0.14: the nucleus of 0.8 needs all three.
    check({ temperature: 1, topK: 0, topP: 0.8 }, [1, 4, 2]);
    check({ temperature: 1, topK: 0, topP: 0.7 }, [1, 4]);
  });
});
