import type { RunTrace } from '../../src/residue/types.js';
import { h } from '../dom.js';
import { contradicted, edgesAt, edgeTip, nameOf, type GraphModel } from '../model/graph.js';
import { nats } from '../model/format.js';
import type { GraphDrawing } from './graph-drawing.js';
import { tableBox } from './table-box.js';

/** Edges listed when no node is pinned, and at most for one. */
const LISTED = 8;
const AT_NODE = 24;

/** Predicted beside observed for the strongest edges, or for those at the pinned node. */
export function edgeList(drawing: GraphDrawing, model: GraphModel, run: RunTrace): HTMLElement {
  const { pinned, edges } = drawing;
  const all = edgesAt(edges, pinned);
  const listed = all.slice(0, pinned ? AT_NODE : LISTED);
  const name = (id: string): string => nameOf(model.byId.get(id), run);
  const rows = listed.map((edge) => {
    const against = contradicted(edge);
    const enter = (): void => drawing.point(edge);
    const leave = (): void => drawing.point(null);
    return h(
      'tr',
      {
        class: against ? 'against' : '',
        title: edgeTip(edge, model, run).join('\n'),
        attrs: { tabindex: 0, 'data-edge': `${edge.source} ${edge.target}` },
        on: { pointerenter: enter, pointerleave: leave, focus: enter, blur: leave },
      },
      h('td', null, h('bdi', null, `${name(edge.source)} → ${name(edge.target)}`)),
      h('td', { class: `num ${edge.weight < 0 ? 'toward-rival' : 'toward-answer'}` }, nats(edge.weight).replace(' nats', '')),
      h(
        'td',
        { class: 'num caused' },
        edge.tested === null ? 'not tested' : `${nats(edge.tested).replace(' nats', '')}${against ? ' ×' : ''}`,
      ),
    );
  });
  const what = pinned ? `Edges at ${name(pinned)}` : 'Strongest edges';
  return h(
    'div',
    null,
    h(
      'p',
      { class: 'note' },
      `${what}, nats: predicted is read off, observed tested by intervention.${pinned ? '' : ' Select a node for its own.'}`,
    ),
    tableBox({ label: `${what}: table`, table: 'edges', columns: ['edge', 'predicted', 'observed'], bodies: [h('tbody', null, ...rows)] }),
    all.length > listed.length ? h('p', { class: 'note' }, `${all.length - listed.length} more are in the table.`) : null,
  );
}
