import { METHODS } from '../../src/method-anchors.js';
import type { Comparison } from '../../src/residue/types-comparison.js';
import { h } from '../dom.js';
import { dosesTable } from '../model/compare.js';
import { comparedDoses, type Response } from '../model/compare-doses.js';
import { nats } from '../model/format.js';
import { drawChart } from './chart.js';
import type { Context } from './context.js';
import { doseItems, marginOverDoses, whiskers, zeroLine } from './dose-marks.js';
import { figure } from './figure.js';
import { key } from './legend.js';

/** Dose and response of both sides in one chart. */
export function compareDoses(context: Context, comparison: Comparison): HTMLElement | null {
  const { palette } = context;
  const model = comparedDoses(comparison);
  if (!model) return null;
  const { a, b, x, wording } = model;
  const all = [a, b].flatMap(({ margin, intervals }) => [...margin, ...intervals.flatMap((interval) => interval ?? [])]);
  const colours = [palette.foreground, palette.spans[0]!] as const;
  const line = ({ margin, failed }: Response, colour: string, pointStyle: string, dash: number[]): object => ({
    data: margin.map((y, i) => ({ x: x[i]!, y })),
    borderColor: colour,
    borderDash: dash,
    borderWidth: 2,
    pointStyle,
    pointRadius: x.length > 36 ? 3 : 4.5,
    // Hollow, for it is read off; whose point it is tells the shape, whether it fails the hue and the side of the zero line.
    pointBackgroundColor: palette.background,
    pointBorderColor: failed.map((fails) => (fails ? palette.negative : palette.positive)),
    pointBorderWidth: 2,
    clip: false,
  });
  const { box } = drawChart(context, {
    key: 'doses',
    height: 220,
    aria: model.aria,
    config: {
      type: 'line',
      data: { datasets: [line(a, colours[0], 'circle', [6, 3]), line(b, colours[1], 'rect', [2, 3])] as never },
      options: {
        layout: { padding: { top: 8, right: 12 } },
        scales: marginOverDoses(context, model, all, 0.08) as never,
      },
      plugins: [
        // Beside each other where both stand at one dose.
        whiskers(colours[0], x, a.intervals, -3),
        whiskers(colours[1], x, b.intervals, 3),
        zeroLine(context, 'answer and rival equal', x, [a.margin, b.margin]),
      ],
    },
    items: { ...doseItems(x, (i) => model.tips[i] ?? []), pins: false },
  });
  return figure(context, {
    id: 'doses',
    title: 'Dose and response of both',
    evidence: 'observed',
    method: { name: 'comparison', anchor: METHODS.comparison },
    table: dosesTable(comparison),
    body: [
      box,
      h(
        'div',
        { class: 'legend' },
        key('series-0', h('bdi', null, `A: ${a.label}`)),
        key('series-1', h('bdi', null, `B: ${b.label}`)),
        h('span', { class: 'key' }, 'blue marks: does not fail; orange marks: fails'),
        wording === null
          ? h('span', { class: 'key unchecked' }, 'interval over wordings: not checked')
          : key('whisker', `bar: what rewording alone may make of it (95 % of pairs of wordings: up to ${nats(wording)} apart)`),
      ),
    ],
  });
}
