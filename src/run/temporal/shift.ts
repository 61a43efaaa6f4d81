import type { Model } from '../../engine/api.js';
import { logSoftmax, margin } from '../../methods/lens.js';
import { argmax } from '../../methods/statistics.js';
import type { Contest } from '../edited.js';
import { measuredHooks, traceRun } from '../trace.js';
import type { PreparedPrompt, TracedRun } from '../types.js';
import { gappedPositions } from './positions.js';

/** A prompt run with a gap in its position ids. */
export interface Shifted {
  gap: number;
  run: TracedRun;
  /** Nats, at the last position. */
  margin: number;
  /** The most probable token, and its probability. */
  top: { id: number; prob: number };
}

/** Runs a prompt with position ids that jump by `gap` before token `at`, and traces it. A gap of 0 changes nothing. */
export async function runShifted(
  model: Model,
  prompt: PreparedPrompt,
  at: number,
  gap: number,
  { answer, rivals }: Contest,
  signal?: AbortSignal,
): Promise<Shifted> {
  const positions = gappedPositions(prompt.ids.length, at, gap);
  const run = await traceRun(model, prompt, measuredHooks(model), signal, positions);
  const logprobs = logSoftmax(run.result.logits!.data);
  const id = argmax(logprobs);
  return { gap, run, margin: margin(logprobs, answer, rivals), top: { id, prob: Math.exp(logprobs[id]!) } };
}
