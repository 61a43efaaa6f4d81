/**
 * The attribution graph: how the margin at the answer position was put together, from the embeddings through heads and MLPs. Weights are
 * *observed* (frozen-linear); `tested` is *caused*, by path patching. Pure data.
 */
export interface AttributionGraph {
  /** The rival that the margin is taken against; null: the answer's logit alone. */
  rival: { text: string; id: number } | null;
  /** logit(answer) − logit(rival), nats. */
  total: number;
  thresholds: { node: number; edge: number; maxNodes: number; maxEdges: number };
  /** Share of the nodes' influence, and of the edges' scores, that is shown. */
  nodeShare: number;
  edgeShare: number;
  /** Influence that ended at components too weak to be followed further, as a share of the margin's. */
  unexplained: number;
  /** The margin node first, then by influence. */
  nodes: GraphNode[];
  edges: GraphEdge[];
  agreement: GraphAgreement | null;
}

export interface GraphNode {
  /** `margin`, `embed@3`, `2.1@5` (head 1 of layer 2 at token 5), `mlp2@5`. */
  id: string;
  kind: 'margin' | 'embed' | 'head' | 'mlp';
  /** Null for the margin and embeddings. */
  layer: number | null;
  head: number | null;
  pos: number;
  /** Whole effect on the margin through the graph, nats. */
  effect: number;
  /** Share of the margin's influence that passes through it. */
  influence: number;
  /** What biases add to what enters it, nats. */
  rest: number | null;
}

export interface GraphEdge {
  source: string;
  target: string;
  /** Predicted: nats of the margin that flow from source through target. */
  weight: number;
  /** Share of the margin's influence. */
  score: number;
  /** Observed: margin lost when the source is taken out of what the target alone reads; null when not tested. */
  tested: number | null;
}

/** How well predictions hold under intervention. */
export interface GraphAgreement {
  tested: number;
  /** Edges whose effect has the predicted sign. */
  sameSign: number;
  /** Pearson correlation of predicted and observed; null for fewer than three edges or no spread. */
  correlation: number | null;
}
