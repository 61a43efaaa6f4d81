import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/engine/local/index.js';
import { loadModel } from '../../src/model/load.js';
import { referencePath, temporaryFolder, writeSafetensors } from '../helpers/reference.js';
import type { RawTensor } from '../helpers/reference.js';
import { LETTERS, write } from '../unit/model-fixtures.js';

interface Variant {
  config: Record<string, unknown>;
  config_v5: Record<string, unknown>;
  tensors: [string, number[]][];
  /** Of the last position. */
  logits: number[];
  logits_gap: number[];
}

const { ids, gap_at, gap, variants } = JSON.parse(readFileSync(referencePath('config_variants.json'), 'utf8')) as {
  ids: number[];
  gap_at: number;
  gap: number;
  variants: Record<string, Variant>;
};

/** As in test/reference/make_variants.py. */
function weights(number: number, name: string, shape: number[]): RawTensor {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const scale = shape.length > 1 ? 0.35 : 0.3;
  const offset = shape.length > 1 || !name.endsWith('weight') ? 0 : name.endsWith('post_attention_layernorm.weight') ? 3 : 1;
  for (let i = 0; i < values.length; i++) values[i] = (((((i + 1) * 7919 + number * 104729) % 2003) - 1001) / 1001) * scale + offset;
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

async function lastLogits(config: Record<string, unknown>, variant: Variant): Promise<[Float32Array, Float32Array]> {
  const folder = temporaryFolder();
  write(folder, 'config.json', JSON.stringify(config));
  write(folder, 'tokenizer.json', LETTERS);
  write(folder, 'model.safetensors', writeSafetensors(variant.tensors.map(([name, shape], i) => [name, weights(i, name, shape)])));
  const model = await openLocal(await loadModel(folder), { threads: 1 });
  try {
    const positions = ids.map((_, i) => (i < gap_at ? i : i + gap));
    return [(await model.run(ids)).logits!.data, (await model.run(ids, { positions })).logits!.data];
  } finally {
    await model.close();
  }
}

function expectClose(got: ArrayLike<number>, want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => {
    if (!(Math.abs(got[i]! - value) <= 1e-4 * (1 + Math.abs(value)))) throw new Error(`logit ${i} is ${got[i]}, not ${value}`);
  });
}

describe('configurations of the supported families', () => {
  it('differ in what they compute, so that mixing them up is seen', () => {
    const rows = Object.entries(variants).map(([name, { logits, logits_gap }]) => [name, [...logits, ...logits_gap]] as const);
    const alike: string[] = [];
    rows.forEach(([a, x], i) => {
      for (const [b, y] of rows.slice(i + 1)) {
        if (x.length === y.length && x.every((value, k) => Math.abs(value - y[k]!) <= 1e-4 * (1 + Math.abs(value))))
          alike.push(`${a} = ${b}`);
      }
    });
    // Other spellings of the same function, settings without effect, and gelu's tanh form where it is within the tolerance.
    expect(alike).toEqual(expect.arrayContaining(['llama base = llama act_swish']));
    expect(
      alike.filter(
        (pair) =>
          !/= (llama act_(swish|gelu_\w+)|llama mha|llama defaults|mistral null|mistral window_long|qwen2 noslide|gpt2 upcast|gpt_neox (defaults|fast))$/.test(
            pair,
          ),
      ),
    ).toEqual([]);
  });

  it.each(Object.entries(variants))('%s computes what transformers computes, in either spelling', async (_, variant) => {
    for (const config of [variant.config, variant.config_v5]) {
      const [plain, shifted] = await lastLogits(config, variant);
      expectClose(plain, variant.logits);
      expectClose(shifted, variant.logits_gap);
    }
  });
});
