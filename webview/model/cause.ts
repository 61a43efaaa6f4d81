import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { nats, number, visible } from './format.js';
import { rowName } from './view.js';

export interface RecoveryModel {
  rows: number[];
  series: { label: string; y: number[] }[];
  tips: string[][];
  aria: string;
  table: Table;
}

/** The caused interval as it lies on the axis of layers; null where an end was not found. */
export function causedRows({ verification }: RunTrace): [number, number] | null {
  const { from, to } = verification?.interval ?? { from: null, to: null };
  return from == null || to == null ? null : [Math.min(from, to), Math.max(from, to)];
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
  const caused = causedRows(run);
  return {
    rows,
    series,
    tips: rows.map((l) => [
      rowName(l, rows.length - 1),
      ...series.map((s) => `${s.label}: R = ${number(s.y[l])}`),
      'R = (patched − probe) / (control − probe), margins. Tested by intervention.',
    ]),
    aria: `Recovery by layer when activations of the control are patched into the probe; ${
      caused ? `the cause is confirmed in layers ${caused[0]} to ${caused[1]}` : 'the cause is not confirmed'
    }. Tested by intervention.`,
    table: { columns: ['layer', ...series.map((s) => s.label)], rows: rows.map((l) => [l, ...series.map((s) => s.y[l] ?? null)]) },
  };
}

/** The patching maps as one table: a line for each hook, layer and place. */
export function mapTable(run: RunTrace): Table {
  const rows = (run.verification?.maps ?? []).flatMap(({ at, groups, recovery }) =>
    recovery.flatMap((line, layer) =>
      line.map((value, g) => {
        const [start, end] = groups[g] ?? [0, 0];
        const text = run.tokens
          .slice(start, end)
          .map((token) => token.text)
          .join('');
        return [at, layer, end - start > 1 ? `${start}–${end - 1}` : String(start), text, value];
      }),
    ),
  );
  return { columns: ['hook', 'layer', 'position', 'token', 'recovery'], rows };
}

/** The strongest places of a map, largest recovery first. */
export function strongestPatches(run: RunTrace, count: number): { at: string; layer: number; place: string; value: number }[] {
  return mapTable(run)
    .rows.map(([at, layer, position, text, value]) => ({
      at: String(at),
      layer: Number(layer),
      place: `${String(position)} “${visible(String(text), 24)}”`,
      value: Number(value),
    }))
    .sort((a, b) => b.value - a.value)
    .slice(0, count);
}

/** Predicted and observed effects, with who made up the difference. */
export function effectsTable(run: RunTrace): Table {
  return {
    columns: ['removed', 'predicted (nats)', 'zero', 'mean', 'resample', 'made up by'],
    rows: (run.verification?.effects ?? []).map((effect) => [
      effect.component,
      effect.predicted,
      effect.zero,
      effect.mean,
      effect.resample,
      effect.repair.by
        .filter(({ change }) => change * effect.predicted < 0)
        .map(({ component, change }) => `${component} ${nats(change)}`)
        .join(', '),
    ]),
  };
}
