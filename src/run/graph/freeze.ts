import type { Model, RunResult } from '../../engine/api.js';
import { InputError } from '../../errors.js';
import { numbersOf, type FrozenRun } from '../../methods/graph/expand.js';
import type { FrozenLayer, FrozenNorm } from '../../methods/graph/frozen.js';
import { headSlot, mlpSlot, slotsOf, type Grid } from '../../methods/graph/nodes.js';
import { directionOf } from '../attribute.js';
import type { PreparedPrompt, TracedRun } from '../types.js';
import { breathe, MethodWeights } from '../weights.js';
import { readMatrix, readValueWeights, readVector } from './matrices.js';

/** Bytes that the writes of all nodes may take. */
const WRITES_BYTES = 1.5 * 2 ** 30;

export const gridOf = ({ spec }: Model, tokens: number): Grid => ({ tokens, layers: spec.nLayers, heads: spec.nHeads });

/** Throws InputError, before anything is allocated, where a prompt's graph would not fit into memory. */
export function checkGraphSize(model: Model, tokens: number): void {
  const bytes = 4 * numbersOf(gridOf(model, tokens), model.spec.dModel);
  if (bytes <= WRITES_BYTES) return;
  const most = Math.max(1, Math.floor((tokens * WRITES_BYTES) / bytes));
  const mb = (n: number): string => `${Math.ceil(n / 2 ** 20)} MiB`;
  throw new InputError(
    `The attribution graph of ${tokens} tokens on this model takes ${mb(bytes)} (allowed: ${mb(WRITES_BYTES)}): shorten the prompt to ${most} tokens or fewer.`,
    { field: 'graph' },
  );
}

/** Hooks that a graph reads. */
export function graphHooks({ spec }: Model): string[] {
  return [
    'hook_embed',
    ...(spec.position.kind === 'learned' ? ['hook_pos_embed'] : []),
    'blocks.*.hook_resid_pre',
    ...(spec.parallelResidual ? [] : ['blocks.*.hook_resid_mid']),
    'blocks.*.ln1.hook_scale',
    'blocks.*.ln2.hook_scale',
    'blocks.*.attn.hook_pattern',
    'blocks.*.attn.hook_z',
    'blocks.*.hook_mlp_out',
    `blocks.${spec.nLayers - 1}.hook_resid_post`,
    'ln_final.hook_scale',
  ];
}

/** A prompt's run with its graph's parts. */
export interface Frozen {
  run: FrozenRun;
  result: RunResult;
  /** logit(answer) − logit(rival), or logit(answer) without one, of the unchanged run. */
  total: number;
}

/** Runs a prompt and freezes what is not linear in it. Everything is taken against one rival, the strongest at the output. */
export async function freeze(
  model: Model,
  prompt: PreparedPrompt,
  contest: { answer: number; rival: number | null },
  signal?: AbortSignal,
): Promise<Frozen> {
  const { ids } = prompt;
  checkGraphSize(model, ids.length);
  const result = await model.run(ids, { hooks: graphHooks(model), keepCache: true, signal });
  const position = ids.length - 1;
  const traced = { prompt, result, position, lens: { data: new Float32Array(0), shape: [0, 0] } } satisfies TracedRun;
  const direction = directionOf(model, traced, contest.answer, contest.rival);
  const logits = result.logits!.data;
  const total = logits[contest.answer]! - (contest.rival === null ? 0 : logits[contest.rival]!);
  const { spec } = model;
  const grid = gridOf(model, ids.length);
  const run: FrozenRun = {
    grid,
    dModel: spec.dModel,
    dHead: spec.dHead,
    group: spec.nHeads / spec.nKvHeads,
    parallel: spec.parallelResidual,
    writes: await writes(model, result, grid, signal),
    position,
    direction: direction.vector,
    // What the constants give (the final norm's bias, the unembedding's) is part of the margin's rest.
    total,
    layer: async (index) => {
      await breathe(signal);
      return frozenLayer(model, result, index);
    },
  };
  return { run, result, total };
}

/** What every node writes, [pos, slot, d_model]. */
async function writes(model: Model, result: RunResult, grid: Grid, signal?: AbortSignal): Promise<Float32Array> {
  const { dModel, dHead, nHeads, position } = model.spec;
  const slots = slotsOf(grid);
  const out = new Float32Array(numbersOf(grid, dModel));
  const embed = result.get('hook_embed').data;
  const placed = position.kind === 'learned' ? result.get('hook_pos_embed').data : null;
  const at = (pos: number, slot: number): Float32Array => out.subarray((pos * slots + slot) * dModel, (pos * slots + slot + 1) * dModel);
  for (let pos = 0; pos < grid.tokens; pos++) {
    const to = at(pos, 0);
    for (let i = 0; i < dModel; i++) to[i] = embed[pos * dModel + i]! + (placed ? placed[pos * dModel + i]! : 0);
  }
  const weights = MethodWeights.of(model);
  for (let l = 0; l < grid.layers; l++) {
    await breathe(signal);
    const { wO } = weights.layer(l);
    const z = result.get(`blocks.${l}.attn.hook_z`).data;
    const mlp = result.get(`blocks.${l}.hook_mlp_out`).data;
    for (let pos = 0; pos < grid.tokens; pos++) {
      for (let h = 0; h < nHeads; h++) {
        const to = at(pos, headSlot(grid, l, h));
        for (let i = 0; i < dHead; i++) {
          const by = z[(pos * nHeads + h) * dHead + i]!;
          const from = (h * dHead + i) * dModel;
          for (let j = 0; j < dModel; j++) to[j]! += by * wO[from + j]!;
        }
      }
      at(pos, mlpSlot(grid, l)).set(mlp.subarray(pos * dModel, (pos + 1) * dModel));
    }
  }
  return out;
}

function frozenLayer(model: Model, result: RunResult, l: number): FrozenLayer {
  const { weights, spec } = model;
  const at = `blocks.${l}`;
  const norm = (name: string): FrozenNorm => ({
    kind: spec.norm.kind,
    w: readVector(weights, `${at}.${name}.w`),
    b: readVector(weights, `${at}.${name}.b`),
    scale: result.get(`${at}.${name}.hook_scale`).data,
  });
  return {
    ln1: norm('ln1'),
    ln2: norm('ln2'),
    pattern: result.get(`${at}.attn.hook_pattern`).data,
    ...readValueWeights(model, l),
    wO: MethodWeights.of(model).layer(l).wO,
    mlp: {
      activation: spec.mlp.activation,
      wIn: readMatrix(weights, `${at}.mlp.W_in`, 'out_in'),
      bIn: readVector(weights, `${at}.mlp.b_in`),
      gate: spec.mlp.gated ? { w: readMatrix(weights, `${at}.mlp.W_gate`, 'out_in'), b: readVector(weights, `${at}.mlp.b_gate`) } : null,
      wOut: readMatrix(weights, `${at}.mlp.W_out`, 'in_out'),
      reads: result.get(`${at}.${spec.parallelResidual ? 'hook_resid_pre' : 'hook_resid_mid'}`).data,
    },
  };
}
