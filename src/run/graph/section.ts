import type { Model } from '../../engine/api.js';
import { expand } from '../../methods/graph/expand.js';
import { writerAt, type Grid, type Writer } from '../../methods/graph/nodes.js';
import { prune, type PrunedEdge } from '../../methods/graph/prune.js';
import { correlation } from '../../methods/graph/agreement.js';
import type { AttributionGraph, GraphAgreement, GraphEdge, GraphNode } from '../../residue/types-graph.js';
import type { Scores } from '../../residue/types.js';
import { contestOf } from '../observe.js';
import type { PreparedPrompt } from '../types.js';
import { breathe } from '../weights.js';
import { freeze } from './freeze.js';
import { recheckEdges } from './recheck.js';

/** What a graph keeps. Thresholds as in circuit-tracer; the two caps keep it readable, and the residue says what they cost. */
export interface GraphSettings {
  node: number;
  edge: number;
  maxNodes: number;
  maxEdges: number;
}

export const GRAPH_DEFAULTS: GraphSettings = { node: 0.8, edge: 0.98, maxNodes: 80, maxEdges: 240 };

/** Nodes with less of the influence are not followed further, and so many are followed at most. */
const FLOOR = 5e-4;
const MAX_TARGETS = 3000;

/** The attribution graph of a scored prompt, every edge of it tested by intervention. */
export async function attributionGraph(
  model: Model,
  prompt: PreparedPrompt,
  scores: Scores,
  settings: GraphSettings,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<AttributionGraph> {
  const { answer, rivals } = contestOf(scores);
  const rival = scores.strongest === null ? null : rivals[scores.strongest]!;
  const layers = model.spec.nLayers;
  // Half of the progress for the layers, half for the edges.
  const frozen = await freeze(model, prompt, { answer, rival }, options.signal);
  const { grid } = frozen.run;
  const whole = await expand(frozen.run, {
    floor: FLOOR,
    maxTargets: MAX_TARGETS,
    onLayer: async (layer) => {
      await breathe(options.signal);
      options.onProgress?.(layers - layer, 2 * layers);
    },
  });
  const pruned = prune(whole, {
    nodeThreshold: settings.node,
    edgeThreshold: settings.edge,
    maxNodes: settings.maxNodes,
    maxEdges: settings.maxEdges,
    isLeaf: (node) => writerAt(grid, node).kind === 'embed',
  });
  const tested = await recheckEdges(
    model,
    prompt.ids,
    frozen,
    pruned.edges,
    { answer, rival },
    {
      signal: options.signal,
      onProgress: (done, total) => options.onProgress?.(layers + Math.floor((layers * done) / total), 2 * layers),
    },
  );
  frozen.result.release();
  frozen.result.cache!.release();
  const rest = new Map(whole.incoming.map((one) => [one.target, one.rest]));
  const node = (n: number): GraphNode => {
    const writer = writerAt(grid, n);
    return {
      id: idOf(writer),
      kind: writer.kind,
      layer: writer.kind === 'embed' ? null : writer.layer,
      head: writer.kind === 'head' ? writer.head : null,
      pos: writer.pos,
      effect: whole.effect[n]!,
      influence: whole.influence[n]!,
      rest: rest.get(n) ?? null,
    };
  };
  const margin: GraphNode = {
    id: 'margin',
    kind: 'margin',
    layer: null,
    head: null,
    pos: frozen.run.position,
    effect: frozen.total,
    influence: 1,
    rest: rest.get(-1) ?? null,
  };
  const edges = pruned.edges.map((edge, i) => edgeOf(grid, edge, tested[i]!));
  return {
    rival: rival === null ? null : { text: model.tokenizer.token(rival), id: rival },
    total: frozen.total,
    thresholds: { ...settings },
    nodeShare: pruned.nodeShare,
    edgeShare: pruned.edgeShare,
    unexplained: whole.unexplained,
    nodes: [margin, ...pruned.nodes.map(node)],
    edges,
    agreement: agreementOf(edges),
  };
}

/** `embed@3`, `2.1@5`, `mlp2@5`. */
export function idOf(writer: Writer): string {
  if (writer.kind === 'embed') return `embed@${writer.pos}`;
  return writer.kind === 'mlp' ? `mlp${writer.layer}@${writer.pos}` : `${writer.layer}.${writer.head}@${writer.pos}`;
}

function edgeOf(grid: Grid, { source, target, weight, score }: PrunedEdge, tested: number): GraphEdge {
  const name = (n: number): string => (n === -1 ? 'margin' : idOf(writerAt(grid, n)));
  return { source: name(source), target: name(target), weight, score, tested };
}

function agreementOf(edges: readonly GraphEdge[]): GraphAgreement | null {
  const tested = edges.filter((edge) => edge.tested !== null);
  if (tested.length === 0) return null;
  return {
    tested: tested.length,
    sameSign: tested.filter(({ weight, tested: effect }) => Math.sign(weight) === Math.sign(effect!)).length,
    correlation: correlation(
      tested.map(({ weight }) => weight),
      tested.map(({ tested: effect }) => effect!),
    ),
  };
}

/** Multiply-adds, roughly: every followed node's projections and twice a pass per edge. An upper bound that no machine changes. */
export function graphCost(model: Model, tokens: number, settings: GraphSettings, forward: number): number {
  const { nLayers, nHeads, dModel } = model.spec;
  const nodes = tokens * (1 + nLayers * (nHeads + 1));
  return Math.min(MAX_TARGETS, nodes) * Math.min(nodes, 4000) * dModel + settings.maxEdges * forward;
}
