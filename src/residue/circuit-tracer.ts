import { InputError } from '../errors.js';
import type { GraphNode } from './types-graph.js';
import type { Residue, RunTrace } from './types.js';

/** The fields of circuit-tracer's `graph_models.py`, which its viewer opens. */
export interface CircuitTracerGraph {
  metadata: {
    slug: string;
    scan: string;
    transcoder_list: string[];
    prompt_tokens: string[];
    prompt: string;
    node_threshold: number;
  };
  qParams: { pinnedIds: string[]; supernodes: string[][]; linkType: string; clickedId: string; sg_pos: string };
  nodes: CircuitTracerNode[];
  links: { source: string; target: string; weight: number }[];
}

export interface CircuitTracerNode {
  node_id: string;
  feature: number;
  layer: string;
  ctx_idx: number;
  feature_type: 'embedding' | 'cross layer transcoder' | 'logit';
  token_prob: number;
  is_target_logit: boolean;
  run_idx: number;
  reverse_ctx_idx: number;
  jsNodeId: string;
  clerp: string;
  influence: number | null;
  activation: number | null;
}

/**
 * A run's attribution graph in circuit-tracer's JSON. Its viewer knows embeddings, features of a layer and logits: a head is shown as
 * feature `head` of its layer, an MLP as the feature after the last head, the margin as the answer's logit. `influence` is, as there,
 * the share of all influence that this node and all more influential ones hold. Throws InputError for a run without a graph.
 */
export function circuitTracerGraph(residue: Residue, run: RunTrace): CircuitTracerGraph {
  const { graph, scores } = run;
  if (!graph || !scores) {
    throw new InputError(
      `The run ${run.name} has no attribution graph: make one with \`residue graph\`, or with \`graph: true\` in the shell.`,
    );
  }
  const { heads, layers, id } = residue.provenance.model;
  const cumulative = new Map<string, number>();
  const inner = graph.nodes.filter(({ kind }) => kind !== 'margin').sort((a, b) => b.influence - a.influence);
  const all = inner.reduce((sum, { influence }) => sum + influence, 0) / (graph.nodeShare || 1);
  let sum = 0;
  for (const node of inner) cumulative.set(node.id, Math.min(1, (sum += node.influence) / (all || 1)));
  const nodeId = (node: GraphNode): string => {
    if (node.kind === 'margin') return `${layers + 1}_${scores.answer.ids[0]}_${node.pos}`;
    if (node.kind === 'embed') return `E_${run.tokens[node.pos]!.id}_${node.pos}`;
    return `${node.layer}_${node.head ?? heads}_${node.pos}`;
  };
  const ids = new Map(graph.nodes.map((node) => [node.id, nodeId(node)]));
  const text = (pos: number): string => visible(run.tokens[pos]!.text);
  const node = (of: GraphNode): CircuitTracerNode => {
    const own = ids.get(of.id)!;
    const base = {
      node_id: own,
      ctx_idx: of.pos,
      token_prob: 0,
      is_target_logit: false,
      run_idx: 0,
      reverse_ctx_idx: 0,
      influence: cumulative.get(of.id) ?? null,
      activation: of.effect,
    };
    if (of.kind === 'margin') {
      const prob = Math.exp(scores.answer.logprob);
      const against = graph.rival ? ` over "${visible(graph.rival.text)}"` : '';
      return {
        ...base,
        feature: scores.answer.ids[0]!,
        layer: String(layers + 1),
        feature_type: 'logit',
        token_prob: prob,
        is_target_logit: true,
        jsNodeId: `L_${scores.answer.ids[0]}-${of.pos}`,
        clerp: `Output "${visible(scores.answer.text)}"${against} (p=${prob.toFixed(3)})`,
        influence: null,
      };
    }
    if (of.kind === 'embed') {
      return {
        ...base,
        feature: of.pos,
        layer: 'E',
        feature_type: 'embedding',
        jsNodeId: `E_${run.tokens[of.pos]!.id}-${of.pos}`,
        clerp: `Emb: "${text(of.pos)}"`,
      };
    }
    const feature = of.head ?? heads;
    return {
      ...base,
      feature: feature + of.layer! * (heads + 1),
      layer: String(of.layer),
      feature_type: 'cross layer transcoder',
      jsNodeId: `${of.layer}_${feature}-0`,
      clerp: of.kind === 'mlp' ? `MLP ${of.layer}` : `head ${of.layer}.${of.head}`,
    };
  };
  const shown = graph.nodes.map(node);
  // Its viewer draws every token of the prompt as a column, with or without edges.
  const known = new Set(shown.map(({ node_id }) => node_id));
  const idle = run.tokens.map((_, pos) => pos).filter((pos) => !known.has(`E_${run.tokens[pos]!.id}_${pos}`));
  return {
    metadata: {
      slug: slug(`${residue.shell.id}-${run.name}`),
      scan: id,
      transcoder_list: [],
      prompt_tokens: run.tokens.map((_, pos) => text(pos)),
      prompt: run.tokens.map(({ text }) => text).join(''),
      node_threshold: graph.thresholds.node,
    },
    qParams: { pinnedIds: [], supernodes: [], linkType: 'both', clickedId: '', sg_pos: '' },
    nodes: [
      ...shown,
      ...idle.map((pos): CircuitTracerNode => ({
        node_id: `E_${run.tokens[pos]!.id}_${pos}`,
        feature: pos,
        layer: 'E',
        ctx_idx: pos,
        feature_type: 'embedding',
        token_prob: 0,
        is_target_logit: false,
        run_idx: 0,
        reverse_ctx_idx: 0,
        jsNodeId: `E_${run.tokens[pos]!.id}-${pos}`,
        clerp: `Emb: "${text(pos)}"`,
        influence: null,
        activation: null,
      })),
    ],
    links: graph.edges.map(({ source, target, weight }) => ({ source: ids.get(source)!, target: ids.get(target)!, weight })),
  };
}

const visible = (text: string): string => text.replaceAll('\n', '⏎').replaceAll('\t', '→').replaceAll('\r', '↵');
const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
