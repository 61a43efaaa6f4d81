/**
 * A traced forward pass against the same graphs without hook points, in one process and in pairs of alternating order.
 * Arguments: the model, which hooks (`all`, or `measured`: those that every shell reads), tokens, pairs. Prints a line of JSON.
 */
import { openLocal } from '../src/engine/local/index.js';
import { loadModel } from '../src/model/load.js';
import { measuredHooks } from '../src/run/trace.js';
import { paired } from './measure.mjs';

const [path = '', which = 'all', tokens = '128', pairs = '15'] = process.argv.slice(2);
const traced = await openLocal(await loadModel(path));
const plain = await openLocal(await loadModel(path), { taps: false });
const ids = Array.from({ length: Number(tokens) }, (_, i) => 257 + ((i * 7919) % (traced.spec.vocabSize - 257)));
const hooks = which === 'all' ? which : measuredHooks(traced);
let kept: { arrays: number; bytes: number } | undefined;
const result = await paired(
  async () => {
    const run = await traced.run(ids, { hooks });
    kept ??= { arrays: run.hooks.length, bytes: run.hooks.reduce((sum, hook) => sum + run.get(hook).data.byteLength, 0) };
    run.release();
  },
  async () => {
    (await plain.run(ids)).release();
  },
  Number(pairs),
);
process.stdout.write(`${JSON.stringify({ ...result, ...kept, threads: traced.info.threads })}\n`);
await traced.close();
await plain.close();
