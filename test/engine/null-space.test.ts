import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { expect, it } from 'vitest';
import { WEAK_SHARE } from '../../src/methods/null-space.js';
import { packageRoot } from '../../src/paths.js';
import { weakDirectionsOf } from '../../src/run/heads/null-space.js';
import { randomModel } from '../helpers/random-model.js';
import { range } from '../helpers/families.js';
import { openPath, runText } from '../helpers/shells.js';

it('measures the logit-null share of a stream wider than all eigenvectors are made for, as the singular vectors of its 358 tokens give it', async () => {
  const dModel = 1040;
  const { folder } = randomModel('llama', {
    hidden_size: dModel,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    tie_word_embeddings: true,
  });
  const model = await openPath(folder);
  try {
    const { vocabSize } = model.spec;
    const { w } = model.weights.readUnembed(range(0, vocabSize));
    const u = new Matrix(range(0, vocabSize).map((v) => Array.from(w.subarray(v * dModel, (v + 1) * dModel))));
    // U Uᵀ has U's squared singular values too, and is small: v = Uᵀ u / σ.
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(u.mmul(u.transpose()), { assumeSymmetric: true });
    const total = realEigenvalues.reduce((a, b) => a + b, 0);
    const rising = range(0, vocabSize).sort((a, b) => realEigenvalues[a]! - realEigenvalues[b]!);
    let held = 0;
    const strong = rising.filter((i) => (held += realEigenvalues[i]!) > WEAK_SHARE * total);
    const x = Array.from({ length: dModel }, (_, i) => Math.cos(3 * i) + 0.1);
    const square = x.reduce((sum, k) => sum + k * k, 0);
    const onTokens = u.mmul(Matrix.columnVector(x));
    const outside = strong.reduce((sum, i) => sum + eigenvectorMatrix.getColumnVector(i).dot(onTokens) ** 2 / realEigenvalues[i]!, 0);

    const { weak } = await weakDirectionsOf(model);
    expect(weak!.count).toBe(dModel - strong.length);
    expect(weak!.inside([x, x])[1]! / square).toBeCloseTo(1 - outside / square, 5);

    const text = `format: 1\nshell: x\nfamily: memory\nprompt: "Tom has a ball."\nanswer: " red"\n`;
    const { nullSpace, runs } = await runText(model, text);
    expect(nullSpace).toMatchObject({ directions: weak!.count, of: dModel, volume: runs[0]!.shape!.logitNull });
  } finally {
    await model.close();
  }
});

it('seeks no weak directions where memory is short, and says why', async () => {
  const model = await openPath(`${packageRoot()}/media/models/pocket`, { memoryBudget: 1e5 });
  try {
    const found = await weakDirectionsOf(model);
    expect(found).toMatchObject({ weak: null });
    expect('why' in found && found.why).toMatch(/of 128 dimensions needs \d+ MB of memory and 0 MB are allowed: raise the memory budget$/);
  } finally {
    await model.close();
  }
});
