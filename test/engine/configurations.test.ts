import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { openLocal } from '../../src/engine/local/index.js';
import { loadModel } from '../../src/model/load.js';
import { expectAgree } from '../helpers/agree.js';
import { lastLogits, PROMPTS } from '../helpers/families.js';
import { ACTIVATIONS, plainForward } from '../helpers/plain-forward.js';
import type { PlainConfig, PlainTensor } from '../helpers/plain-forward.js';
import { randomModel, VOCAB } from '../helpers/random-model.js';
import { FAMILIES, loadReference, parseSafetensors, referencePath } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';
import { readFileSync } from 'node:fs';

/** Configurations beyond those of the reference models, against a forward pass in plain loops that shares no code with the engine. */
type Case = [what: string, type: PlainConfig['model_type'], changes: Record<string, unknown>];

const rope = (type: string, more: Record<string, unknown>) => ({ rope_scaling: { rope_type: type, ...more } });
const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
const yarn = { factor: 4, original_max_position_embeddings: 64 };

const cases: Case[] = [
  ['linear scaling', 'llama', { rope_scaling: { type: 'linear', factor: 4 }, rope_theta: 5000 }],
  ['llama3 scaling', 'llama', { ...rope('llama3', llama3), head_dim: 16, rope_theta: 500_000 }],
  ['yarn', 'llama', { ...rope('yarn', yarn), head_dim: 16 }],
  [
    'yarn, not rounded',
    'llama',
    { ...rope('yarn', { ...yarn, truncate: false, beta_fast: 8, beta_slow: 2, attention_factor: 1.3 }), head_dim: 16 },
  ],
  ['rope_parameters', 'llama', { rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 700 } }],
  ['every bias, tied', 'llama', { attention_bias: true, mlp_bias: true, tie_word_embeddings: true }],
  ['one key head, heads of 10 in d_model 24', 'llama', { num_attention_heads: 3, num_key_value_heads: 1, head_dim: 10 }],
  ['as many key heads as heads', 'llama', { num_key_value_heads: 4, rms_norm_eps: 0.01 }],
  ['untied', 'qwen2', { tie_word_embeddings: false }],
  ['yarn and linear', 'qwen2', { ...rope('yarn', yarn), rope_theta: 1e6 }],
  ['one key head, biases, untied', 'qwen3', { num_key_value_heads: 1, attention_bias: true, tie_word_embeddings: false }],
  ['linear scaling', 'qwen3', rope('linear', { factor: 3 })],
  ['untied, narrow MLP, relu', 'gpt2', { tie_word_embeddings: false, n_inner: 17, activation_function: 'relu' }],
  ['scores not scaled', 'gpt2', { scale_attn_weights: false, layer_norm_epsilon: 0.001 }],
  ['serial residual', 'gpt_neox', { use_parallel_residual: false }],
  ['whole heads turn', 'gpt_neox', { rotary_pct: 1, rotary_emb_base: 2500 }],
  ['half of each head turns, no attention bias, tied', 'gpt_neox', { rotary_pct: 0.5, attention_bias: false, tie_word_embeddings: true }],
  ['partial rotary with yarn', 'gpt_neox', { ...rope('yarn', yarn), rotary_pct: 0.5 }],
  ['partial rotary with llama3 scaling', 'gpt_neox', { ...rope('llama3', llama3), rotary_pct: 0.5 }],
  ...Object.keys(ACTIVATIONS).map((name): Case => [`activation ${name}`, 'llama', { hidden_act: name }]),
  ['activation mish, not gated', 'gpt_neox', { hidden_act: 'mish' }],
];

const ids = Array.from({ length: 14 }, (_, i) => (i * 101 + 17) % VOCAB);

async function withModel(folder: string, work: (model: Model) => Promise<void>): Promise<void> {
  const model = await openPath(folder);
  try {
    await work(model);
  } finally {
    await model.close();
  }
}

describe('configurations', () => {
  it.each(cases)('%s (%s)', async (_, type, changes) => {
    const { folder, config, tensors } = randomModel(type, changes);
    await withModel(folder, async (model) => {
      // Near positions, and far ones where scaling shows.
      for (const positions of [ids.map((_, i) => i), ids.map((_, i) => 7 + 11 * i)]) {
        const want = plainForward(config, tensors, ids, positions).flat();
        const run = await model.run(ids, { positions, logits: 'all' });
        expectAgree(run.logits!.data, want, 'logits');
      }
    });
  });

  it.each(Object.keys(ACTIVATIONS))('give the same bits with one thread and with several: %s', async (name) => {
    // As much for the activation to do as is cut in parts, which do not end at a multiple of what a processor takes at once.
    const { folder } = randomModel('llama', { hidden_act: name, intermediate_size: 163, num_hidden_layers: 1 });
    const long = Array.from({ length: 239 }, (_, i) => (i * 101 + 17) % VOCAB);
    const streams: Float32Array[] = [];
    for (const threads of [1, 3]) {
      const model = await openLocal(await loadModel(folder), { threads });
      streams.push((await model.run(long, { hooks: ['blocks.0.hook_resid_post'] })).get('blocks.0.hook_resid_post').data);
      await model.close();
    }
    expect(streams[0]).toEqual(streams[1]);
  });

  it('differ from each other where they should', () => {
    const { config, tensors } = randomModel('llama', { head_dim: 16 });
    const positions = ids.map((_, i) => 7 + 11 * i);
    const logits = [{}, rope('linear', { factor: 4 }), rope('llama3', llama3), rope('yarn', yarn)].map((changes) =>
      plainForward({ ...config, ...changes }, tensors, ids, positions).flat(),
    );
    for (let i = 0; i < logits.length; i++) {
      for (let j = 0; j < i; j++) expect(Math.max(...logits[i]!.map((x, n) => Math.abs(x - logits[j]![n]!)))).toBeGreaterThan(0.01);
    }
  });
});

/** The yardstick itself, against PyTorch. */
describe.each(FAMILIES)('the plain forward pass of %s', (family) => {
  it.each(PROMPTS.slice(0, 2))('agrees with PyTorch on %s', (prompt) => {
    const { json, arrays } = loadReference(family);
    const config = JSON.parse(readFileSync(referencePath(family, 'config.json'), 'utf8')) as PlainConfig;
    const tensors = new Map<string, PlainTensor>();
    for (const [name, { shape, bytes }] of parseSafetensors(readFileSync(referencePath(family, 'model.safetensors'))))
      tensors.set(name, { shape, data: new Float32Array(Uint8Array.from(bytes).buffer) });
    expectAgree(plainForward(config, tensors, json.prompts[prompt].ids).flat(), arrays(`${prompt}/logits`).data, 'logits');
  });
});

describe('the ends of what a model takes', () => {
  it('refuses more tokens than the context holds, and takes as many', async () => {
    const { folder } = randomModel('llama', { max_position_embeddings: 16 });
    await withModel(folder, async (model) => {
      const full = Array.from({ length: 16 }, (_, i) => i);
      await expect(model.run([...full, 0])).rejects.toThrow(/17 tokens do not fit the model's context of 16/);
      const whole = await model.run(full, { keepCache: true });
      await expect(model.run([0], { cache: whole.cache! })).rejects.toThrow(/17 tokens do not fit/);
      const generated = await model.generate(full.slice(0, 12), { maxTokens: 50, stopIds: [] });
      // The last token of the context is read, and what follows it said.
      expect(generated).toMatchObject({ stopped: 'context' });
      expect(generated.ids).toHaveLength(5);
      const one = await model.run([...full.slice(0, 12), ...generated.ids.slice(0, 4)]);
      expect(lastLogits(one).indexOf(Math.max(...lastLogits(one)))).toBe(generated.ids[4]);
    });
  });

  it('refuses positions that were never learned', async () => {
    const { folder } = randomModel('gpt2', { n_positions: 20 });
    await withModel(folder, async (model) => {
      await expect(model.run([1, 2, 3], { positions: [0, 1, 20] })).rejects.toThrow(/20 is not a whole number from 0 to 19/);
      await expect(model.run([1, 2, 3], { positions: [0, 1, 19] })).resolves.toBeDefined();
    });
  });
});
