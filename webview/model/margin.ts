import type { RunTrace } from '../../src/residue/types.js';
import { causedLayers, causedWords } from '../../src/residue/interval.js';
import type { Table } from './csv.js';
import { fromLog, nats, number, probability, visible } from './format.js';
import { rowName } from './view.js';

export interface MarginModel {
  /** Residual rows 0 … L. */
  rows: number[];
  probe: (number | null)[];
  control: (number | null)[] | null;
  /** The probe's margin over each rival, the strongest at the output first; the margin is the least of them at every row. */
  candidates: { label: string; strongest: boolean; y: number[] }[];
  /** The margin under which the shell counts as failed. */
  tau: number;
  collapse: { row: number; margin: number; label: string } | null;
  /** Rows in which interventions confirmed the cause; null where they did not. */
  caused: [number, number] | null;
  /** What these rows are, with their doubts. */
  causedWords: string | null;
  /** Lines of the tooltip by row. */
  tips: string[][];
  aria: string;
  table: Table;
}

/** Probe and control margins by layer; null until the lens has been computed. */
export function marginModel(run: RunTrace, control: RunTrace | null, layers: number, doubts: readonly string[] = []): MarginModel | null {
  const probe = run.lens?.margin;
  // Without a rival there is no margin to draw.
  if (!probe?.length) return null;
  const other = control?.lens?.margin ?? null;
  const rows = Array.from({ length: Math.max(probe.length, other?.length ?? 0) }, (_, l) => l);
  const layer = run.collapse?.layer ?? null;
  const kind = run.collapse?.kind;
  const collapse =
    layer !== null && kind !== 'none' && probe[layer] !== undefined
      ? {
          row: layer,
          margin: probe[layer],
          label: `${kind === 'lost' ? `lost at layer ${layer}` : 'never formed'}${doubts.length > 0 ? ` (${doubts.join(', ')})` : ''}`,
        }
      : null;
  const candidates = candidateLines(run);
  const tips = rows.map((l) => {
    const leads = run.lens?.top[l]?.[0];
    return [
      rowName(l, layers),
      `probe margin: ${nats(probe[l])}`,
      ...(other ? [`control margin: ${nats(other[l])}`] : []),
      `log p(answer) = ${number(run.lens?.answerLogprob[l])}, p = ${probability(fromLog(run.lens?.answerLogprob[l]))}, rank ${number((run.lens?.answerRank[l] ?? NaN) + 1)}`,
      ...(candidates.length > 1 ? [`over ${candidates.map(({ label, y }) => `${label}: ${nats(y[l])}`).join(', ')}`] : []),
      ...(leads ? [`leads: “${visible(leads.text)}” ${probability(leads.prob)}`] : []),
      'margin = log p(answer) − max log p(rival), logit lens',
    ];
  });
  const last = probe[probe.length - 1];
  const aria = `Margin by layer from ${nats(probe[0])} at the embeddings to ${nats(last)} at the output${
    collapse ? `, ${collapse.label}` : ''
  }${other ? `; the control ends at ${nats(other[other.length - 1])}` : ''}. Read off by the logit lens.`;
  return {
    rows,
    probe,
    control: other,
    candidates,
    tau: run.scores?.tau ?? 0,
    collapse,
    caused: causedLayers(run),
    causedWords: causedWords(run),
    tips,
    aria,
    table: {
      columns: [
        'layer',
        'probe margin (nats)',
        'control margin (nats)',
        'log p(answer)',
        'rank',
        'entropy (nats)',
        'leading token',
        'its p',
        ...candidates.map(({ label }) => `over ${label} (nats)`),
      ],
      rows: rows.map((l) => [
        l,
        probe[l] ?? null,
        other?.[l] ?? null,
        run.lens?.answerLogprob[l] ?? null,
        run.lens?.answerRank[l] ?? null,
        run.lens?.entropy[l] ?? null,
        run.lens?.top[l]?.[0]?.text ?? null,
        run.lens?.top[l]?.[0]?.prob ?? null,
        ...candidates.map(({ y }) => y[l] ?? null),
      ]),
    },
  };
}

/** log p(answer) − log p(rival) along the rows, one line for each rival. */
function candidateLines({ lens, scores }: RunTrace): MarginModel['candidates'] {
  if (!lens || !scores) return [];
  return scores.rivals
    .map((rival, i) => ({ rival, strongest: i === scores.strongest, line: lens.rivalLogprob[i] }))
    .filter((one): one is typeof one & { line: number[] } => one.line !== undefined)
    .sort((a, b) => Number(b.strongest) - Number(a.strongest) || b.rival.logprob - a.rival.logprob)
    .map(({ rival, strongest, line }) => ({
      label: `“${visible(rival.text, 16)}”`,
      strongest,
      y: line.map((logprob, l) => lens.answerLogprob[l]! - logprob),
    }));
}
