import { choice, count, list, nats, nullable, number, object, ref, share, string, type Schema } from './schema-words.js';

const strength: Schema = { type: 'number', minimum: 0 };

/** The section of types-graph.ts. */
export const graphSections: Record<string, Schema> = {
  AttributionGraph: object({
    rival: nullable(object({ text: string, id: count })),
    total: nats,
    thresholds: object({ node: share, edge: share, maxNodes: count, maxEdges: count }),
    nodeShare: share,
    edgeShare: share,
    unexplained: strength,
    nodes: list(ref('GraphNode')),
    edges: list(ref('GraphEdge')),
    agreement: nullable(ref('GraphAgreement')),
  }),
  GraphNode: object({
    id: string,
    kind: choice('margin', 'embed', 'head', 'mlp'),
    layer: nullable(count),
    head: nullable(count),
    pos: count,
    effect: nats,
    influence: strength,
    rest: nullable(nats),
  }),
  GraphEdge: object({ source: string, target: string, weight: nats, score: strength, tested: nullable(nats) }),
  GraphAgreement: object({ tested: count, sameSign: count, correlation: nullable(number) }),
};
