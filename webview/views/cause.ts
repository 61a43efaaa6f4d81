import type { RunTrace } from '../../src/residue/types.js';
import { doubtsOf, standingOf } from '../../src/residue/standing.js';
import { h } from '../dom.js';
import { linked } from '../link.js';
import { roving } from '../roving.js';
import { effectsTable, recoveryModel } from '../model/cause.js';
import { nats } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import { verifyAsk } from '../model/view.js';
import { runButton } from '../ui.js';
import { axis, drawChart } from './chart.js';
import { alongX } from './plot.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { patchingView } from './patching.js';
import { key } from './legend.js';
import { tableBox } from './table-box.js';

/** What interventions showed: recovery by layer, the map of patches, and the components taken out. */
export function causeView(context: Context): HTMLElement[] {
  const run = context.selection.shown;
  const verification = run?.verification;
  if (!run || !verification) {
    if (!run?.scores || run.label !== 'probe' || context.residue.status === 'running') return [];
    if (run !== context.residue.runs[context.residue.primary])
      return [h('p', { class: 'note' }, 'Cause by intervention: tested in the headline alone; choose it under “Run”.')];
    return [
      h(
        'p',
        { class: 'note actions' },
        'Cause by intervention: not checked in this run. ',
        runButton(context, 'Verify', verifyAsk(context.residue), { key: 'verify-cause' }),
      ),
    ];
  }
  const patched = [recoveryFigure(context, run), patchingView(context)].filter((part) => part !== null);
  const open = verification.open.map((reason) => h('li', null, `Not checked: ${reason}.`));
  return [
    ...(patched.length > 0 ? [h('div', { class: 'pair' }, ...patched)] : []),
    ...(verification.effects.length > 0 ? [effectsFigure(context, run)] : []),
    ...(open.length > 0 ? [h('ul', { class: 'note' }, ...open)] : []),
  ];
}

function recoveryFigure(context: Context, run: RunTrace): HTMLElement | null {
  const curves = recoveryModel(run);
  if (!curves) return null;
  const { palette } = context;
  const colour = (i: number): string => (i === 0 ? palette.foreground : palette.spans[0]!);
  const { box } = drawChart(context, {
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
  return figure(context, {
    id: 'recovery',
    title: 'Recovery by layer',
    evidence: 'caused',
    method: { name: 'activation patching', anchor: METHODS.patching },
    table: curves.table,
    body: [box, h('div', { class: 'legend' }, ...curves.series.map((s, i) => key(`series-${i} caused`, h('bdi', null, s.label))))],
  });
}

const COLUMNS = ['taken out', 'predicted', 'zero', 'mean', 'resample'];

/** Each component taken out: what its contribution led to expect beside what was lost, and below, who made up the difference. */
function effectsFigure(context: Context, run: RunTrace): HTMLElement {
  const table = effectsTable(run);
  const { link } = context;
  const rows = run.verification!.effects.map((effect, i) => {
    const { component, layer, head, predicted, zero, mean, resample } = effect;
    const stands = standingOf(effect);
    const doubtful = doubtsOf(effect).length > 0 ? 'doubtful' : '';
    const repair = table.rows[i]!.at(-1);
    const mark = head === null ? { row: layer + 1 } : { head: [layer, head] as [number, number], row: layer + 1 };
    const number = (value: number, observed: boolean): HTMLElement =>
      h('td', { class: `num${observed ? ' caused' : ''}` }, nats(value).replace(' nats', ''));
    return h(
      'tbody',
      { on: linked(link, mark) },
      h(
        'tr',
        null,
        h('th', { class: doubtful, attrs: { scope: 'row' } }, component),
        number(predicted, false),
        ...[zero, mean, resample].map((value) => number(value, true)),
      ),
      stands === '' ? null : h('tr', { class: 'repair' }, h('td', { class: doubtful, attrs: { colspan: 5 } }, stands)),
      typeof repair === 'string' ? h('tr', { class: 'repair' }, h('td', { attrs: { colspan: 5 } }, `made up by ${repair}`)) : null,
    );
  });
  const list = tableBox({ label: 'Predicted and observed effect', box: 'whole', table: 'effects', columns: COLUMNS, bodies: rows });
  roving(list, 'tbody');
  return figure(context, {
    id: 'effects',
    title: 'Predicted and observed effect',
    evidence: 'caused',
    method: { name: 'ablation', anchor: METHODS.ablation },
    table,
    body: [
      list,
      h(
        'p',
        { class: 'note' },
        'Change of the margin, nats, when a component’s output is replaced at every position by zero, its mean, or its output at random tokens. Predicted: minus its direct contribution (read off).',
      ),
    ],
  });
}
