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
  private streams: readonly Float32Array[] | null = null;

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

  /** Residual streams [layer] of [T, d_model] entering each block, for runs that start from a layer (`EditedOptions.residuals`). */
  async residuals(): Promise<readonly Float32Array[]> {
    return this.streams ?? streamsOf(this.model, await this.traced());
  }

  /** Bytes of the arrays that are held, apart from the residual streams kept on their own. */
  get bytes(): number {
    if (!this.kept) return 0;
    const { result, lens } = this.kept;
    return result.hooks.reduce((sum, name) => sum + result.get(name).data.byteLength, lens.data.byteLength);
  }

  /** Lets the arrays go; the residual streams too, unless they will be wanted. */
  release({ keepResiduals }: { keepResiduals: boolean }): void {
    if (!keepResiduals) this.streams = null;
    else if (this.kept) this.streams = streamsOf(this.model, this.kept);
    this.kept?.result.release({ keep: keepResiduals ? streamNames(this.model) : [] });
    this.kept = null;
  }
}

const streamNames = ({ spec }: Model): string[] => Array.from({ length: spec.nLayers }, (_, l) => `blocks.${l}.hook_resid_pre`);

const streamsOf = (model: Model, { result }: TracedRun): Float32Array[] => streamNames(model).map((name) => result.get(name).data);
