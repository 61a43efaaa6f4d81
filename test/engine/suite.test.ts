import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { logSoftmax } from '../../src/methods/lens.js';
import { bundledModels } from '../../src/model/catalog.js';
import { expectAgree } from '../helpers/agree.js';
import { openPath } from '../helpers/shells.js';

/** What PyTorch computed from the stored weights. */
interface Stored {
  prompts: { text: string; ids: number[]; logits?: number[]; top: { id: number; text: string; logprob: number }[] }[];
}

const models = bundledModels();

describe('the models that come with the package', () => {
  it.each(models)('$id: its tokens and last logits are those of PyTorch', async ({ path }) => {
    const stored = JSON.parse(readFileSync(join(path, 'reference.json'), 'utf8')) as Stored;
    const model = await openPath(path);
    try {
      for (const { text, ids, logits, top } of stored.prompts) {
        expect(model.tokenizer.encode(text).map(({ id }) => id)).toEqual(ids);
        const run = await model.run([ids], { logits: 'last' });
        const got = run.logits!.data;
        if (logits) expectAgree(got, logits, text, 2e-4);
        const p = logSoftmax(got);
        for (const { id, logprob } of top) expect(p[id]).toBeCloseTo(logprob, 3);
        expect(got.indexOf(Math.max(...got))).toBe(top[0]!.id);
      }
    } finally {
      await model.close();
    }
  });
});
