import { InputError } from '../errors.js';
import type { ModelSpec } from '../model/spec.js';

/**
 * Hook points of one block, named as in TransformerLens, with their shapes (batch first). `T`: tokens of this run; `S`: tokens it
 * attends to, a cached prefix included.
 */
const BLOCK_HOOKS: Record<string, { shape: (s: ModelSpec) => (number | 'B' | 'T' | 'S')[]; when?: (s: ModelSpec) => boolean }> = {
  hook_resid_pre: { shape: (s) => ['B', 'T', s.dModel] },
  hook_resid_mid: { shape: (s) => ['B', 'T', s.dModel], when: (s) => !s.parallelResidual },
  hook_resid_post: { shape: (s) => ['B', 'T', s.dModel] },
  'ln1.hook_scale': { shape: () => ['B', 'T', 1] },
  'ln1.hook_normalized': { shape: (s) => ['B', 'T', s.dModel] },
  'ln2.hook_scale': { shape: () => ['B', 'T', 1] },
  'ln2.hook_normalized': { shape: (s) => ['B', 'T', s.dModel] },
  'attn.hook_q': { shape: (s) => ['B', 'T', s.nHeads, s.dHead] },
  'attn.hook_k': { shape: (s) => ['B', 'T', s.nKvHeads, s.dHead] },
  'attn.hook_v': { shape: (s) => ['B', 'T', s.nKvHeads, s.dHead] },
  'attn.hook_rot_q': { shape: (s) => ['B', 'T', s.nHeads, s.dHead], when: (s) => s.position.kind === 'rope' },
  'attn.hook_rot_k': { shape: (s) => ['B', 'T', s.nKvHeads, s.dHead], when: (s) => s.position.kind === 'rope' },
  'attn.hook_attn_scores': { shape: (s) => ['B', s.nHeads, 'T', 'S'] },
  'attn.hook_pattern': { shape: (s) => ['B', s.nHeads, 'T', 'S'] },
  'attn.hook_z': { shape: (s) => ['B', 'T', s.nHeads, s.dHead] },
  hook_attn_out: { shape: (s) => ['B', 'T', s.dModel] },
  hook_mlp_out: { shape: (s) => ['B', 'T', s.dModel] },
  'mlp.hook_post': { shape: (s) => ['B', 'T', s.dMlp] },
};

const FINAL_HOOKS: Record<string, (s: ModelSpec) => (number | 'B' | 'T' | 'S')[]> = {
  'ln_final.hook_scale': () => ['B', 'T', 1],
  'ln_final.hook_normalized': (s) => ['B', 'T', s.dModel],
  'ln_final.hook_out': (s) => ['B', 'T', s.dModel],
};

export interface HookPoint {
  name: string;
  /** Block number; −1 before the first block, nLayers after the last. */
  layer: number;
  /** Its name inside the block, such as `attn.hook_q`. */
  local: string;
  /** Sizes of its dimensions for batch B, T tokens attending to S. */
  shape(batch: number, tokens: number, attended: number): number[];
}

/** Every hook point of a model, in the order in which they are computed. */
export function hookPoints(spec: ModelSpec): HookPoint[] {
  const points: HookPoint[] = [];
  const add = (name: string, layer: number, local: string, dims: (number | 'B' | 'T' | 'S')[]) =>
    points.push({ name, layer, local, shape: (B, T, S) => dims.map((d) => (d === 'B' ? B : d === 'T' ? T : d === 'S' ? S : d)) });
  add('hook_embed', -1, 'hook_embed', ['B', 'T', spec.dModel]);
  if (spec.position.kind === 'learned') add('hook_pos_embed', -1, 'hook_pos_embed', ['B', 'T', spec.dModel]);
  for (let layer = 0; layer < spec.nLayers; layer++)
    for (const [local, hook] of Object.entries(BLOCK_HOOKS))
      if (hook.when?.(spec) ?? true) add(`blocks.${layer}.${local}`, layer, local, hook.shape(spec));
  for (const [local, shape] of Object.entries(FINAL_HOOKS)) add(local, spec.nLayers, local, shape(spec));
  return points;
}

/** Names of the block's hook points that its graph computes (all but its input, resid_pre). */
export function blockTaps(spec: ModelSpec): string[] {
  return Object.entries(BLOCK_HOOKS)
    .filter(([local, hook]) => local !== 'hook_resid_pre' && (hook.when?.(spec) ?? true))
    .map(([local]) => local);
}

/**
 * The hook points that names and globs select; `*` stands for any text within one segment between dots. Throws InputError for
 * one that selects nothing.
 */
export function selectHooks(spec: ModelSpec, asked: readonly string[] | 'all'): HookPoint[] {
  const points = hookPoints(spec);
  if (asked === 'all') return points;
  const byName = new Map(points.map((p) => [p.name, p]));
  const chosen = new Set<HookPoint>();
  for (const pattern of asked) {
    const exact = byName.get(pattern);
    const found = exact ? [exact] : pattern.includes('*') ? points.filter((p) => matcher(pattern).test(p.name)) : [];
    if (found.length === 0) {
      const example = spec.nLayers > 0 ? 'blocks.0.attn.hook_pattern, blocks.*.hook_resid_pre' : 'hook_embed';
      throw new InputError(`The model has no hook point ${JSON.stringify(pattern)}: use names such as ${example}, or 'all'.`, {
        field: 'hooks',
      });
    }
    found.forEach((p) => chosen.add(p));
  }
  return points.filter((p) => chosen.has(p));
}

function matcher(glob: string): RegExp {
  const escaped = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '[^.]*');
  return new RegExp(`^${escaped}$`);
}
