/**
 * The full patching map of the residual stream, every layer × position, against one full forward pass per cell in the same engine.
 * Full passes are timed on cells spread over the map, one before and one after each part of it, and count for all.
 * `floor` is what the map's products alone would take at the best rate of products here, `rate` in multiply-adds a second.
 * Arguments: the model, tokens, full passes to time. `--shared N`: both prompts begin with the same N tokens, as a prompt and its control do;
 * without, every token differs and no cell is known without running it. With `--out FILE` the map is written there, for `npm run bench:peers`.
 * Prints a line of JSON.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openLocal } from '../src/engine/local/index.js';
import { loadModel } from '../src/model/load.js';
import { patch, patchable, variantMargins } from '../src/run/verify/patching.js';
import { median, time } from './measure.mjs';
import { bestRate, productsOf } from './products.js';

const { values: asked, positionals } = parseArgs({
  options: { shared: { type: 'string' }, out: { type: 'string' } },
  allowPositionals: true,
});
const [path = '', tokens = '48', passes = '40'] = positionals;
const shared = Number(asked.shared ?? 0);
const model = await openLocal(await loadModel(path), process.env.THREADS ? { threads: Number(process.env.THREADS) } : {});
const { nLayers, vocabSize } = model.spec;
const prompt = (seed: number): number[] =>
  Array.from({ length: Number(tokens) }, (_, i) => 257 + (((i + 1) * 7919 * seed) % (vocabSize - 257)));
const ids = prompt(1);
const other = prompt(3).map((id, i) => (i < shared ? ids[i]! : id));
const contest = { answer: 300, rivals: [301] };
const control = await patchable(model, other);
const probe = await patchable(model, ids);
const cells = Array.from({ length: nLayers }, (_, layer) =>
  ids.map((_, position) => ({
    layer,
    position,
    edits: [patch(control, 'resid_pre', layer, [{ probe: position, control: position, by: 'token' }])],
  })),
).flat();

/** One cell by a full forward pass, with the logits of the last position or, as TransformerLens gives them, of every one. */
async function whole({ edits }: (typeof cells)[number], logits: 'last' | 'all' = 'last'): Promise<number> {
  const run = await model.run(ids, { edits, logits });
  const last = run.logits!.data.subarray(-vocabSize);
  const margin = last[contest.answer]! - last[contest.rivals[0]!]!;
  run.release();
  return margin;
}

await whole(cells[0]!);
await whole(cells[0]!, 'all');
await variantMargins(model, probe, [cells.at(-1)!.edits], contest);
const count = Number(passes);
const sample = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * cells.length) / count));
const forwards: number[] = [];
const everywhere: number[] = [];
let difference = 0;
const margins: number[] = [];
const check = async (index: number): Promise<void> => {
  let margin = 0;
  forwards.push(await time(async () => void (margin = await whole(cells[index]!))));
  everywhere.push(await time(async () => void (await whole(cells[index]!, 'all'))));
  sampled.set(index, margin);
};
const sampled = new Map<number, number>();
for (const index of sample.slice(0, count / 2)) await check(index);
const map = await time(async () => {
  margins.push(
    ...(await variantMargins(
      model,
      probe,
      cells.map(({ edits }) => edits),
      contest,
    )),
  );
});
for (const index of sample.slice(count / 2)) await check(index);
for (const [index, margin] of sampled) difference = Math.max(difference, Math.abs(margin - margins[index]!));
const forward = median(forwards);
const base = (await variantMargins(model, probe, [[]], contest))[0]!;
const rate = await bestRate(model.spec, model.info.threads);
const needed = cells.filter(({ position }) => position >= shared);
const floor = (1000 * productsOf(model.spec, ids.length, needed)) / rate;
const result = {
  ...{ cells: cells.length, shared, map, forward, ratio: (forward * cells.length) / map, difference, threads: model.info.threads },
  ...{ forwardAll: median(everywhere), ratioAll: (median(everywhere) * cells.length) / map, floor, rate },
};
if (asked.out) writeFileSync(asked.out, JSON.stringify({ ...result, ids, other, ...contest, base, layers: nLayers, margins }));
process.stdout.write(`${JSON.stringify(result)}\n`);
await model.close();
