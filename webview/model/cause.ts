import { causedWords } from '../../src/residue/interval.js';
import { standingOf } from '../../src/residue/standing.js';
import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, number, visible } from './format.js';
import { patchingModel, type Patched } from './patching.js';
import { rowName } from './view.js';

export interface RecoveryModel {
  rows: number[];
  series: { label: string; y: number[] }[];
  tips: string[][];
  aria: string;
  table: Table;
}

/** Recovery by residual row, at the source span and at the answer position. */
export function recoveryModel(run: RunTrace): RecoveryModel | null {
  const curves = run.verification?.curves;
  if (!curves) return null;
  const source = run.verification?.source ?? 'source';
  const series = [
    ...(curves.source ? [{ label: `patched at ${visible(source)}`, y: curves.source }] : []),
    { label: 'patched at the answer position', y: curves.answer },
  ];
  const rows = curves.answer.map((_, l) => l);
  return {
    rows,
    series,
    tips: rows.map((l) => [
      rowName(l, rows.length - 1),
      ...series.map((s) => `${s.label}: R = ${number(s.y[l])}`),
      'R = (patched − probe) / (control − probe), margins. Tested by intervention.',
    ]),
    aria: `Recovery by layer when activations of the control are patched into the probe; ${
      causedWords(run) ?? 'the cause is not confirmed'
    }. Tested by intervention.`,
    table: { columns: ['layer', ...series.map((s) => s.label)], rows: rows.map((l) => [l, ...series.map((s) => s.y[l] ?? null)]) },
  };
}

/** The strongest places of one hook's map, largest recovery first. */
export function strongestPatches(run: RunTrace, at: Patched, count: number): { layer: number; place: string; value: number }[] {
  const model = patchingModel(run, at);
  if (!model) return [];
  return model.values
    .flatMap((line, layer) =>
      line.map((value, column) => ({ layer, value, place: at === 'z' ? `head ${column}` : `“${model.labels[column] ?? ''}”` })),
    )
    .sort((x, y) => y.value - x.value)
    .slice(0, count);
}

/** Predicted and observed effects, with who made up the difference. */
export function effectsTable(run: RunTrace): Table {
  return {
    columns: ['taken out', 'predicted (nats)', 'zero (nats)', 'mean (nats)', 'resample (nats)', 'null and second opinion', 'made up by'],
    rows: (run.verification?.effects ?? []).map((effect) => [
      effect.component,
      effect.predicted,
      effect.zero,
      effect.mean,
      effect.resample,
      standingOf(effect) || null,
      effect.repair.by
        .filter(({ change }) => change * effect.predicted < 0)
        .map(({ component, change }) => `${component} ${nats(change)}`)
        .join(', ') || null,
    ]),
  };
}
