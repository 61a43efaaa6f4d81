import { circuitTracerGraph } from '../../src/residue/circuit-tracer.js';
import type { RunTrace } from '../../src/residue/types.js';
import { h } from '../dom.js';
import { graphModel, readableShare, shownOf, type GraphModel } from '../model/graph.js';
import { probability } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import { graphAsk } from '../model/view.js';
import { button, runButton, tool } from '../ui.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { GraphDrawing } from './graph-drawing.js';
import { edgeList } from './graph-edges.js';
import { key } from './legend.js';

/** Edges drawn at first: more are a tangle. */
const READABLE = 60;

/** How the margin was put together: the attribution graph, or the button that makes it. */
export function graphView(context: Context): (HTMLElement | null)[] {
  const { residue, selection } = context;
  const run = selection.shown;
  const model = run ? graphModel(run) : null;
  if (run && model) return [drawn(context, run, model)];
  if (!run?.scores || selection.prompt === 'control' || residue.status === 'running') return [];
  if (run !== residue.runs[residue.primary])
    return [h('p', { class: 'note' }, 'Attribution graph: made of the headline alone; choose it under “Run”.')];
  return [
    h(
      'p',
      { class: 'note actions' },
      'Attribution graph: not part of this run. ',
      runButton(context, 'Compute graph', graphAsk(residue), {
        key: 'graph-compute',
        title: 'Run the shell again with the graph of how the margin was put together, each edge tested by intervention',
      }),
    ),
  ];
}

function drawn(context: Context, run: RunTrace, model: GraphModel): HTMLElement {
  const { graph } = model;
  const share = (key: string): number | null => {
    const value = context.view[key];
    return typeof value === 'number' && value > 0 && value <= 1 ? value : null;
  };
  const chosen = { node: share('graphNodes') ?? 1, edge: 1 };
  chosen.edge = share('graphEdges') ?? readableShare(graph, chosen.node, READABLE);
  const pinned = typeof context.view.graphNode === 'string' && model.byId.has(context.view.graphNode) ? context.view.graphNode : null;
  const edges = h('div', { class: 'graph-edges' });
  const count = h('output', { class: 'muted' });
  const drawing = new GraphDrawing(context, run, model, pinned, (id) => {
    context.set({ graphNode: id });
    list();
  });
  const list = (): void => edges.replaceChildren(edgeList(drawing, model, run));
  const draw = (): void => {
    const shown = shownOf(graph, chosen.node, chosen.edge);
    drawing.draw(shown);
    count.textContent = `${shown.nodes.length} of ${graph.nodes.length} nodes, ${shown.edges.length} of ${graph.edges.length} edges`;
    list();
  };
  const slider = (what: 'node' | 'edge', label: string, title: string): HTMLElement => {
    const value = h('span', { class: 'slider-value' }, probability(chosen[what]));
    const key = what === 'node' ? 'graphNodes' : 'graphEdges';
    const input = h('input', {
      key,
      title,
      attrs: { type: 'range', min: 5, max: 100, step: 5, value: Math.round(100 * chosen[what]), 'aria-label': `${label}, percent` },
    });
    // Drawn while it moves; kept when it rests.
    input.addEventListener('input', () => {
      chosen[what] = Number(input.value) / 100;
      value.textContent = probability(chosen[what]);
      draw();
    });
    input.addEventListener('change', () => context.set({ [key]: chosen[what] }));
    return h('label', { class: 'slider' }, h('span', null, label), input, value);
  };
  draw();
  return figure(context, {
    id: 'graph',
    title: 'Attribution graph',
    evidence: 'observed',
    method: { name: 'attribution graph', anchor: METHODS.graph },
    table: model.table,
    body: [
      ...model.summary.map((text) => h('p', { class: 'note' }, text)),
      h(
        'div',
        { class: 'graph-controls' },
        slider('node', 'nodes', 'Share of the nodes’ influence that is drawn'),
        slider('edge', 'edges', 'Share of the edges’ scores that is drawn'),
        count,
        ...(
          [
            ['+', 1.25, 'Larger (key: plus)'],
            ['−', 0.8, 'Smaller (key: minus)'],
            ['1:1', null, 'Its own size (key: 0)'],
          ] as const
        ).map(([text, factor, title]) => tool(text, () => drawing.zoom(factor), { title, key: `zoom.graph.${text}` })),
        button('Export graph', () => exportGraph(context, run), {
          secondary: true,
          key: 'graph-export',
          title: 'Save the whole graph in circuit-tracer’s JSON, which its viewer opens',
        }),
      ),
      drawing.box,
      legend(),
      edges,
    ],
  });
}

function exportGraph({ residue, send }: Context, run: RunTrace): void {
  const name = `${residue.shell.id}-graph.json`.replace(/[^\w.-]+/g, '-');
  send({ type: 'save', name, mime: 'application/json', data: `${JSON.stringify(circuitTracerGraph(residue, run), null, 2)}\n` });
}

function legend(): HTMLElement {
  return h(
    'div',
    { class: 'legend' },
    key('edge-positive', 'toward the answer'),
    key('edge-negative', 'toward the rival'),
    h('span', { class: 'key' }, h('b', { attrs: { 'aria-hidden': 'true' } }, '×'), 'grey: its intervention went against the prediction'),
    h('span', { class: 'key' }, 'width: size of the predicted effect'),
    h('span', { class: 'key' }, '□ token'),
    h('span', { class: 'key' }, '○ head, by number'),
    h('span', { class: 'key' }, '◇ MLP'),
  );
}
