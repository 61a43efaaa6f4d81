import { InputError } from '../../errors.js';
import { selectHooks } from '../../graph/hooks.js';
import type { HookPoint } from '../../graph/hooks.js';
import type { ModelSpec } from '../../model/spec.js';
import type { HookName, NdArray, RunResult } from '../api.js';
import type { Placed } from './placing.js';

/** Hook points of a block that can be read of variants, and the final norm's. */
const READABLE = new Set(['attn.hook_z', 'hook_attn_out', 'hook_mlp_out', 'ln_final.hook_scale']);

/** The values of some hook points at the last position, under each of many variants of a run. */
export class LastValues {
  readonly arrays: ReadonlyMap<HookName, NdArray>;
  private readonly points: readonly HookPoint[];

  /** Throws InputError for a hook point that cannot be read so, or that the run has not kept. */
  constructor(
    private readonly spec: ModelSpec,
    private readonly run: RunResult,
    hooks: readonly string[],
    variants: number,
  ) {
    this.points = selectHooks(spec, hooks);
    for (const { name, local, layer } of this.points) {
      if (!READABLE.has(local))
        throw new InputError(`${name} cannot be read of variants: ask for hook_z, hook_attn_out, hook_mlp_out or ln_final.hook_scale.`, {
          field: 'hooks',
        });
      if (layer < spec.nLayers) run.get(name);
    }
    this.arrays = new Map(
      this.points.map((point) => {
        const shape = [variants, ...point.shape(1, 1, 1).slice(2)];
        return [point.name, { data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape }];
      }),
    );
  }

  /** Names inside a block that are to be read of a layer's run. */
  of(layer: number): string[] {
    return this.points.filter((point) => point.layer === layer).map(({ local }) => local);
  }

  /** Takes what a layer gave at the last position, [row, …]; `members` tells whose rows they are. */
  take(layer: number, local: string, data: Float32Array, members: readonly Placed[]): void {
    const { data: into, shape } = this.arrays.get(this.nameOf(layer, local))!;
    const width = into.length / shape[0]!;
    members.forEach(({ index }, row) => into.set(data.subarray(row * width, (row + 1) * width), index * width));
  }

  /** The unchanged run's values, and what is added to them, of a variant in the layers before it enters. */
  unchanged({ index, layer: entered, added }: Placed): void {
    for (const { name, layer } of this.points) {
      if (layer >= Math.min(entered, this.spec.nLayers)) continue;
      const { data: into, shape } = this.arrays.get(name)!;
      const width = into.length / shape[0]!;
      const { data } = this.run.get(name);
      into.set(data.subarray(data.length - width), index * width);
      if (name !== added?.hook) continue;
      const more = added.vectors.subarray((this.run.length - 1 - added.first) * width);
      more.forEach((x, i) => (into[index * width + i]! += x));
    }
  }

  private nameOf(layer: number, local: string): HookName {
    return layer < this.spec.nLayers ? `blocks.${layer}.${local}` : local;
  }
}
