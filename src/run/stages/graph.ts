import { forwardCost } from '../cost.js';
import { attributionGraph, graphCost, GRAPH_DEFAULTS } from '../graph/section.js';
import type { Stage } from '../stage.js';

/** The attribution graph of the headline's run, where the shell or the user asks for it. */
export const graph: Stage = {
  name: 'graph',
  label: 'attribution graph, each edge tested',
  on: 'headline',
  fills: ['graph'],
  when: ({ shell, options }) => options.graph !== undefined || shell.graph,
  cost: ({ model, options }, { ids }) =>
    graphCost(model, ids.length, { ...GRAPH_DEFAULTS, ...options.graph }, forwardCost(model, ids.length)),
  async run({ model, options, subject, signal, progress }) {
    const settings = { ...GRAPH_DEFAULTS, ...options.graph };
    subject.trace.graph = await attributionGraph(model, subject.prompt, subject.trace.scores!, settings, { signal, onProgress: progress });
  },
};
