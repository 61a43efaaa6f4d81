import type { AttributionGraph, GraphEdge, GraphNode } from '../../src/residue/types-graph.js';
import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, number, probability, visible } from './format.js';
import type { Mark } from './view.js';

/** How much of the graph is drawn: shares of the nodes' influence and of the edges' scores. */
export interface Shown {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface GraphModel {
  graph: AttributionGraph;
  byId: Map<string, GraphNode>;
  /** One line of what it holds, and one of how its predictions did. */
  summary: string[];
  aria: string;
  table: Table;
}

/** The attribution graph of a run; null when it has none. */
export function graphModel(run: RunTrace): GraphModel | null {
  const { graph } = run;
  if (!graph || graph.nodes.length === 0) return null;
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const { agreement } = graph;
  const held = agreement
    ? `${agreement.sameSign} of ${agreement.tested} edges work in the predicted direction when tested${agreement.correlation === null ? '' : `, correlation ${number(agreement.correlation, 2)}`}`
    : 'no edge was tested';
  const size = `${graph.nodes.length} nodes with ${probability(graph.nodeShare)} of the influence, ${graph.edges.length} edges with ${probability(graph.edgeShare)} of the scores`;
  const name = (id: string): string => nameOf(byId.get(id), run);
  return {
    graph,
    byId,
    summary: [
      `${nats(graph.total)} at the answer position. ${size}.`,
      `${held.charAt(0).toUpperCase()}${held.slice(1)}.${graph.unexplained > 0.005 ? ` ${probability(graph.unexplained)} of the influence ended at components too weak to follow.` : ''}`,
    ],
    aria: `Attribution graph of the margin: ${size}; ${held}. Weights are read off, effects tested by intervention.`,
    table: {
      columns: ['source', 'target', 'predicted (nats)', 'observed (nats)', 'share of influence', 'as predicted'],
      rows: graph.edges.map((e) => [
        name(e.source),
        name(e.target),
        e.weight,
        e.tested,
        e.score,
        e.tested === null ? null : !contradicted(e),
      ]),
    },
  };
}

/** Whether the intervention on an edge went against its prediction. */
export const contradicted = ({ weight, tested }: GraphEdge): boolean => tested !== null && Math.sign(weight) !== Math.sign(tested);

/** `head 2.1 at “·ball” (5)`. */
export function nameOf(node: GraphNode | undefined, run: RunTrace): string {
  if (!node) return '?';
  if (node.kind === 'margin') return 'margin';
  const token = `“${visible(run.tokens[node.pos]?.text ?? '', 24)}” (${node.pos})`;
  if (node.kind === 'embed') return `token ${token}`;
  return node.kind === 'mlp' ? `MLP ${node.layer} at ${token}` : `head ${node.layer}.${node.head} at ${token}`;
}

/**
 * What two thresholds leave: the most influential nodes up to a share of all shown influence, of the edges among them the strongest up to
 * a share of all scores, and of the nodes those that an edge touches. A larger share never takes anything away.
 */
export function shownOf({ nodes, edges }: AttributionGraph, nodeShare: number, edgeShare: number): Shown {
  const inner = nodes.filter(({ kind }) => kind !== 'margin');
  const kept = new Set(['margin', ...upTo(inner, ({ influence }) => influence, nodeShare).map(({ id }) => id)]);
  const shown = upTo(edges, ({ score }) => score, edgeShare).filter(({ source, target }) => kept.has(source) && kept.has(target));
  const touched = new Set(['margin', ...shown.flatMap(({ source, target }) => [source, target])]);
  return { nodes: nodes.filter(({ id }) => touched.has(id)), edges: shown };
}

/** The largest items, until they hold a share of the whole. */
function upTo<T>(items: readonly T[], size: (item: T) => number, share: number): T[] {
  const sorted = [...items].sort((a, b) => size(b) - size(a));
  if (share >= 1) return sorted;
  const wanted = share * sorted.reduce((sum, item) => sum + size(item), 0);
  let sum = 0;
  return sorted.filter((item) => {
    const before = sum;
    sum += size(item);
    return before < wanted;
  });
}

/** The share of the scores that shows no more than `most` edges, in steps of 5 %: where the slider stands at first. */
export function readableShare(graph: AttributionGraph, nodeShare: number, most: number): number {
  for (let percent = 100; percent > 5; percent -= 5)
    if (shownOf(graph, nodeShare, percent / 100).edges.length <= most) return percent / 100;
  return 0.05;
}

/** What hovering or pinning a node marks everywhere. */
export function markOf({ kind, layer, head, pos }: GraphNode): Partial<Mark> {
  return { token: pos, ...(layer === null ? {} : { row: layer + 1 }), ...(kind === 'head' ? { head: [layer!, head!] } : {}) };
}

/** Whether a mark made elsewhere points to a node: its head before its layer, and both within its token where one is marked. */
export function isMarked(node: GraphNode, mark: Mark): boolean {
  const { row, head, token } = mark;
  if (row === null && head === null && token === null) return false;
  if (head) return node.kind === 'head' && node.layer === head[0] && node.head === head[1] && (token === null || token === node.pos);
  return (row === null || (row === 0 ? node.kind === 'embed' : node.layer === row - 1)) && (token === null || token === node.pos);
}

/** Tooltip of a node. */
export function nodeTip(node: GraphNode, run: RunTrace): string[] {
  const { rival } = run.graph!;
  return [
    node.kind === 'margin'
      ? `margin: “${visible(run.scores?.answer.text ?? '')}”${rival ? ` over “${visible(rival.text)}”` : ''}`
      : nameOf(node, run),
    node.kind === 'margin' ? `${nats(node.effect)} in all` : `whole effect on the margin: ${nats(node.effect)}`,
    ...(node.kind === 'margin' ? [] : [`${probability(node.influence)} of the margin’s influence passes through it`]),
    ...(node.rest === null ? [] : [`biases that enter it: ${nats(node.rest)}`]),
    'Read off: norms, attention and activations frozen.',
  ];
}

/** Tooltip of an edge. */
export function edgeTip(edge: GraphEdge, { byId }: GraphModel, run: RunTrace): string[] {
  return [
    `${nameOf(byId.get(edge.source), run)} → ${nameOf(byId.get(edge.target), run)}`,
    `predicted: ${nats(edge.weight)} of the margin (read off), ${probability(edge.score)} of the influence`,
    edge.tested === null
      ? 'observed: not tested'
      : `observed: ${nats(edge.tested)} lost when the source is taken out of what the target reads${contradicted(edge) ? '; against the prediction' : ''}. Tested by intervention.`,
  ];
}

/** Edges at a node, or all of them: the strongest first. */
export function edgesAt(edges: readonly GraphEdge[], id: string | null): GraphEdge[] {
  return edges.filter((e) => id === null || e.source === id || e.target === id).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}
