import type { Residue, RunTrace } from '../../src/residue/types.js';
import { visible } from './format.js';

/** What is kept of a reader's choices; crosses the boundary as plain scalars. */
export type View = Record<string, string | number | boolean | null>;

export const SHADINGS = ['attention', 'value-weighted', 'contribution'] as const;
export type Shading = (typeof SHADINGS)[number];

/** A place in the model that is hovered or pinned. `row` is a residual row (0 … L), so block b has row b + 1. */
export interface Mark {
  row: number | null;
  /** [layer, head] */
  head: [number, number] | null;
  token: number | null;
}

/** What the reader has chosen to look at, with every choice checked against this residue. */
export interface Selection {
  /** Index into residue.runs. */
  index: number;
  prompt: 'probe' | 'control';
  run: RunTrace | null;
  /** The trace that the sections show: the run, or the control. */
  shown: RunTrace | null;
  shading: Shading;
  /** The span that heads are measured against. */
  span: string | null;
  pinned: Mark;
}

const integer = (value: View[string] | undefined, limit: number): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limit ? value : null;

/** Reads a view; anything that does not fit the residue falls back to its default. */
export function select(residue: Residue, view: View): Selection {
  const fallback = integer(residue.primary, residue.runs.length) ?? 0;
  // Addresses name a run, for its index may change with the values of vary.
  const named = typeof view.run === 'string' ? residue.runs.findIndex(({ name }) => name === view.run) : -1;
  const index = named >= 0 ? named : (integer(view.run, residue.runs.length) ?? fallback);
  const run = residue.runs[index] ?? null;
  const prompt = view.prompt === 'control' && residue.control ? 'control' : 'probe';
  const shown = prompt === 'control' ? residue.control : run;
  const spans = Object.keys(shown?.attention?.spans ?? shown?.spans ?? {});
  const span = spans.find((s) => s === view.span) ?? spans[0] ?? null;
  const { layers, heads } = residue.provenance.model;
  const [layer, head] = typeof view.head === 'string' ? view.head.split('.').map(Number) : [];
  const l = integer(layer, layers);
  const hd = integer(head, heads);
  return {
    index,
    prompt,
    run,
    shown,
    shading: SHADINGS.find((s) => s === view.shading) ?? 'attention',
    span,
    pinned: {
      row: integer(view.row, layers + 1),
      head: l !== null && hd !== null ? [l, hd] : null,
      token: integer(view.token, shown?.tokens.length ?? 0),
    },
  };
}

/** Label of a run in the selector: its vary values, or its name. */
export function runLabel(run: RunTrace): string {
  const values = Object.entries(run.vary).map(([name, value]) => `${name} = ${visible(value, 24)}`);
  return values.length ? values.join(', ') : run.name;
}

/** What to ask of a run that verifies: what the residue holds beyond the shell's own wishes is kept. */
export const verifyAsk = (residue: Residue): { verify: true; graph?: true } => ({
  verify: true,
  ...(residue.runs.some(({ graph }) => graph) ? { graph: true } : {}),
});

/** What to ask of a run that makes the attribution graph, likewise. */
export const graphAsk = (residue: Residue): { graph: true; verify?: true } => ({
  graph: true,
  ...(residue.runs.some(({ verification: v }) => v && v.maps.every(({ complete }) => complete)) ? { verify: true } : {}),
});

/** What a residual row is, in words. */
export function rowName(row: number, layers: number): string {
  if (row === 0) return 'layer 0 (embeddings)';
  return `layer ${row} of ${layers} (after blocks.${row - 1})`;
}

/** Scored paraphrases at the vary values of a run. */
export function paraphrasesOf(residue: Residue, run: RunTrace): RunTrace[] {
  return residue.paraphrases.filter(
    (p) => p.scores && Object.entries(run.vary).every(([name, value]) => p.vary[name] === undefined || p.vary[name] === value),
  );
}
