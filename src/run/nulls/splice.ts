import { conflict } from '../../methods/conflict.js';
import { difference, isDirection, shareAlong } from '../../methods/directions.js';
import { jensenShannon } from '../../methods/divergence.js';
import { logSoftmax } from '../../methods/lens.js';
import { NULL_SPANS } from '../../methods/random-spans.js';
import { Random } from '../../methods/random.js';
import { nullBand } from '../../methods/significance.js';
import type { Span } from '../../methods/attention.js';
import type { Model } from '../../engine/api.js';
import { forwardCost } from '../cost.js';
import { rowsPerBatch } from '../edited.js';
import { withoutSpans, type Placing } from '../instruction/solo.js';
import type { Stage, StageContext } from '../stage.js';
import { rowAt } from '../trace.js';

/** Multiply-adds that the null of instruction conflict may cost: 96 passes of 70 tokens through 150 M parameters. */
const BUDGET = 1e12;

type PairOfSpans = readonly [Span, Span];

/** The null of `instruction-conflict` on the headline: random pairs of spans in the place of SPLICE's two instructions. */
export const spliceNulls: Stage = {
  name: 'splice nulls',
  label: 'random spans in place of the instructions',
  on: 'headline',
  fills: [],
  when: ({ calls }) => calls.some(({ name }) => name === 'SPLICE'),
  cost: ({ model }, { ids }) => 3 * NULL_SPANS * forwardCost(model, ids.length),
  budget: BUDGET,
  overBudget: 'Instruction conflict has no null: on a model of this size it would take too long to run random spans in their place.',
  async run(context) {
    const { subject, seed, progress } = context;
    const found = subject.patterns.find(({ name }) => name === 'instruction-conflict');
    const splice = subject.trace.commands?.find(({ name }) => name === 'SPLICE');
    if (!found || !splice) return;
    const { a, b, positions = 'kept' } = splice.params as { a: string; b: string; positions?: Placing };
    const { ids, spans } = subject.prompt;
    const pairs = randomPairs(ids.length, [spans[a]!, spans[b]!], seed);
    const scores = await pairScores(context, pairs, positions, (done) => progress(done, 3 * pairs.length));
    found.null = nullBand(found.score, scores, `${pairs.length} random pairs of spans in the instructions' place`);
  },
};

/**
 * Different random pairs of spans as long as two given ones, which overlap neither these nor one another, nor hold the first position
 * or the last, where the answer is read.
 * @returns At most `count` pairs; fewer where the prompt has no room.
 */
export function randomPairs(tokens: number, [a, b]: PairOfSpans, seed: number, count = NULL_SPANS): PairOfSpans[] {
  const apart = (one: Span, other: Span): boolean => one[1] <= other[0] || other[1] <= one[0];
  const places = (length: number): Span[] =>
    Array.from({ length: Math.max(0, tokens - 1 - length) }, (_, i): Span => [i + 1, i + 1 + length]).filter(
      (one) => one[1] < tokens && apart(one, a) && apart(one, b),
    );
  const [firsts, seconds] = [places(a[1] - a[0]), places(b[1] - b[0])];
  const all = firsts.flatMap((one) => seconds.filter((other) => apart(one, other)).map((other): PairOfSpans => [one, other]));
  return new Random(seed).sample(all.length, Math.min(count, all.length)).map((i) => all[i]!);
}

/** The conflict's score with each pair in the instructions' place, from the last residual row and the output. */
export async function pairScores(
  { model, subject, signal }: Pick<StageContext, 'model' | 'subject' | 'signal'>,
  pairs: readonly PairOfSpans[],
  placing: Placing,
  onProgress: (done: number) => void = () => {},
): Promise<number[]> {
  const { result, position } = await subject.traced();
  const hook = `blocks.${model.spec.nLayers - 1}.hook_resid_post`;
  const both = { logprobs: logSoftmax(result.logits!.data), row: rowAt(result.get(hook), position) };
  const { ids } = subject.prompt;
  const outputs: Output[][] = [];
  for (const drop of [(pair: PairOfSpans) => [pair[1]], (pair: PairOfSpans) => [pair[0]], (pair: PairOfSpans) => pair]) {
    const reduced = pairs.map((pair) => withoutSpans(ids, drop(pair), placing));
    outputs.push(await outputsOf(model, reduced, hook, signal));
    onProgress(outputs.length * pairs.length);
  }
  const [a, b, neither] = outputs as [Output[], Output[], Output[]];
  return pairs.map((_, i) => {
    const base = neither[i]!.row;
    const change = difference(both.row, base);
    const shares = [a, b].map((one) => {
      const direction = difference(one[i]!.row, base);
      return isDirection(direction, base) ? shareAlong(change, direction) : null;
    }) as [number | null, number | null];
    const projections = shares[0] === null || shares[1] === null ? null : { a: shares[0], b: shares[1] };
    const to = [a, b].map((one) => jensenShannon(both.logprobs, one[i]!.logprobs)) as [number, number];
    return conflict(...to, jensenShannon(a[i]!.logprobs, b[i]!.logprobs), projections).score;
  });
}

interface Output {
  logprobs: Float64Array;
  /** The last residual row at the answer position. */
  row: Float32Array;
}

/** Outputs of prompts of one length, several to a batch. */
async function outputsOf(
  model: Model,
  prompts: readonly { ids: number[]; positions: number[] }[],
  hook: string,
  signal?: AbortSignal,
): Promise<Output[]> {
  const outputs: Output[] = [];
  const length = prompts[0]?.ids.length ?? 0;
  const size = Math.max(1, rowsPerBatch(model, length));
  for (let from = 0; from < prompts.length; from += size) {
    const batch = prompts.slice(from, from + size);
    const run = await model.run(
      batch.map(({ ids }) => ids),
      { positions: batch.map(({ positions }) => positions), hooks: [hook], logits: 'last', signal },
    );
    const { vocabSize, dModel } = model.spec;
    const { data } = run.get(hook);
    batch.forEach((_, row) => {
      const end = (row + 1) * length * dModel;
      outputs.push({
        logprobs: logSoftmax(run.logits!.data.subarray(row * vocabSize, (row + 1) * vocabSize)),
        row: data.slice(end - dModel, end),
      });
    });
    run.release();
  }
  return outputs;
}
