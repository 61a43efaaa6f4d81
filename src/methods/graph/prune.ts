import type { Expansion } from './expand.js';

/** Edge of a pruned graph; `score` is its share of the margin's influence. */
export interface PrunedEdge {
  source: number;
  /** −1: the margin. */
  target: number;
  weight: number;
  score: number;
}

export interface Pruned {
  /** Nodes kept, most influential first. */
  nodes: number[];
  edges: PrunedEdge[];
  /** Share of all nodes' influence that the kept nodes have, before those without edges fell away. */
  nodeShare: number;
  /** Share of the scores of all edges between kept nodes that the kept edges have. */
  edgeShare: number;
}

export interface PruneOptions {
  /** Share of the nodes' influence to keep; circuit-tracer's default is 0.8. */
  nodeThreshold: number;
  /** Share of the edges' scores to keep; circuit-tracer's default is 0.98. */
  edgeThreshold: number;
  /** Fewer nodes or edges than the thresholds would keep, for drawing: the strongest. */
  maxNodes?: number;
  maxEdges?: number;
  /** Nodes that cannot be written to and so need no edge into them: the embeddings. */
  isLeaf: (node: number) => boolean;
}

/** Indexes of the largest scores that together reach `threshold` of their sum, largest first. At least one, where there is any. */
export function reaching(scores: readonly number[], threshold: number): number[] {
  const order = scores.map((_, i) => i).filter((i) => scores[i]! > 0);
  order.sort((a, b) => scores[b]! - scores[a]! || a - b);
  const total = order.reduce((sum, i) => sum + scores[i]!, 0);
  let sum = 0;
  let count = 0;
  // A threshold of 1 keeps all, whatever rounding makes of the sum.
  while (count < order.length && (threshold >= 1 || sum < threshold * total || count === 0)) sum += scores[order[count++]!]!;
  return order.slice(0, count);
}

/**
 * Pruning as circuit-tracer defines it (Ameisen et al. 2025): keep the most influential nodes that hold `nodeThreshold` of all
 * influence; renormalise the edges between them; score each edge by its share times its target's influence in the pruned graph (the
 * margin's is 1); keep the strongest edges that hold `edgeThreshold` of all scores; drop nodes that have lost every way out or in, again
 * until none is left. The rests of targets (biases) take part in normalising as nodes of their own and are not drawn.
 */
export function prune({ incoming, influence }: Expansion, options: PruneOptions): Pruned {
  const candidates = Array.from(influence.keys()).filter((n) => influence[n]! > 0);
  const all = candidates.reduce((sum, n) => sum + influence[n]!, 0);
  let chosen = reaching(
    candidates.map((n) => influence[n]!),
    options.nodeThreshold,
  ).map((i) => candidates[i]!);
  if (options.maxNodes !== undefined) chosen = chosen.slice(0, options.maxNodes);
  const nodes = new Set(chosen);
  const nodeShare = all > 0 ? chosen.reduce((sum, n) => sum + influence[n]!, 0) / all : 0;

  const scored = scoreEdges(incoming, nodes);
  let picked = reaching(
    scored.map(({ score }) => score),
    options.edgeThreshold,
  );
  if (options.maxEdges !== undefined) picked = picked.slice(0, options.maxEdges);
  const allScores = scored.reduce((sum, { score }) => sum + score, 0);
  const edgeShare = allScores > 0 ? picked.reduce((sum, i) => sum + scored[i]!.score, 0) / allScores : 0;
  let edges = picked.map((i) => scored[i]!);

  for (let before = -1; before !== nodes.size;) {
    before = nodes.size;
    const hasOut = new Set(edges.map(({ source }) => source));
    const hasIn = new Set(edges.map(({ target }) => target));
    for (const n of nodes) if (!hasOut.has(n) || !(hasIn.has(n) || options.isLeaf(n))) nodes.delete(n);
    edges = edges.filter(({ source, target }) => nodes.has(source) && (target === -1 || nodes.has(target)));
  }
  return { nodes: chosen.filter((n) => nodes.has(n)), edges, nodeShare, edgeShare };
}

/** Edges between kept nodes with their scores. `incoming` lists every target after all of its readers. */
function scoreEdges(incoming: Expansion['incoming'], nodes: ReadonlySet<number>): PrunedEdge[] {
  const influence = new Map<number, number>([[-1, 1]]);
  const edges: PrunedEdge[] = [];
  for (const { target, sources, weights, rest } of incoming) {
    const own = influence.get(target) ?? 0;
    if (own === 0 || (target !== -1 && !nodes.has(target))) continue;
    let absolute = Math.abs(rest);
    sources.forEach((source, i) => {
      if (nodes.has(source)) absolute += Math.abs(weights[i]!);
    });
    if (absolute === 0) continue;
    sources.forEach((source, i) => {
      if (!nodes.has(source)) return;
      const score = (own * Math.abs(weights[i]!)) / absolute;
      influence.set(source, (influence.get(source) ?? 0) + score);
      edges.push({ source, target, weight: weights[i]!, score });
    });
  }
  return edges;
}
