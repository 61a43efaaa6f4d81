import { METHODS } from '../model/methods.js';
import { h } from '../dom.js';
import { cellTip, mapModel, ramp, FLOOR } from '../model/map.js';
import { probability } from '../model/format.js';
import { rampColours } from '../theme.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { heatMap } from './heat.js';
import { rampBar } from './ramp.js';

const STEPS = 64;

/** The layer × position map of the answer's lens probability. */
export function mapView(context: Context): HTMLElement {
  const run = context.selection.shown;
  const model = run ? mapModel(run) : null;
  if (!run || !model || model.positions.length === 0 || model.rows === 0) return missing(context, 'Layer × position map', 260);
  const { palette } = context;
  const colours = rampColours(palette.background, palette.positive, STEPS);
  const columns = model.positions.length;
  const { body, canvas } = heatMap(context, {
    key: 'map',
    label: 'Layer by position map',
    aria: model.aria,
    rows: model.rows,
    columns,
    labels: model.labels,
    labelHeight: 76,
    rowTitle: 'layer',
    colour: (row, column) => colours[Math.round(ramp(model.values[row]?.[column]) * (STEPS - 1))]!,
    tip: (row, column) => cellTip(model, run, row, column),
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
    title: 'Probability of the answer by layer and position',
    evidence: 'observed',
    method: { name: 'lens map', anchor: METHODS.map },
    table: model.table,
    canvas: () => canvas,
    body: [
      ...body,
      h(
        'div',
        { class: 'legend ramp-legend' },
        h('span', null, `≤ ${probability(Math.exp(FLOOR))}`),
        rampBar(colours, 'Colour ramp from low to high probability'),
        h('span', null, 'p = 1 (log scale)'),
        model.complete ? null : h('span', { class: 'key' }, `${columns} of the prompt’s positions were measured`),
      ),
    ],
  });
}
