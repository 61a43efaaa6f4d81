import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circuitTracerGraph } from '../../src/residue/circuit-tracer.js';
import type { AttributionGraph, GraphEdge, GraphNode } from '../../src/residue/types-graph.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import {
  contradicted,
  edgesAt,
  edgeTip,
  graphModel,
  isMarked,
  markOf,
  nodeTip,
  readableShare,
  shownOf,
} from '../../webview/model/graph.js';
import { layoutGraph, NODE, stepFrom } from '../../webview/model/graph-layout.js';
import { generateResidue } from '../helpers/residue-generator.js';

const node = (
  id: string,
  kind: GraphNode['kind'],
  layer: number | null,
  head: number | null,
  pos: number,
  influence: number,
): GraphNode => ({
  id,
  kind,
  layer,
  head,
  pos,
  effect: influence,
  influence,
  rest: kind === 'embed' ? null : 0.02,
});
const edge = (source: string, target: string, weight: number, score: number, tested: number | null = weight): GraphEdge => ({
  source,
  target,
  weight,
  score,
  tested,
});

/** Two tokens read by two heads of one place, an MLP over them, and the margin. */
const nodes = [
  node('margin', 'margin', null, null, 9, 1),
  node('mlp1@9', 'mlp', 1, null, 9, 0.7),
  node('0.2@9', 'head', 0, 2, 9, 0.5),
  node('embed@4', 'embed', null, null, 4, 0.4),
  node('0.1@9', 'head', 0, 1, 9, 0.2),
  node('embed@5', 'embed', null, null, 5, 0.1),
];
const edges = [
  edge('mlp1@9', 'margin', 2, 0.5),
  edge('0.2@9', 'mlp1@9', 1.5, 0.3),
  edge('embed@4', '0.2@9', -1, 0.2, 0.4),
  edge('0.1@9', 'mlp1@9', -0.5, 0.1, null),
  edge('embed@5', '0.1@9', 0.25, 0.05),
];

function traced(): { residue: Residue; run: RunTrace; graph: AttributionGraph } {
  const residue = generateResidue({ layers: 2, heads: 4, length: 10 });
  const run = residue.runs[residue.primary]!;
  run.spans = { fact: [4, 6] };
  const graph: AttributionGraph = {
    ...run.graph!,
    nodes: structuredClone(nodes),
    edges: structuredClone(edges),
    agreement: { tested: 4, sameSign: 3, correlation: 0.9 },
  };
  run.graph = graph;
  return { residue, run, graph };
}

describe('what is shown of a graph', () => {
  it('is all of it at 100 %, and the strongest part below', () => {
    const { graph } = traced();
    expect(shownOf(graph, 1, 1).edges).toHaveLength(5);
    expect(shownOf(graph, 1, 1).nodes).toHaveLength(6);
    const half = shownOf(graph, 1, 0.6);
    expect(half.edges.map(({ source }) => source)).toEqual(['mlp1@9', '0.2@9']);
    expect(half.nodes.map(({ id }) => id)).toEqual(['margin', 'mlp1@9', '0.2@9']);
    // Without the node an edge has nowhere to go.
    expect(shownOf(graph, 0.3, 1).edges.map(({ source }) => source)).toEqual(['mlp1@9']);
    expect(readableShare(graph, 1, 2)).toBeLessThan(0.75);
    expect(readableShare(graph, 1, 99)).toBe(1);
  });

  it('never loses an edge or a node when a share grows', () => {
    const { graph } = traced();
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, share, share, (n1, n2, e1, e2) => {
        const less = shownOf(graph, Math.min(n1, n2), Math.min(e1, e2));
        const more = shownOf(graph, Math.max(n1, n2), Math.max(e1, e2));
        expect(more.edges).toEqual(expect.arrayContaining(less.edges));
        expect(more.nodes).toEqual(expect.arrayContaining(less.nodes));
        const known = new Set(more.nodes.map(({ id }) => id));
        for (const { source, target } of more.edges) expect(known.has(source) && known.has(target)).toBe(true);
      }),
    );
  });

  it('tells edges whose intervention went against the prediction from those that held and those not tested', () => {
    expect(edges.map(contradicted)).toEqual([false, false, true, false, false]);
    const { run } = traced();
    const model = graphModel(run)!;
    expect(model.table.rows.map((row) => row.at(-1))).toEqual([true, true, false, null, true]);
    expect(edgeTip(edges[2]!, model, run).join('\n')).toMatch(/predicted: −1 nats[^]*observed: \+0.4 nats[^]*against the prediction/);
    expect(edgeTip(edges[3]!, model, run).at(-1)).toBe('observed: not tested');
    expect(model.summary.join(' ')).toContain('3 of 4 edges work in the predicted direction when tested, correlation 0.9');
    expect(nodeTip(nodes[0]!, run)[0]).toContain('over “·blue”');
    expect(edgesAt(edges, 'mlp1@9').map(({ source }) => source)).toEqual(['mlp1@9', '0.2@9', '0.1@9']);
    delete run.graph;
    expect(graphModel(run)).toBeNull();
  });

  it('marks a node by its head or layer, and token', () => {
    expect(markOf(nodes[2]!)).toEqual({ token: 9, row: 1, head: [0, 2] });
    expect(markOf(nodes[3]!)).toEqual({ token: 4 });
    const mark = { row: null, head: null, token: null };
    const marked = (m: object): string[] => nodes.filter((n) => isMarked(n, { ...mark, ...m })).map(({ id }) => id);
    expect(marked({})).toEqual([]);
    expect(marked({ row: 2 })).toEqual(['mlp1@9']);
    expect(marked({ row: 1, head: [0, 1] })).toEqual(['0.1@9']);
    expect(marked({ row: 0 })).toEqual(['embed@4', 'embed@5']);
    expect(marked({ token: 4 })).toEqual(['embed@4']);
    expect(marked({ token: 4, row: 2 })).toEqual([]);
  });
});

describe('the layout', () => {
  it('stands on position × layer: tokens below, the margin on top, heads of one place side by side in order', () => {
    const { run, graph } = traced();
    const layout = layoutGraph(shownOf(graph, 1, 1), run);
    const at = (id: string): { x: number; y: number } => layout.nodes.find((n) => n.node.id === id)!;
    expect(layout.rows.map(({ label }) => label)).toEqual(['tokens', 'heads 0', 'MLP 1', 'margin']);
    expect(layout.columns.map(({ pos, skipped, span }) => [pos, skipped, span])).toEqual([
      [4, 0, 0],
      [5, 0, 0],
      [9, 3, null],
    ]);
    expect(at('embed@4').y).toBeGreaterThan(at('0.1@9').y);
    expect(at('0.1@9').y).toBeGreaterThan(at('mlp1@9').y);
    expect(at('mlp1@9').y).toBeGreaterThan(at('margin').y);
    expect(at('0.1@9').x).toBeLessThan(at('0.2@9').x);
    expect(at('embed@4').x).toBeLessThan(at('embed@5').x);
    // Wider for the heavier edge, and aside for none that passes nobody.
    expect(layout.edges[0]!.width).toBeGreaterThan(layout.edges.at(-1)!.width);
  });

  it('never lets two nodes touch, nor one leave the drawing', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ layer: fc.nat(5), head: fc.nat(8), pos: fc.nat(9) }), {
          minLength: 1,
          selector: (n) => `${n.layer} ${n.head} ${n.pos}`,
        }),
        (places) => {
          const { run } = traced();
          const shown = [
            nodes[0]!,
            ...places.map(({ layer, head, pos }) => node(`${layer}.${head}@${pos}`, 'head', layer, head, pos, 0.1)),
          ];
          const layout = layoutGraph({ nodes: shown, edges: [] }, run);
          expect(layout.nodes).toHaveLength(shown.length);
          for (const [i, a] of layout.nodes.entries()) {
            expect(a.x - NODE / 2).toBeGreaterThanOrEqual(0);
            expect(a.x + NODE / 2).toBeLessThanOrEqual(layout.width);
            expect(a.y - NODE / 2).toBeGreaterThanOrEqual(0);
            expect(a.y + NODE / 2).toBeLessThanOrEqual(layout.height);
            for (const b of layout.nodes.slice(i + 1)) expect(Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y))).toBeGreaterThan(NODE);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('leads along the strongest edges with the arrow keys', () => {
    const { run, graph } = traced();
    const layout = layoutGraph(shownOf(graph, 1, 1), run);
    expect(stepFrom(layout, 'margin', 'ArrowDown')).toBe('mlp1@9');
    expect(stepFrom(layout, 'mlp1@9', 'ArrowDown')).toBe('0.2@9');
    expect(stepFrom(layout, '0.2@9', 'ArrowLeft')).toBe('0.1@9');
    expect(stepFrom(layout, '0.1@9', 'ArrowLeft')).toBeNull();
    expect(stepFrom(layout, '0.1@9', 'ArrowDown')).toBe('embed@5');
    expect(stepFrom(layout, 'embed@5', 'ArrowUp')).toBe('0.1@9');
    expect(stepFrom(layout, 'margin', 'ArrowUp')).toBeNull();
    expect(stepFrom(layout, 'gone', 'ArrowUp')).not.toBeNull();
  });
});

it('is exported whole, whatever is drawn of it', () => {
  const { residue, run } = traced();
  expect(circuitTracerGraph(residue, run).links).toHaveLength(5);
});
