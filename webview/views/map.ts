import { h } from '../dom.js';
import { mapModel } from '../model/map.js';
import { rampColours } from '../theme.js';
import { choice } from '../ui.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { heatMap } from './heat.js';
import { rampBar } from './ramp.js';

const STEPS = 64;

/** The trace map: layer × position, of the answer's lens probability or another measure of the stream. */
export function mapView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? mapModel(run, context.view.measure) : null;
  if (!run || !model || model.positions.length === 0 || model.rows === 0) return missing(context, 'Layer × position map', 260);
  const { palette } = context;
  const colours = rampColours(palette.background, model.hue === 'answer' ? palette.positive : palette.foreground, STEPS);
  const columns = model.positions.length;
  const body = heatMap(context, {
    key: 'map',
    label: 'Layer by position map',
    aria: model.aria,
    rows: model.rows,
    columns,
    labels: model.labels,
    labelHeight: 76,
    rowTitle: 'layer',
    colour: (row, column) => colours[Math.round(model.at(row, column) * (STEPS - 1))]!,
    tip: (row, column) => model.tip(row, column),
    mark: (row, column) => ({ row, token: model.positions[column] ?? null }),
    rowOf: ({ row }) => row,
    columnOf: ({ token }) => {
      const column = token === null ? -1 : model.positions.indexOf(token);
      return column < 0 ? null : column;
    },
    home: model.answerColumn ?? columns - 1,
  });
  return figure(context, {
    id: 'map',
    title: model.title,
    evidence: 'observed',
    method: { name: 'trace map', anchor: model.anchor },
    table: model.table,
    body: [
      model.measures.length > 1
        ? choice('What the map shows', model.measures, model.measure, (measure) => context.set({ measure }), 'measure')
        : h('p', { class: 'note' }, 'Rank, entropy, norm and null share: not in this residue; a run of this version measures them.'),
      ...body,
      h(
        'div',
        { class: 'legend ramp-legend' },
        h('span', null, model.ends[0]),
        rampBar(colours, `Colour ramp from ${model.ends[0]} to ${model.ends[1]}`),
        h('span', null, model.ends[1]),
        model.complete ? null : h('span', { class: 'key' }, `${columns} of the prompt’s positions were measured`),
      ),
    ],
  });
}
