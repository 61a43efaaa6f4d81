import type { Model } from '../engine/api.js';
import { logSoftmax } from '../methods/lens.js';
import type { Scores } from '../residue/types.js';
import { OUTPUT_HOOKS, outputSums, type OutputSums } from './ablate.js';
import { rowsPerBatch } from './edited.js';
import { promptKey, type PlannedRun } from './plan.js';
import { score } from './score.js';
import type { PreparedPrompt } from './types.js';

/** A paraphrase that was run: what it scored, and sums of what its layers wrote. */
export interface Paraphrase {
  prompt: PreparedPrompt;
  scores: Scores;
  sums: OutputSums;
  /** Last residual at its answer position, [d_model]. */
  final: Float32Array;
}

/** The paraphrases of a shell: those of equal length are run together, and none twice. */
export class Paraphrases {
  /** By what makes them the same run. */
  private readonly known = new Map<string, Paraphrase>();

  constructor(private readonly model: Model) {}

  /** Runs those of one combination of vary values that have not been run yet. */
  async measure({ paraphrases }: PlannedRun, progress: (done: number, total: number) => void, signal?: AbortSignal): Promise<void> {
    const { model } = this;
    const fresh = new Map<string, PreparedPrompt>();
    for (const { prompt } of paraphrases) if (!this.known.has(promptKey(prompt))) fresh.set(promptKey(prompt), prompt);
    const last = `blocks.${model.spec.nLayers - 1}.hook_resid_post`;
    let done = 0;
    for (const length of new Set([...fresh.values()].map(({ ids }) => ids.length))) {
      const alike = [...fresh].filter(([, { ids }]) => ids.length === length);
      const size = rowsPerBatch(model, length);
      for (let from = 0; from < alike.length; from += size) {
        const batch = alike.slice(from, from + size);
        const result = await model.run(
          batch.map(([, { ids }]) => ids),
          { hooks: [...OUTPUT_HOOKS, last], signal },
        );
        const vocab = model.spec.vocabSize;
        for (const [row, [key, prompt]] of batch.entries()) {
          const logprobs = logSoftmax(result.logits!.data.subarray(row * vocab, (row + 1) * vocab));
          const end = ((row + 1) * length - 1) * model.spec.dModel;
          this.known.set(key, {
            prompt,
            scores: await score(model, prompt, logprobs, signal),
            sums: outputSums(model, result, row),
            final: result.get(last).data.slice(end, end + model.spec.dModel),
          });
        }
        result.release();
        done += batch.length;
        progress(done, fresh.size);
      }
    }
  }

  /** What was measured of one combination's paraphrases, in the shell's order. */
  of({ paraphrases }: PlannedRun): Paraphrase[] {
    return paraphrases.flatMap(({ prompt }) => this.known.get(promptKey(prompt)) ?? []);
  }
}
