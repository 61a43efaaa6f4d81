import type { Edit, Model, RunResult } from '../../engine/api.js';
import { alignPrompts, pairsIn, sharedPrefix, type AlignedPair } from '../../methods/align.js';
import { Random, scrambling } from '../../methods/random.js';
import { hasDrop, RECOVERED, recovery, type Ends } from '../../methods/recovery.js';
import { nullBand } from '../../methods/significance.js';
import type { NullBand, Opinion } from '../../residue/types-claims.js';
import type { ComponentEffect } from '../../residue/types-verify.js';
import { forwardCost } from '../cost.js';
import { contestOf } from '../observe.js';
import { controlOfParaphrase } from '../opinions/control.js';
import { LEAST_EFFECT, opinionOf, sayOf, type Answer } from '../opinions/opinion.js';
import type { StageContext } from '../stage.js';
import { MethodWeights } from '../weights.js';
import { zeroed } from './effects.js';
import type { Component } from './named.js';
import { patch, patchable, variantMargins, type MarginOptions } from './patching.js';

/** Components that the verdict names: of them claims are made. */
export const CLAIMED = 2;
/** Meaningless vectors that are taken away in a component's place: the fewest among which an effect can clear 0.05. */
const NULL_DRAWS = 19;
/** Multiply-adds that such a null may cost for one component where nobody asked for verification. */
const NULL_BUDGET = 2e11;

/** A paraphrase that was run so that it can be patched. */
export interface PatchableParaphrase {
  /** Of the shell. */
  index: number;
  run: RunResult;
}

/** The effects that are told as causes: both ablations go one way, and by enough to count; the largest. */
export function claimedEffects(effects: readonly ComponentEffect[]): ComponentEffect[] {
  return [...effects]
    .filter(({ zero, mean }) => Math.abs(zero) >= LEAST_EFFECT && Math.sign(zero) === Math.sign(mean))
    .sort((a, b) => Math.abs(b.zero) - Math.abs(a.zero))
    .slice(0, CLAIMED);
}

/** Which ends of an interval were found, with the source span's name. */
type Found = { from: number | null; to: number | null; source: string | null };

/** Two prompts whose activations can be moved from one (`control`) to the other. */
interface Moving {
  control: RunResult;
  pairs: readonly AlignedPair[];
  /** Tokens that both begin with. */
  shared: number;
  /** The source span in the prompt that is patched. */
  span: readonly [number, number] | null;
}

/** Cells that are patched to ask again for the ends of an interval; a source that is the same in both prompts is not asked. */
function endCells({ control, pairs, shared, span }: Moving, { from, to }: Found): Edit[][] {
  const layers = control.hooks.filter((name) => name.endsWith('hook_resid_pre')).length;
  const inSpan = span && from !== null ? pairsIn(pairs, span) : [];
  const source = inSpan.filter(({ probe, control }) => probe !== control || probe >= shared);
  return [
    ...(source.length > 0 && from! < layers ? [[patch(control, 'resid_pre', from!, source)]] : []),
    // The last row needs no run: with it replaced the output is the control's.
    ...(to !== null && to < layers ? [[patch(control, 'resid_pre', to, pairs.slice(-1))]] : []),
  ];
}

/**
 * The second opinion on the caused interval: at its ends, is half of the drop brought back in each paraphrase that has a control of its own,
 * and taken away where the probe's activations are patched into the control (Heimersheim & Nanda 2024: denoising and noising)?
 */
export async function intervalOpinion(
  context: StageContext,
  {
    probe,
    control,
    pairs,
    shared,
    ends,
    found,
  }: Pick<Moving, 'control' | 'pairs' | 'shared'> & { probe: RunResult; ends: Ends; found: Found },
  paraphrases: readonly PatchableParaphrase[],
): Promise<Opinion | null> {
  const { model, subject, signal } = context;
  if (found.to === null && found.from === null) return null;
  const by: Answer[] = [];
  const say = (name: string, recovered: readonly number[]): void => {
    const least = Math.min(...recovered);
    by.push({ name, agrees: least >= RECOVERED, says: `${(100 * least).toFixed(0)} % of the drop at least` });
  };
  const back = pairs.map((pair) => ({ ...pair, probe: pair.control, control: pair.probe }));
  const there = found.source === null ? null : (context.control?.prompt.spans[found.source] ?? null);
  const noising = endCells({ control: probe, pairs: back, shared, span: there }, found);
  if (noising.length > 0) {
    const margins = await variantMargins(model, control, noising, contestOf(subject.trace.scores!), { signal });
    // What is taken away of the drop is what the patch leaves of it.
    say(
      'the probe patched into the control',
      margins.map((m) => 1 - recovery(m, ends)!),
    );
  }
  for (const { index, run } of paraphrases) {
    const answer = await intervalIn(context, index, run, found);
    if (answer === 'does not fail') by.push({ name: `paraphrase ${index + 1}`, agrees: false, says: answer });
    else if (answer) say(`paraphrase ${index + 1}`, answer);
  }
  return opinionOf(by);
}

/** Recoveries at the ends of the interval in a paraphrase; null where it has no control of its own that is ahead of it. */
async function intervalIn(context: StageContext, index: number, run: RunResult, found: Found): Promise<number[] | 'does not fail' | null> {
  const { model, paraphrases, signal } = context;
  const { prompt, scores } = paraphrases[index]!;
  if (!scores.failed) return 'does not fail';
  const twin = controlOfParaphrase(context, index);
  if (!twin) return null;
  const contest = contestOf(scores);
  const other = await patchable(model, twin.prompt.ids, signal);
  try {
    const ends = { probe: scores.margin, control: (await variantMargins(model, other, [[]], contest, { signal }))[0]! };
    if (!hasDrop(ends)) return null;
    const span = found.source === null ? null : (prompt.spans[found.source] ?? null);
    const shared = sharedPrefix(twin.prompt.ids, prompt.ids);
    const cells = endCells({ control: other, pairs: alignPrompts(twin.prompt, prompt), shared, span }, found);
    if (cells.length === 0) return null;
    return (await variantMargins(model, run, cells, contest, { signal })).map((m) => recovery(m, ends)!);
  } finally {
    other.release();
    other.cache?.release();
  }
}

/** What all of them give; where one fails, its error, but not before all have come to an end: they read arrays that are let go then. */
async function allOf<T>(all: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(all);
  return Promise.all(all);
}

/** The second opinion on an ablation that is told as a cause: the other kinds of ablation, and the same in each paraphrase. */
export async function effectOpinion(
  { model, paraphrases, signal }: StageContext,
  effect: ComponentEffect,
  component: Component,
  runs: readonly PatchableParaphrase[],
): Promise<Opinion | null> {
  const by = [sayOf('replaced by its mean', effect.mean, effect.zero), sayOf('replaced at random', effect.resample, effect.zero)];
  // Asked for together, so that they can be worked on side by side.
  const others = await allOf(
    runs.map(async ({ index, run }) => {
      const { scores } = paraphrases[index]!;
      const [base, without] = await variantMargins(model, run, [[], zeroed(component)], contestOf(scores), { signal });
      return sayOf(`paraphrase ${index + 1}`, without! - base!, effect.zero);
    }),
  );
  return opinionOf([...by, ...others]);
}

/**
 * The null of an ablation: what the component writes is left, and in its place a vector is taken away at every position that is its
 * output with coordinates shuffled and signs flipped, alike at all positions. So lengths, and angles between positions, are the output's;
 * the direction means nothing. Null where it would cost too much.
 */
export async function effectNull(
  { model, subject, options, shell, seed }: StageContext,
  run: RunResult,
  effect: ComponentEffect,
  component: Component,
  margins: MarginOptions,
): Promise<NullBand | null> {
  const { nLayers, dModel } = model.spec;
  const cost = (NULL_DRAWS * forwardCost(model, run.length) * (nLayers - component.layer)) / nLayers;
  if (cost > NULL_BUDGET && !(options.verify ?? shell.verify)) return null;
  const written = writtenBy(model, run, component);
  const random = new Random(seed);
  const at = component.part === 'mlp' ? 'mlp_out' : 'attn_out';
  const variants = Array.from({ length: NULL_DRAWS }, (): Edit[] => {
    const value = scrambling(random, dModel)(written);
    return [{ kind: 'add', at, layer: component.layer, positions: 'all', value }];
  });
  const contest = contestOf(subject.trace.scores!);
  const [base, ...changed] = await variantMargins(model, run, [[], ...variants], contest, margins);
  const nulls = changed.map((m) => m - base!);
  return nullBand(effect.zero, nulls, `${NULL_DRAWS} vectors of its length, without meaning, taken away in its place`, 'size');
}

/** What a component writes at every position, [T · d_model]; of a head without the layer's bias. */
export function writtenBy(model: Model, run: RunResult, { part, layer, head }: Omit<Component, 'contribution'>): Float32Array {
  if (part !== 'head') return run.get(`blocks.${layer}.hook_${part === 'mlp' ? 'mlp_out' : 'attn_out'}`).data;
  const { dModel, dHead, nHeads } = model.spec;
  const { data } = run.get(`blocks.${layer}.attn.hook_z`);
  const { wO } = MethodWeights.of(model).layer(layer);
  const written = new Float32Array(run.length * dModel);
  for (let t = 0; t < run.length; t++)
    for (let i = 0; i < dHead; i++) {
      const z = data[(t * nHeads + head!) * dHead + i]!;
      const row = (head! * dHead + i) * dModel;
      for (let j = 0; j < dModel; j++) written[t * dModel + j]! += z * wO[row + j]!;
    }
  return written;
}
