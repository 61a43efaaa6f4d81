import { h } from '../dom.js';
import { effectsTable, mapTable, recoveryModel, strongestPatches } from '../model/cause.js';
import { number } from '../model/format.js';
import { METHODS } from '../model/methods.js';
import { alongX, axis, drawChart } from './chart.js';
import type { Context } from './context.js';
import { dataTable, figure } from './figure.js';

/** Patches listed under the curves. */
const STRONGEST = 6;

/** What interventions showed: recovery by layer, the strongest patches, and the components taken out. */
export function causeView(context: Context): HTMLElement[] {
  const run = context.selection.shown;
  const verification = run?.verification;
  if (!run || !verification) {
    if (run?.label !== 'probe' || !run.scores?.failed || context.residue.status === 'running') return [];
    return [
      h('p', { class: 'note' }, 'Cause by intervention: not checked in this run. Choose the headline, or run the shell with --verify.'),
    ];
  }
  const parts: HTMLElement[] = [];
  const curves = recoveryModel(run);
  if (curves) {
    const { palette } = context;
    const colour = (i: number): string => (i === 0 ? palette.foreground : palette.spans[0]!);
    const { box, canvas } = drawChart(context, {
      key: 'recovery',
      height: 180,
      aria: curves.aria,
      config: {
        type: 'line',
        data: {
          datasets: curves.series.map((s, i) => ({
            label: s.label,
            data: s.y.map((y, x) => ({ x, y })),
            borderColor: colour(i),
            borderWidth: 2,
            pointStyle: i === 0 ? 'circle' : 'rect',
            pointRadius: s.y.length > 20 ? 2 : 4,
            pointBackgroundColor: colour(i),
            clip: false,
          })) as never,
        },
        options: {
          layout: { padding: { top: 6, right: 8 } },
          scales: {
            x: axis(palette, 'layer patched (residual stream)', {
              type: 'linear',
              min: 0,
              max: curves.rows.length - 1,
              ticks: { precision: 0, maxRotation: 0 },
            }),
            y: axis(palette, 'recovery (share)', { type: 'linear', suggestedMin: 0, suggestedMax: 1, ticks: { maxTicksLimit: 6 } }),
          } as never,
        },
      },
      items: alongX(
        curves.rows.length,
        (row) => ({ row }),
        (mark) => mark.row,
        (i) => curves.tips[i] ?? [],
      ),
    });
    const strongest = strongestPatches(run, STRONGEST).map((p) => [p.at, p.layer, p.place, number(p.value)]);
    parts.push(
      figure(context, {
        id: 'recovery',
        title: 'Recovery by layer',
        evidence: 'caused',
        method: { name: 'activation patching', anchor: METHODS.patching },
        table: curves.table,
        canvas: () => canvas,
        body: [
          box,
          h(
            'div',
            { class: 'legend' },
            ...curves.series.map((s, i) => h('span', { class: 'key' }, h('i', { class: `swatch series-${i}` }), h('bdi', null, s.label))),
          ),
        ],
      }),
      figure(context, {
        id: 'patches',
        title: 'Strongest patches',
        evidence: 'caused',
        method: { name: 'activation patching', anchor: METHODS.patching },
        table: mapTable(run),
        body: [
          dataTable({ columns: ['hook', 'layer', 'position', 'recovery'], rows: strongest }, 'Strongest patches'),
          verification.maps.some(({ complete }) => !complete)
            ? h('p', { class: 'note' }, 'Positions were patched in groups; --verify=full patches each alone.')
            : null,
        ],
      }),
    );
  }
  if (verification.effects.length > 0) {
    const table = effectsTable(run);
    const rounded = table.rows.map((row) => row.map((cell) => (typeof cell === 'number' ? number(cell) : cell)));
    parts.push(
      figure(context, {
        id: 'effects',
        title: 'Predicted and observed effect',
        evidence: 'caused',
        method: { name: 'ablation', anchor: METHODS.ablation },
        table,
        body: [dataTable({ ...table, rows: rounded }, 'Predicted and observed effect')],
      }),
    );
  }
  const open = verification.open.map((reason) => h('li', null, `Not checked: ${reason}.`));
  if (open.length > 0) parts.push(h('ul', { class: 'note' }, ...open));
  return parts;
}
