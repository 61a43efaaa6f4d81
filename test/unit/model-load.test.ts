import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveModel } from '../../src/model/catalog.js';
import { findNonFinite } from '../../src/model/finite.js';
import { loadModel } from '../../src/model/load.js';
import type { LoadedModel } from '../../src/model/types.js';
import { FAMILIES, hubLayout, loadReference, loadVariants, parseSafetensors, referencePath, shardedLlama } from '../helpers/reference.js';

async function withModel<T>(path: string, use: (model: LoadedModel) => T): Promise<T> {
  const model = await loadModel(path);
  try {
    return use(model);
  } finally {
    model.close();
  }
}

/** Largest |a - b| / (1 + |b|). */
function difference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < want.length; i++) worst = Math.max(worst, Math.abs(got[i]! - want[i]!) / (1 + Math.abs(want[i]!)));
  return worst;
}

const ALL = [...FAMILIES, 'stories260K'] as const;
const pathOf = (name: string): string => (name === 'stories260K' ? referencePath(name, 'stories260K.bin') : referencePath(name));

describe('loadModel', () => {
  it.each(ALL)('reads the sizes, norms, biases and tying of %s as PyTorch found them', async (name) => {
    const { json } = loadReference(name);
    const want = json.model as Record<string, unknown> & { biases: Record<string, boolean> };
    await withModel(pathOf(name), ({ spec, weights }) => {
      expect({
        n_layers: spec.nLayers,
        n_heads: spec.nHeads,
        n_kv_heads: spec.nKvHeads,
        d_model: spec.dModel,
        d_head: spec.dHead,
        d_mlp: spec.dMlp,
        d_vocab: spec.vocabSize,
        norm: spec.norm.kind,
        eps: spec.norm.eps,
        parallel: spec.parallelResidual,
        gated_mlp: spec.mlp.gated,
        qk_norm: spec.qkNorm,
        tied: spec.tiedEmbeddings,
      }).toEqual({
        n_layers: want['n_layers'],
        n_heads: want['n_heads'],
        n_kv_heads: want['n_kv_heads'],
        d_model: want['d_model'],
        d_head: want['d_head'],
        d_mlp: want['d_mlp'],
        d_vocab: want['d_vocab'],
        norm: want['norm'] === 'rms' ? 'rms' : 'layer',
        eps: want['eps'],
        parallel: want['parallel'],
        gated_mlp: want['gated_mlp'],
        qk_norm: want['qk_norm'],
        tied: want['tied'],
      });
      expect(weights.has('blocks.0.attn.b_Q') || weights.has('blocks.0.attn.b_QKV')).toBe(want.biases['qkv']);
      expect(weights.has('blocks.2.attn.b_O')).toBe(want.biases['attn_out']);
      expect(weights.has('blocks.1.mlp.b_out')).toBe(want.biases['mlp']);
      expect(weights.has('unembed.W_U')).toBe(!want['tied']);
      if (spec.position.kind === 'rope') expect(spec.position.rotaryDim).toBe(want['rotary_dims']);
      expect(findNonFinite(weights)).toBeNull();
    });
  });

  it.each(ALL)('reads embeddings of %s by token', async (name) => {
    const reference = loadReference(name);
    await withModel(pathOf(name), ({ weights }) => {
      const { ids } = reference.json.prompts.probe;
      expect(difference(weights.readRows('embed.W_E', ids), reference.arrays('probe/hook_embed').data)).toBe(0);
    });
  });

  it.each(ALL)('gives W_O of %s as [head, d_head, d_model]: z · W_O + b_O is the attention output', async (name) => {
    const reference = loadReference(name);
    await withModel(pathOf(name), ({ weights, spec }) => {
      for (let layer = 0; layer < spec.nLayers; layer++) {
        const z = reference.arrays(`control/blocks.${layer}.attn.hook_z`);
        const want = reference.arrays(`control/blocks.${layer}.hook_attn_out`).data;
        const wo = weights.readWO(layer);
        const bias = weights.has(`blocks.${layer}.attn.b_O`) ? weights.readStored(`blocks.${layer}.attn.b_O`) : null;
        const inputs = spec.nHeads * spec.dHead;
        const got = new Float32Array(want.length);
        for (let t = 0; t < z.shape[0]!; t++) {
          for (let o = 0; o < spec.dModel; o++) {
            let sum = bias?.[o] ?? 0;
            for (let i = 0; i < inputs; i++) sum += z.data[t * inputs + i]! * wo[i * spec.dModel + o]!;
            got[t * spec.dModel + o] = sum;
          }
        }
        expect(difference(got, want)).toBeLessThan(1e-5);
      }
    });
  });

  it.each(ALL)('unembeds with W_U and the final norm of %s', async (name) => {
    const reference = loadReference(name);
    await withModel(pathOf(name), ({ weights, spec }) => {
      const normalized = reference.arrays('short/ln_final.hook_normalized').data;
      const out = reference.arrays('short/ln_final.hook_out').data;
      const { w, b } = weights.readLnFinal();
      expect(b === null).toBe(spec.norm.kind === 'rms');
      expect(
        difference(
          normalized.map((x, i) => x * w![i % spec.dModel]! + (b?.[i % spec.dModel] ?? 0)),
          out,
        ),
      ).toBeLessThan(1e-6);
      const ids = [3, spec.vocabSize - 1, 0];
      const { w: rows } = weights.readUnembed(ids);
      const logits = reference.arrays('short/logits').data;
      const last = out.length / spec.dModel - 1;
      const got = ids.map((_, i) => {
        let sum = 0;
        for (let d = 0; d < spec.dModel; d++) sum += out[last * spec.dModel + d]! * rows[i * spec.dModel + d]!;
        return sum;
      });
      expect(
        difference(
          got,
          ids.map((id) => logits[last * spec.vocabSize + id]!),
        ),
      ).toBeLessThan(1e-5);
    });
  });

  it.each(FAMILIES)('takes the configuration of %s as transformers 5 writes it for the same', async (family) => {
    const { copyModel, write } = await import('./model-fixtures.js');
    const folder = copyModel(family);
    write(folder, 'config.json', readFileSync(referencePath(family, 'config.v5.json')));
    const old = await withModel(referencePath(family), (m) => ({ spec: m.spec, names: m.weights.names() }));
    const current = await withModel(folder, (m) => ({ spec: m.spec, names: m.weights.names() }));
    expect(current).toEqual(old);
  });

  it.each(['gpt2', 'gpt_neox'] as const)('passes over the leftover buffers of published %s checkpoints', async (family) => {
    const plain = await withModel(referencePath(family), (m) => m.weights.readStored('blocks.1.mlp.W_in'));
    await withModel(hubLayout(family), (m) => {
      expect(difference(m.weights.readStored('blocks.1.mlp.W_in'), plain)).toBe(0);
      expect(m.weights.names().length).toBeGreaterThan(20);
    });
  });

  it('names the files, their roles and what a user should know', async () => {
    const model = await loadModel(referencePath('gpt_neox'), { id: 'mine' });
    expect(model.id).toBe('mine');
    expect(model.dtype).toBe('F32');
    expect(model.notes).toEqual(["config.json says F16, but the weights are stored as F32; the file's values are used."]);
    expect(model.files.map(({ role, path, bytes }) => [role, path.split('/').at(-1), bytes > 0])).toEqual([
      ['weights', 'model.safetensors', true],
      ['config', 'config.json', true],
      ['tokenizer', 'tokenizer.json', true],
      ['tokenizer', 'tokenizer_config.json', true],
    ]);
    const tensors = parseSafetensors(readFileSync(referencePath('gpt_neox', 'model.safetensors')));
    expect(model.weights.parameters).toBe([...tensors.values()].reduce((sum, t) => sum + t.bytes.length / 4, 0));
    expect(model.weights.bytes).toBe(readFileSync(referencePath('gpt_neox', 'model.safetensors')).length);
    model.close();
    expect(() => model.weights.readStored('ln_final.w')).toThrow('closed');
  });

  it('opens the bundled model, and a file as the folder it lies in', async () => {
    const { id, path } = resolveModel('pocket', '/');
    expect(id).toBe('pocket');
    const folder = await withModel(path, (m) => [m.dtype, m.spec, m.weights.parameters, m.notes] as const);
    const file = await withModel(join(path, 'model.safetensors'), (m) => [m.dtype, m.spec, m.weights.parameters, m.notes] as const);
    expect(file).toEqual(folder);
    expect(folder[0]).toBe('F16');
    expect(folder[2]).toBe(1_311_104);
  });
});

describe('the same model in other files', () => {
  const k = 'model.layers.0.self_attn.k_proj.weight';
  const cases = [
    ...['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'].map(
      (type) => ['llama', `gguf.${type}`, join('gguf', `model.${type}.gguf`)] as const,
    ),
    ['qwen2', 'gguf.F16', join('gguf', 'model.F16.gguf')] as const,
  ];

  it.each(cases)('%s %s: q and k rows, types and sizes', async (family, variant, path) => {
    const want = loadVariants(family).arrays(`${variant}/${k}`);
    const safe = await withModel(referencePath(family), (m) => m.spec);
    await withModel(referencePath(family, path), ({ weights, spec, dtype }) => {
      expect(spec).toEqual({ ...safe, bosId: spec.bosId, eosIds: spec.eosIds });
      expect(dtype).toBe(variant.split('.')[1]);
      const weight = weights.get('blocks.0.attn.W_K');
      expect(weight.pairs ?? false).toBe(family === 'llama');
      const values = weights.readStored('blocks.0.attn.W_K');
      expect([...weight.stored.shape]).toEqual([...want.shape]);
      expect(difference(weight.pairs ? halfSplit(values, spec.nKvHeads, spec.dHead) : values, want.data)).toBeLessThan(1e-6);
    });
  });

  it.each(['sharded', 'bf16', 'f16'] as const)('llama/%s holds the same weights, widened', async (variant) => {
    const path = variant === 'sharded' ? shardedLlama() : referencePath('llama', variant);
    const tolerance = { sharded: 0, f16: 6e-4, bf16: 4e-3 }[variant];
    const plain = await loadModel(referencePath('llama'));
    await withModel(path, ({ weights, spec, dtype }) => {
      expect(dtype).toBe({ sharded: 'F32', f16: 'F16', bf16: 'BF16' }[variant]);
      expect(spec).toEqual(plain.spec);
      expect(weights.names()).toEqual(plain.weights.names());
      for (const name of weights.names())
        expect(difference(weights.readStored(name), plain.weights.readStored(name))).toBeLessThanOrEqual(tolerance);
    });
    plain.close();
  });

  it('reads a GGUF file of mixed K-quants by rows as as a whole', async () => {
    await withModel(referencePath('llama_kquant', 'model.mixed_K.gguf'), ({ weights, spec }) => {
      const types = new Set(weights.names().map((name) => weights.get(name).stored.dtype));
      for (const type of ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const) expect(types).toContain(type);
      const whole = weights.readStored('embed.W_E');
      expect(whole.length).toBe(spec.vocabSize * spec.dModel);
      expect([...weights.readRows('embed.W_E', [7, 1])]).toEqual([
        ...whole.subarray(7 * spec.dModel, 8 * spec.dModel),
        ...whole.subarray(spec.dModel, 2 * spec.dModel),
      ]);
      expect(findNonFinite(weights)).toBeNull();
    });
  });
});

/** Rows of each head from adjacent pairs back to halves. */
function halfSplit(values: Float32Array, heads: number, dHead: number): Float32Array {
  const row = values.length / (heads * dHead);
  const out = new Float32Array(values.length);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < dHead; i++) {
      const from = h * dHead + (i < dHead / 2 ? 2 * i : 2 * (i - dHead / 2) + 1);
      out.set(values.subarray(from * row, (from + 1) * row), (h * dHead + i) * row);
    }
  }
  return out;
}
