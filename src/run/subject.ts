import type { Model } from '../engine/api.js';
import type { RunTrace } from '../residue/types.js';
import type { Opinion, PatternFound } from '../residue/types-claims.js';
import { outputSums, type OutputSums } from './ablate.js';
import { measuredHooks, traceRun } from './trace.js';
import type { PreparedPrompt, TracedRun } from './types.js';

/** A prompt that was traced, its section of the residue, and what is kept of it in memory for later stages. */
export class Subject {
  /** Sums of what its layers wrote, for means. */
  readonly sums: OutputSums;
  /** Patterns looked for on it. */
  patterns: PatternFound[] = [];
  /** Patterns that it cannot show, and why. */
  patternsNotMeasured: { name: string; reason: string }[] = [];
  /** Second opinions on what has no section of its own: the collapse point, and the heads that contribute most, by `layer.head`. */
  opinions: { collapse: Opinion | null; heads: ReadonlyMap<string, Opinion> } = { collapse: null, heads: new Map() };
  private kept: TracedRun | null;

  constructor(
    private readonly model: Model,
    readonly trace: RunTrace,
    traced: TracedRun,
    private readonly signal?: AbortSignal,
  ) {
    this.prompt = traced.prompt;
    this.sums = outputSums(model, traced.result);
    this.kept = traced;
  }

  readonly prompt: PreparedPrompt;

  /** Its arrays: those kept, else made again by another forward pass, which gives the same numbers. */
  async traced(): Promise<TracedRun> {
    return (this.kept ??= await traceRun(this.model, this.prompt, measuredHooks(this.model), this.signal));
  }

  /** Bytes of the arrays that are held. */
  get bytes(): number {
    if (!this.kept) return 0;
    const { result, lens } = this.kept;
    return result.hooks.reduce((sum, name) => sum + result.get(name).data.byteLength, lens.data.byteLength);
  }

  /** Lets the arrays go. */
  release(): void {
    this.kept?.result.release();
    this.kept = null;
  }
}
