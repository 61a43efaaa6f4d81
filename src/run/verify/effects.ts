import type { Edit, Model, NdArray, RunResult } from '../../engine/api.js';
import { headDirections, type Direction } from '../../methods/attribution.js';
import { dot } from '../../methods/linear.js';
import { Random } from '../../methods/random.js';
import { mean, standardDeviation } from '../../methods/statistics.js';
import type { Attribution } from '../../residue/types.js';
import type { ComponentEffect } from '../../residue/types-verify.js';
import { forwardCost } from '../cost.js';
import type { Contest } from '../edited.js';
import type { Written } from '../ablate.js';
import { rowAt } from '../trace.js';
import { MethodWeights } from '../weights.js';
import { nameOf, type Component } from './named.js';
import { variantOutputs, type MarginOptions } from './patching.js';

/** Random replacements of a component's output at every position; of a whole prompt's tokens at once, so that few tell. */
const DRAWS = { default: 2, full: 4 } as const;
/** Components named as having made up a difference. */
const NAMED = 3;
/** Components that are taken out whatever that costs: the first of `namedComponents`. */
const LEAST = 12;

/** Multiply-adds of taking one component out in every way, and of seeing who makes up for it. */
export function ablationCost(model: Model, { layer }: Pick<Component, 'layer'>, tokens: number): number {
  const { nLayers } = model.spec;
  return ((DRAWS.default + 3) * forwardCost(model, tokens) * (nLayers - layer)) / nLayers;
}

/** The first of these components that are within the budget together, and at least `LEAST` of them. */
export function affordable(model: Model, components: readonly Component[], tokens: number, budget: number): Component[] {
  let spent = 0;
  return components.filter((one, i) => (spent += ablationCost(model, one, tokens)) <= budget || i < LEAST);
}

export interface EffectsInput {
  model: Model;
  run: RunResult;
  /** Runs over whose tokens outputs are averaged and from which they are drawn (control and paraphrases, else the run itself). */
  pool: readonly Written[];
  contest: Contest;
  /** Margin of the unchanged run. */
  base: number;
  attribution: Attribution;
  /** Direction of logit(answer) − logit(strongest rival) of the unchanged run, its final norm's scale, and that difference. */
  direction: Direction;
  scale: number;
  seed: number;
  /** Whether more random replacements are wanted. */
  full: boolean;
}

/** Predicted and observed effect of each component, by zero, mean and resample ablation at every position, with its self-repair. */
export async function componentEffects(
  input: EffectsInput,
  components: readonly Component[],
  options: MarginOptions,
): Promise<ComponentEffect[]> {
  const { model, run, contest, base, seed } = input;
  if (components.length === 0) return [];
  const count = input.full ? DRAWS.full : DRAWS.default;
  const random = new Random(seed);
  const variants = components.flatMap((component) => {
    const outputs = outputsOf(component, input.pool);
    return [
      zeroed(component),
      [replaced(component, meanOf(outputs))],
      ...Array.from({ length: count }, () => [replaced(component, drawn(outputs, run.length, random))]),
    ];
  });
  const first = Math.min(...components.map(({ layer }) => layer));
  const { margins, last } = await variantOutputs(model, run, variants, contest, repairHooks(model, first), options);
  return components.map((component, i): ComponentEffect => {
    const at = i * (count + 2);
    const [zero, average, ...draws] = margins.slice(at, at + count + 2).map((m) => m - base);
    return {
      component: nameOf(component),
      layer: component.layer,
      head: component.head,
      predicted: -component.contribution,
      zero: zero!,
      mean: average!,
      resample: mean(draws),
      resampleSpread: standardDeviation(draws),
      repair: repairOf(input, component, (hook) => valuesOf(last.get(hook)!, at)),
    };
  });
}

/** One variant's values of a hook point at the last position. */
function valuesOf({ data, shape }: NdArray, variant: number): Float32Array {
  const width = data.length / shape[0]!;
  return data.subarray(variant * width, (variant + 1) * width);
}

/** What a self-repair is read off, from a layer on. */
function repairHooks({ spec }: Model, first: number): string[] {
  const layers = Array.from({ length: spec.nLayers - first }, (_, i) => first + i);
  return [...layers.flatMap((l) => [`blocks.${l}.attn.hook_z`, `blocks.${l}.hook_mlp_out`]), 'ln_final.hook_scale'];
}

/** The edit that takes a component out at every position. */
export function zeroed({ part, layer, head }: Component): Edit[] {
  if (part === 'head') return [{ kind: 'scale-head', layer, head: head!, scale: 0 }];
  return [{ kind: 'scale-out', at: part === 'attention' ? 'attn_out' : 'mlp_out', layer, scale: 0 }];
}

const hookOf = ({ part, layer }: Component): string =>
  `blocks.${layer}.${part === 'head' ? 'attn.hook_z' : part === 'attention' ? 'hook_attn_out' : 'hook_mlp_out'}`;

function replaced({ part, layer, head }: Component, value: Float32Array): Edit {
  if (part === 'head') return { kind: 'replace', at: 'z', layer, head: head!, positions: 'all', value };
  return { kind: 'replace', at: part === 'attention' ? 'attn_out' : 'mlp_out', layer, positions: 'all', value };
}

/** A component's output at every token of the pool. */
function outputsOf(component: Component, pool: readonly Written[]): Float32Array[] {
  return pool.flatMap((run) => {
    const array = run.get(hookOf(component));
    const width = array.shape.at(-1)!;
    return Array.from({ length: run.length }, (_, p) => {
      const row = rowAt(array, p);
      return component.head === null ? row : row.subarray(component.head * width, (component.head + 1) * width);
    });
  });
}

function meanOf(outputs: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(outputs[0]!.length);
  for (const output of outputs) for (let i = 0; i < sum.length; i++) sum[i]! += output[i]!;
  return Float32Array.from(sum, (x) => x / outputs.length);
}

function drawn(outputs: readonly Float32Array[], tokens: number, random: Random): Float32Array {
  const width = outputs[0]!.length;
  const value = new Float32Array(tokens * width);
  for (let t = 0; t < tokens; t++) value.set(outputs[random.below(outputs.length)]!, t * width);
  return value;
}

/**
 * The self-repair of a component (McGrath et al. 2023): how the other components' contributions to logit(answer) − logit(rival) change when it is
 * zeroed. With the direction g and the final norm's scale s of the unchanged run, the difference is constant + Σ c·g; the new scale s′
 * multiplies that sum by s / s′. So the effect is exactly: −own + Σ changes + sum′ (s / s′ − 1).
 * @param now Values of `repairHooks` at the last position, with the component zeroed.
 */
function repairOf(
  { model, attribution, direction, scale }: EffectsInput,
  component: Component,
  now: (hook: string) => Float32Array,
): ComponentEffect['repair'] {
  const { nLayers, nHeads, dHead } = model.spec;
  const { layer } = component;
  const weights = MethodWeights.of(model);
  const changes: { component: string; change: number }[] = [];
  for (let l = layer; l < nLayers; l++) {
    const z = now(`blocks.${l}.attn.hook_z`);
    const own = l === layer ? component : null;
    if (own?.part !== 'attention') {
      const directions = headDirections(weights.layer(l).wO, direction.vector, weights.sizes);
      for (let h = 0; h < nHeads; h++) {
        if (own?.part === 'head' && own.head === h) continue;
        const contribution = dot(z.subarray(h * dHead, (h + 1) * dHead), directions[h]!);
        changes.push({ component: `head ${l}.${h}`, change: contribution - attribution.head[l]![h]! });
      }
    }
    if (own?.part !== 'mlp') {
      const contribution = dot(now(`blocks.${l}.hook_mlp_out`), direction.vector);
      changes.push({ component: `mlp ${l}`, change: contribution - attribution.mlp[l]! });
    }
  }
  const sum = changes.reduce((total, { change }) => total + change, 0);
  const fixed = direction.lnFinalBias + direction.unembedBias;
  const changed = attribution.total - component.contribution + sum - fixed;
  const norm = changed * (scale / now('ln_final.hook_scale')[0]! - 1);
  changes.sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  return {
    total: -component.contribution + sum + norm,
    later: sum,
    norm,
    by: changes.slice(0, NAMED).filter(({ change }) => change !== 0),
  };
}
