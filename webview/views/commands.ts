import { h } from '../dom.js';
import { roving } from '../roving.js';
import { toCsv } from '../model/csv.js';
import { number, visible } from '../model/format.js';
import { commandAnchor } from '../../src/method-anchors.js';
import { evidenceOf, kindsOf } from '../../src/residue/evidence.js';
import { valuesStanding, type ValueStanding } from '../../src/residue/standing.js';
import type { Cell, CommandOutcome } from '../../src/residue/types.js';
import { axis, drawChart } from './chart.js';
import { alongX } from './plot.js';
import type { Context } from './context.js';
import { dataTable, evidenceMark, figure, methodLink, missing } from './figure.js';

/** What each of the shell's commands found, in their order. */
export function commandsView(context: Context): HTMLElement[] {
  const outcomes = context.selection.shown?.commands;
  const written = context.residue.shell.run.length;
  if (!outcomes) {
    if (context.selection.prompt === 'control') return [h('p', { class: 'note' }, 'Commands are run on the probe, not on the control.')];
    return written
      ? [missing(context, 'Commands', 80)]
      : [h('p', { class: 'note' }, 'This shell has no commands: causes are not checked.')];
  }
  return [
    h('h3', { class: 'caption-title' }, 'What the commands found'),
    ...outcomes.map((outcome, i) => commandElement(context, outcome, i)),
  ];
}

function commandElement(context: Context, outcome: CommandOutcome, index: number): HTMLElement {
  const params = Object.entries(outcome.params).map(
    ([k, v]) => `${k}: ${visible(typeof v === 'string' ? v : (JSON.stringify(v) ?? ''), 60)}`,
  );
  const values = Object.entries(outcome.values).filter(([, v]) => v !== null);
  const kinds = kindsOf(outcome);
  const mixed = kinds.length > 1;
  const anchor = commandAnchor(outcome.name);
  const stands = new Map(valuesStanding(outcome).map((one) => [one.value, one]));
  const list = h('dl', { class: 'values' }, ...values.flatMap(([k, v]) => valueElements(outcome, k, v, stands.get(k))));
  roving(list, 'dt');
  return h(
    'article',
    { class: 'command', attrs: { 'aria-label': outcome.name } },
    h(
      'h3',
      { class: 'command-name' },
      h('code', null, h('bdi', null, outcome.name)),
      params.length ? h('bdi', { class: 'muted params' }, params.join(', ')) : null,
      ...kinds.map(evidenceMark),
      anchor === null ? null : methodLink(context, 'how it is measured', anchor),
    ),
    ...outcome.findings.map((f) => h('p', { class: 'finding' }, h('bdi', null, f))),
    values.length ? list : null,
    h(
      'div',
      { class: 'command-figures' },
      ...outcome.curves.map((curve, c) => curveElement(context, curve, { outcome, mixed, id: `${index}.${c}` })),
      ...outcome.tables.map((table, t) => {
        const data = { columns: table.columns.map((c) => (c.unit ? `${c.label} (${c.unit})` : c.label)), rows: table.rows };
        return figure(context, {
          id: `command-${index}-table-${t}`,
          title: table.title,
          evidence: mixed ? evidenceOf(table, outcome) : null,
          method: anchor === null ? undefined : { name: outcome.name, anchor },
          csv: () => toCsv(data),
          body: [dataTable(context, data, table.title, 200)],
        });
      }),
    ),
  );
}

/** A value's name, and the value with its unit. What was read off is told apart from what was tested, as everywhere. */
function valueElements(outcome: CommandOutcome, name: string, value: Cell, stands: ValueStanding | undefined): HTMLElement[] {
  const measure = outcome.measures?.[name];
  const evidence = evidenceOf(measure, outcome);
  const words = evidence === 'caused' ? 'tested by intervention' : 'read off';
  // `layer 3` and `rank 0` are places, all other units amounts.
  const placed = measure !== undefined && ['layer', 'rank', 'token'].includes(measure.unit);
  // A share or a probability is a bare number.
  const unit = measure && !['', 'share', 'probability'].includes(measure.unit) ? measure.unit : null;
  const told = (text: string): string => (unit === null ? text : placed ? `${unit} ${text}` : `${text} ${unit}`);
  return [
    h('dt', { title: `${outcome.name}.${name} in expect; ${words}` }, name),
    h(
      'dd',
      { class: stands?.doubtful ? `${evidence} doubtful` : evidence },
      typeof value === 'number'
        ? told(number(value, 4))
        : h('bdi', null, typeof value === 'boolean' ? (value ? 'yes' : 'no') : visible(String(value), 60)),
      stands ? h('span', { class: 'value-stands' }, ` (${stands.words})`) : null,
    ),
  ];
}

function curveElement(
  context: Context,
  curve: CommandOutcome['curves'][number],
  { outcome, mixed, id }: { outcome: CommandOutcome; mixed: boolean; id: string },
): HTMLElement {
  const { palette } = context;
  const evidence = evidenceOf(curve, outcome);
  const anchor = commandAnchor(outcome.name);
  const colours = [palette.foreground, ...palette.spans.slice(0, 3), palette.muted];
  const caused = evidence === 'caused';
  const shapes = ['circle', 'triangle', 'rect', 'rectRot', 'star'] as const;
  const { box } = drawChart(context, {
    key: `curve.${id}`,
    height: 180,
    aria: `${curve.title}: ${curve.yLabel} by ${curve.xLabel}, ${curve.series.length} series. ${caused ? 'Tested by intervention.' : 'Read off.'}`,
    config: {
      type: 'line',
      data: {
        datasets: curve.series.map((s, i) => ({
          label: s.label,
          data: s.y.map((y, k) => ({ x: curve.x[k] ?? k, y })),
          borderColor: colours[i % colours.length],
          borderDash: caused
            ? []
            : [
                [6, 3],
                [2, 3],
                [8, 2, 2, 2],
              ][i % 3],
          borderWidth: 1.75,
          pointStyle: shapes[i % shapes.length],
          pointRadius: curve.x.length > 36 ? 2 : 3.5,
          pointBackgroundColor: caused ? colours[i % colours.length] : palette.background,
          pointBorderColor: colours[i % colours.length],
          spanGaps: false,
          clip: false,
        })) as never,
      },
      options: {
        layout: { padding: { top: 6, right: 8 } },
        scales: {
          x: axis(palette, curve.xLabel, { type: 'linear', ticks: { maxRotation: 0, maxTicksLimit: 9 } }),
          y: axis(
            palette,
            curve.unit ? `${curve.yLabel} (${curve.unit})` : curve.yLabel,
            { type: 'linear', ticks: { maxTicksLimit: 6 } },
            true,
          ),
        } as never,
      },
    },
    items: curveItems(curve, context.residue.provenance.model.layers),
  });
  return figure(context, {
    id: `command-${id.replace('.', '-')}`,
    title: curve.title,
    evidence: mixed ? evidence : null,
    method: anchor === null ? undefined : { name: outcome.name, anchor },
    table: {
      columns: [curve.xLabel, ...curve.series.flatMap((s) => (s.spread ? [s.label, `${s.label} ±`] : [s.label]))],
      rows: curve.x.map((x, i) => [
        x,
        ...curve.series.flatMap((s) => (s.spread ? [s.y[i] ?? null, s.spread[i] ?? null] : [s.y[i] ?? null])),
      ]),
    },
    body: [
      box,
      curve.series.length > 1
        ? h(
            'div',
            { class: 'legend' },
            ...curve.series.map((s, i) =>
              h(
                'span',
                { class: 'key' },
                h('i', {
                  class: `swatch ${caused ? 'solid' : i % 3 === 1 ? 'dotted' : 'dashed'}`,
                  style: { '--c': colours[i % colours.length]! },
                }),
                h('bdi', null, s.label),
              ),
            ),
          )
        : null,
    ],
  });
}

function curveItems(curve: CommandOutcome['curves'][number], layers: number): ReturnType<typeof alongX> {
  const layered = /layer|block/i.test(curve.xLabel);
  // A curve over residual rows has L + 1 points; any other is over blocks, and block b writes row b + 1.
  const shift = curve.x.length === layers + 1 ? 0 : 1;
  const base = alongX(
    curve.x.length,
    (i) => (layered ? { row: (curve.x[i] ?? 0) + shift } : null),
    (mark) => {
      if (!layered || mark.row === null) return null;
      const i = curve.x.indexOf(mark.row - shift);
      return i < 0 ? null : i;
    },
    (i) => [
      `${curve.xLabel}: ${number(curve.x[i])}`,
      ...curve.series.map(
        (s) => `${s.label}: ${number(s.y[i], 4)}${s.spread?.[i] == null ? '' : ` ± ${number(s.spread[i])}`} ${curve.unit}`,
      ),
    ],
  );
  return {
    ...base,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left - 6 || x > right + 6 || y < top - 6 || y > bottom + 24 || curve.x.length === 0) return null;
      const value = chart.scales.x!.getValueForPixel(x) ?? 0;
      return curve.x.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(curve.x[best]! - value) ? i : best), 0);
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(curve.x[i] ?? 0), y: (chart.chartArea.top + chart.chartArea.bottom) / 2 }),
  };
}
