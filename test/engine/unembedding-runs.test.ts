import { describe, expect, it } from 'vitest';
import { openLocal } from '../../src/engine/local/index.js';
import { loadModel } from '../../src/model/load.js';
import { temporaryFolder, writeSafetensors, type RawTensor } from '../helpers/reference.js';
import { LETTERS, write } from '../unit/model-fixtures.js';

/** As float32 the unembedding is larger than one run of its rows (16 MiB), and the last run is not a whole one. */
const [VOCAB, WIDTH, FFN] = [140_001, 32, 32];

const CONFIG = JSON.stringify({
  ...{ model_type: 'llama', hidden_size: WIDTH, intermediate_size: FFN, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ vocab_size: VOCAB, max_position_embeddings: 16, rms_norm_eps: 1e-5, hidden_act: 'silu', tie_word_embeddings: false },
});

const SHAPES: [string, number[]][] = [
  ['model.embed_tokens.weight', [VOCAB, WIDTH]],
  ['model.norm.weight', [WIDTH]],
  ['lm_head.weight', [VOCAB, WIDTH]],
  ...['q', 'k', 'v', 'o'].map((which): [string, number[]] => [`model.layers.0.self_attn.${which}_proj.weight`, [WIDTH, WIDTH]]),
  ...['gate', 'up'].map((which): [string, number[]] => [`model.layers.0.mlp.${which}_proj.weight`, [FFN, WIDTH]]),
  ['model.layers.0.mlp.down_proj.weight', [WIDTH, FFN]],
  ['model.layers.0.input_layernorm.weight', [WIDTH]],
  ['model.layers.0.post_attention_layernorm.weight', [WIDTH]],
];

/** Values that bfloat16 holds exactly, so that both files hold the same. `spoilt`: a NaN at that index of the unembedding. */
function values(name: string, count: number, spoilt: number | null): Float32Array {
  const made = Float32Array.from({ length: count }, (_, i) => ((((i + 1) * 7919 + name.length * 104_729) % 251) - 125) / 256);
  if (spoilt !== null && name.startsWith('lm_head')) made[spoilt] = NaN;
  return made;
}

function folderOf(dtype: 'F32' | 'BF16', spoilt: number | null = null): string {
  const tensors = SHAPES.map(([name, shape]): [string, RawTensor] => {
    const data = values(
      name,
      shape.reduce((a, b) => a * b, 1),
      spoilt,
    );
    const halves = dtype === 'F32' ? data : Uint16Array.from(new Uint32Array(data.buffer), (bits) => bits >>> 16);
    return [name, { dtype, shape, bytes: new Uint8Array(halves.buffer) }];
  });
  const folder = temporaryFolder();
  write(folder, 'config.json', CONFIG);
  write(folder, 'tokenizer.json', LETTERS);
  write(folder, 'model.safetensors', writeSafetensors(tensors));
  return folder;
}

async function logitsOf(folder: string): Promise<Float32Array> {
  const model = await openLocal(await loadModel(folder), { threads: 2 });
  try {
    return (await model.run([5, VOCAB - 1, 70_000], { logits: 'all' })).logits!.data;
  } finally {
    await model.close();
  }
}

describe('an unembedding that is widened in runs of its rows', () => {
  it('gives the logits of the same weights left in their file as float32', async () => {
    const [whole, runs] = [await logitsOf(folderOf('F32')), await logitsOf(folderOf('BF16'))];
    expect(whole.length).toBe(3 * VOCAB);
    let largest = 0;
    for (const [i, value] of whole.entries()) largest = Math.max(largest, Math.abs(value - runs[i]!));
    expect(largest).toBeLessThan(1e-5);
    expect(new Set(runs.subarray(0, 100)).size).toBeGreaterThan(50);
  });

  it('says where in the whole a NaN of a later run is', async () => {
    const row = VOCAB - 2;
    await expect(logitsOf(folderOf('BF16', row * WIDTH + 7))).rejects.toThrow(`Tensor lm_head.weight holds a NaN at [${row}, 7]`);
  });
});
