import type { AttributionGraph, GraphNode } from '../../src/residue/types-graph.js';
import { round } from './residue-parts.js';

/** A small attribution graph of a generated run: one token read by a head, an MLP above it, and the margin. */
export function generateGraph(next: () => number, position: number, layers: number): AttributionGraph {
  const node = (id: string, kind: GraphNode['kind'], layer: number | null, head: number | null, pos: number): GraphNode => ({
    id,
    kind,
    layer,
    head,
    pos,
    effect: round(2 * next() - 1),
    influence: round(next()),
    rest: kind === 'embed' ? null : round(0.1 * next()),
  });
  const top = layers - 1;
  const edge = (source: string, target: string, tested: boolean) => ({
    source,
    target,
    weight: round(2 * next() - 1),
    score: round(next()),
    tested: tested ? round(2 * next() - 1) : null,
  });
  return {
    rival: { text: ' blue', id: 3 },
    total: round(next()),
    thresholds: { node: 0.8, edge: 0.98, maxNodes: 80, maxEdges: 240 },
    nodeShare: round(0.8 + 0.1 * next()),
    edgeShare: round(0.98),
    unexplained: round(0.1 * next()),
    nodes: [
      { ...node('margin', 'margin', null, null, position), influence: 1 },
      node('embed@0', 'embed', null, null, 0),
      node(`0.1@${position}`, 'head', 0, 1, position),
      node(`mlp${top}@${position}`, 'mlp', top, null, position),
    ],
    edges: [
      edge('embed@0', `0.1@${position}`, true),
      edge(`0.1@${position}`, `mlp${top}@${position}`, true),
      edge(`mlp${top}@${position}`, 'margin', true),
      edge(`0.1@${position}`, 'margin', false),
    ],
    agreement: { tested: 3, sameSign: 2, correlation: round(next()) },
  };
}
