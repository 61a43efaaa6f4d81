import type { GraphNode } from '../types-graph.js';
import type { RunTrace } from '../types.js';
import { nats, printable, table, wrap, type Column, type Look, type Paint } from './text.js';

/** Edges listed; the rest is in the JSON and the panel. */
const LISTED = 12;

/** How the margin was put together: the strongest nodes' edges, predicted and observed, in nats. */
export function graphLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const { graph } = run;
  if (!graph) return [];
  const names = new Map(graph.nodes.map((node) => [node.id, nameOf(node, run)]));
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const summary =
    `${graph.nodes.length} nodes with ${percent(graph.nodeShare)} of the influence, ${graph.edges.length} edges with ${percent(graph.edgeShare)} of the scores.` +
    (graph.unexplained > 0.005 ? ` ${percent(graph.unexplained)} of the influence ended at components too weak to follow.` : '');
  const agreement = graph.agreement;
  const held = agreement
    ? `Tested by intervention: ${agreement.sameSign} of ${agreement.tested} edges work in the predicted direction${agreement.correlation === null ? '' : ` (correlation ${agreement.correlation.toFixed(2)})`}.`
    : 'No edge was tested.';
  const rows = graph.edges
    .slice(0, LISTED)
    .map((edge) => [
      `${names.get(edge.source)} → ${names.get(edge.target)}`,
      nats(edge.weight),
      edge.tested === null ? '—' : nats(edge.tested),
    ]);
  const columns: Column[] = [{ label: 'edge' }, { label: 'predicted', align: 'right' }, { label: 'observed', align: 'right' }];
  return [
    ...wrap(summary, look.width - 2).map((text) => `  ${text}`),
    ...wrap(held, look.width - 2).map((text) => `  ${text}`),
    '',
    ...table(columns, rows, look),
    ...(graph.edges.length > LISTED ? [paint.faint(`  … ${graph.edges.length - LISTED} more edges`)] : []),
  ];
}

/** `head 2.1 at " ball" (5)`, in words. */
function nameOf(node: GraphNode, run: RunTrace): string {
  if (node.kind === 'margin') return 'margin';
  const token = `${printable(JSON.stringify(run.tokens[node.pos]?.text ?? ''))} (${node.pos})`;
  if (node.kind === 'embed') return `token ${token}`;
  return node.kind === 'mlp' ? `MLP ${node.layer} at ${token}` : `head ${node.layer}.${node.head} at ${token}`;
}
