import type { Edit, Model } from '../../engine/api.js';
import { throwIfAborted } from '../../errors.js';
import { writerAt, type Writer } from '../../methods/graph/nodes.js';
import type { PrunedEdge } from '../../methods/graph/prune.js';
import { rowsPerBatch } from '../edited.js';
import { breathe } from '../weights.js';
import { rowAt } from '../trace.js';
import type { Frozen } from './freeze.js';

/** What an edge's intervention needs to know of the contest. */
export interface Contest {
  answer: number;
  rival: number | null;
}

/**
 * Tests edges by intervention (path patching: Wang et al. 2022; Goldowsky-Dill et al. 2023). For an edge s → m the source's write is
 * taken out of what m alone reads (a head: of the residual stream at the source's token, so keys and values there, and the query where
 * it is the head's own token; an MLP: of its input); m's output is computed again with norm, pattern and activation as they then fall;
 * the model is run once more with that output in place of m's. For an edge into the margin the source's write is taken out of the
 * final residual stream at p, before the final norm.
 * @returns For each edge the margin lost, nats: what the edge's weight predicts.
 */
export async function recheckEdges(
  model: Model,
  ids: readonly number[],
  { run, result, total }: Frozen,
  edges: readonly Pick<PrunedEdge, 'source' | 'target'>[],
  contest: Contest,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<number[]> {
  const observed = new Array<number>(edges.length).fill(NaN);
  const { grid, dModel } = run;
  const write = (node: number): Float32Array => run.writes.subarray(node * dModel, (node + 1) * dModel);
  let done = 0;
  const progress = (count: number): void => options.onProgress?.((done += count), edges.length);
  const tokens = contest.rival === null ? [contest.answer] : [contest.answer, contest.rival];

  const final = edges.map((_, i) => i).filter((i) => edges[i]!.target === -1);
  if (final.length > 0) {
    const readOut = finalReader(model, contest);
    const last = rowAt(result.get(`blocks.${grid.layers - 1}.hook_resid_post`), run.position);
    for (const i of final) {
      const s = write(edges[i]!.source);
      observed[i] = total - readOut(last.map((x, j) => x - s[j]!));
    }
    await breathe(options.signal);
    progress(final.length);
  }

  const byLayer = new Map<number, number[]>();
  edges.forEach(({ target }, i) => {
    if (target === -1) return;
    const writer = writerAt(grid, target) as Exclude<Writer, { kind: 'embed' }>;
    byLayer.set(writer.layer, [...(byLayer.get(writer.layer) ?? []), i]);
  });
  const size = rowsPerBatch(model, ids.length);
  for (const [layer, members] of byLayer) {
    const residual = result.get(`blocks.${layer}.hook_resid_pre`).data;
    const from = { layer, residual };
    for (let start = 0; start < members.length; start += size) {
      throwIfAborted(options.signal);
      const some = members.slice(start, start + size);
      const rows = some.map(() => ids);
      const without = some.map((i, row) => removal(model, writerAt(grid, edges[i]!.target), edges[i]!.source, run, row));
      const read = await model.run(rows, {
        from,
        edits: without,
        hooks: [`blocks.${layer}.attn.hook_z`, `blocks.${layer}.hook_mlp_out`],
        logits: 'none',
        signal: options.signal,
      });
      const z = read.get(`blocks.${layer}.attn.hook_z`).data;
      const mlp = read.get(`blocks.${layer}.hook_mlp_out`).data;
      const replaced = some.map((i, row): Edit[] => {
        const target = writerAt(grid, edges[i]!.target) as Exclude<Writer, { kind: 'embed' }>;
        const token = row * grid.tokens + target.pos;
        if (target.kind === 'mlp') {
          const value = mlp.slice(token * dModel, (token + 1) * dModel);
          return [{ kind: 'replace', at: 'mlp_out', layer, positions: [target.pos], value }];
        }
        const { nHeads, dHead } = model.spec;
        const value = z.slice((token * nHeads + target.head) * dHead, (token * nHeads + target.head + 1) * dHead);
        return [{ kind: 'replace', at: 'z', layer, head: target.head, positions: [target.pos], value }];
      });
      read.release();
      const logits = await model.variants(result, replaced, { tokens, signal: options.signal });
      some.forEach((i, row) => {
        const [answer, rival = 0] = logits.data.subarray(row * tokens.length, (row + 1) * tokens.length);
        observed[i] = total - (answer! - rival);
      });
      progress(some.length);
    }
  }
  return observed;
}

/** The edit that takes a source's write out of what a target reads. */
function removal(model: Model, target: Writer, source: number, run: Frozen['run'], row: number): Edit {
  if (target.kind === 'embed') throw new Error('An embedding reads nothing.');
  const { grid, dModel } = run;
  const value = run.writes.slice(source * dModel, (source + 1) * dModel).map((x) => -x);
  const at = target.kind === 'mlp' && !model.spec.parallelResidual ? 'attn_out' : 'resid_pre';
  const { pos } = writerAt(grid, source);
  return { kind: 'add', at, layer: target.layer, positions: [pos], value, row };
}

/** logit(answer) − logit(rival) of a final residual vector [d_model]; constants that both share included. */
function finalReader(model: Model, { answer, rival }: Contest): (vector: Float32Array) => number {
  const { spec, weights } = model;
  const { w, b } = weights.readLnFinal();
  const unembed = weights.readUnembed(rival === null ? [answer] : [answer, rival]);
  const n = spec.dModel;
  return (vector) => {
    const mean = spec.norm.kind === 'layer' ? vector.reduce((sum, x) => sum + x, 0) / n : 0;
    const scale = Math.sqrt(vector.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n + spec.norm.eps);
    let value = (unembed.b?.[0] ?? 0) - (unembed.b?.[1] ?? 0);
    for (let i = 0; i < n; i++) {
      const u = unembed.w[i]! - (rival === null ? 0 : unembed.w[n + i]!);
      value += (((vector[i]! - mean) / scale) * (w ? w[i]! : 1) + (b ? b[i]! : 0)) * u;
    }
    return value;
  };
}
