import type { Residue, RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { placeDoses, type Doses } from './doses.js';
import { nats, probability } from './format.js';
import { paraphrasesOf, runLabel } from './view.js';

export interface DoseModel extends Doses {
  margin: (number | null)[];
  failed: (boolean | null)[];
  /** Least and largest margin over the wordings at this dose (the prompt and its paraphrases), and how many; null for one wording. */
  wordings: ({ low: number; high: number; n: number } | null)[];
  /** Share of probe and paraphrases that fail at this dose, with its Wilson interval; null without a density. */
  density: { share: number; interval: [number, number]; failing: number; total: number }[] | null;
  aria: string;
  table: Table;
}

/** Dose-response over vary; null for a shell without it. */
export function doseModel(residue: Residue): DoseModel | null {
  if (residue.runs.length < 2) return null;
  const runs = residue.runs;
  const { names, ...placed } = placeDoses(runs);
  const byName = new Map(residue.density?.byRun.map((d) => [d.name, d]));
  const found = runs.map((r) => byName.get(r.name));
  const density = found.every((d) => d && d.total > 0)
    ? found.map((d) => ({ share: d!.failing / d!.total, interval: d!.interval, failing: d!.failing, total: d!.total }))
    : null;
  const margin = runs.map((r) => r.scores?.margin ?? null);
  const known = margin.filter((m): m is number => m !== null);
  const wordings = runs.map((r) => wordingsOf(residue, r));
  return {
    ...placed,
    labels: runs.map(runLabel),
    margin,
    failed: runs.map((r) => r.scores?.failed ?? null),
    wordings,
    density,
    aria: `Margin at ${runs.length} values of ${names.join(', ') || 'vary'}, from ${nats(known[0])} to ${nats(known[known.length - 1])}; ${runs.filter((r) => r.scores?.failed).length} of them fail. Read off.`,
    table: {
      columns: [
        'run',
        ...names,
        'margin (nats)',
        'least wording (nats)',
        'largest wording (nats)',
        'wordings',
        'failed',
        'failing',
        'of',
        'share from',
        'share to',
      ],
      rows: runs.map((r, i) => {
        const d = found[i];
        return [
          r.name,
          ...names.map((n) => r.vary[n] ?? null),
          margin[i] ?? null,
          wordings[i]?.low ?? null,
          wordings[i]?.high ?? null,
          wordings[i]?.n ?? null,
          r.scores?.failed ?? null,
          d?.failing ?? null,
          d?.total ?? null,
          d?.interval[0] ?? null,
          d?.interval[1] ?? null,
        ];
      }),
    },
  };
}

/** How far rewording alone moves the margin at one dose. Paraphrases that do not take part in `vary` say nothing of a dose. */
function wordingsOf(residue: Residue, run: RunTrace): DoseModel['wordings'][number] {
  if (!run.scores) return null;
  const others = paraphrasesOf(residue, run).filter((p) => Object.keys(run.vary).every((name) => p.vary[name] !== undefined));
  if (others.length === 0) return null;
  const margins = [run.scores.margin, ...others.map((p) => p.scores!.margin)];
  return { low: Math.min(...margins), high: Math.max(...margins), n: margins.length };
}

export interface DotModel {
  dots: { label: string; margin: number; failed: boolean; headline: boolean; tip: string[] }[];
  agree: string;
  aria: string;
  table: Table;
}

/** Paraphrases of a run as dots on the margin's axis, the run itself among them. */
export function dotModel(residue: Residue, main: RunTrace | null): DotModel | null {
  const scored = main ? paraphrasesOf(residue, main) : [];
  if (!scored.length || !main?.scores) return null;
  const dot = (run: RunTrace, headline: boolean): DotModel['dots'][number] => ({
    label: headline ? 'the prompt itself' : run.name,
    margin: run.scores!.margin,
    failed: run.scores!.failed,
    headline,
    tip: [
      headline ? `${run.name} (the prompt itself)` : run.name,
      `margin: ${nats(run.scores!.margin)}`,
      run.scores!.failed ? 'fails' : 'does not fail',
    ],
  });
  const dots = [dot(main, true), ...scored.map((p) => dot(p, false))];
  const agree = scored.filter((p) => p.scores!.failed === main.scores!.failed).length;
  return {
    dots,
    agree: `${agree} of ${scored.length} agree`,
    aria: `Margins of the prompt and ${scored.length} paraphrases; ${agree} of ${scored.length} have the same outcome. Read off.`,
    table: { columns: ['prompt', 'margin (nats)', 'failed'], rows: dots.map((d) => [d.label, d.margin, d.failed]) },
  };
}

/** The failure density in words. */
export function densityText(residue: Residue): string | null {
  const d = residue.density;
  if (!d || d.total === 0) return null;
  return `${d.failing} of ${d.total} runs fail: ${probability(d.share)}, Wilson 95 % ${probability(d.interval[0])} to ${probability(d.interval[1])}.`;
}
