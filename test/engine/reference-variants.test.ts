import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { lastLogits, PROMPTS } from '../helpers/families.js';
import { FAMILIES, hubLayout, loadReference, loadVariants, referencePath, shardedLlama, temporaryFolder } from '../helpers/reference.js';
import type { ReferencePrompt } from '../helpers/reference.js';
import { openPath } from '../helpers/shells.js';

/** The same weights in other files: stored types, shards, names, configurations. */
const LLAMA = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'];
const variants: [family: string, variant: string, path: () => string][] = [
  ['llama', 'sharded', shardedLlama],
  ['llama', 'bf16', () => referencePath('llama', 'bf16')],
  ['llama', 'f16', () => referencePath('llama', 'f16')],
  ...LLAMA.map((type): [string, string, () => string] => [
    'llama',
    `gguf.${type}`,
    () => referencePath('llama', 'gguf', `model.${type}.gguf`),
  ]),
  ['qwen2', 'gguf.F16', () => referencePath('qwen2', 'gguf', 'model.F16.gguf')],
];

async function withModel(path: string, work: (model: Model) => Promise<void>): Promise<void> {
  const model = await openPath(path);
  try {
    await work(model);
  } finally {
    await model.close();
  }
}

describe('stored types and shards', () => {
  it('are all there are references for', () => {
    for (const family of ['llama', 'qwen2']) {
      const named = new Set(loadVariants(family).names.flatMap((n) => /^(.+)\/(?:short|control|probe)\//.exec(n)?.[1] ?? []));
      expect([...named].sort()).toEqual(variants.flatMap(([f, v]) => (f === family ? [v] : [])).sort());
    }
  });

  it.each(variants)('%s %s', async (family, variant, path) => {
    const { arrays } = loadVariants(family);
    const { prompts } = loadReference(family).json;
    await withModel(path(), async (model) => {
      for (const prompt of PROMPTS) {
        const run = await model.run(prompts[prompt].ids, { logits: 'all' });
        expectAgree(lastLogits(run), arrays(`${variant}/${prompt}/final_logits`).data, `${prompt} final_logits`);
        if (prompt === 'control') expectAgree(run.logits!.data, arrays(`${variant}/control/logits`).data, 'control logits');
      }
    });
  });

  it('k-quants', async () => {
    const { json, arrays } = loadReference('llama_kquant');
    await withModel(referencePath('llama_kquant', 'model.mixed_K.gguf'), async (model) => {
      for (const prompt of PROMPTS) {
        const { ids } = json.prompts[prompt] as ReferencePrompt;
        const run = await model.run(ids, { logits: 'all' });
        expectAgree(lastLogits(run), arrays(`${prompt}/final_logits`).data, `${prompt} final_logits`);
        if (prompt === 'control') expectAgree(run.logits!.data, arrays('control/logits').data, 'control logits');
        const greedy = json.greedy[prompt]!;
        expect((await model.generate(ids, { maxTokens: greedy.length, stopIds: [] })).ids).toEqual(greedy);
      }
    });
  });
});

describe('other names and configurations of the same weights', () => {
  const agrees = (family: string, path: string) =>
    withModel(path, async (model) => {
      const { json, arrays } = loadReference(family);
      for (const prompt of PROMPTS) {
        const run = await model.run(json.prompts[prompt].ids, { logits: 'all' });
        expectAgree(run.logits!.data, arrays(`${prompt}/logits`).data, `${prompt} logits`);
      }
    });

  it.each(['gpt2', 'gpt_neox'] as const)('%s as first published', (family) => agrees(family, hubLayout(family)));

  it.each(FAMILIES)('%s with the configuration that transformers 5 writes', async (family) => {
    const folder = temporaryFolder();
    for (const file of ['model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      copyFileSync(referencePath(family, file), join(folder, file));
    }
    copyFileSync(referencePath(family, 'config.v5.json'), join(folder, 'config.json'));
    await agrees(family, folder);
  });
});
