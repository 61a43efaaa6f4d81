import { InputError } from '../errors.js';
import { failureDensity } from '../run/verdict.js';
import type { ComparedSide } from '../residue/types-comparison.js';
import type { Residue, RunTrace } from '../residue/types.js';

/** One of two things to compare: a residue, and which of its prompts is meant. */
export interface SideInput {
  residue: Residue;
  /** Base name of the file it came from; null for one that was just made. */
  file: string | null;
  /** `control`: the residue's control in place of its probe. */
  prompt?: 'probe' | 'control';
}

/** A side with the run that is looked at. */
export interface Side extends SideInput {
  run: RunTrace;
  /** The runs of the probe, one per combination of vary values; only the control where that is what is compared. */
  runs: RunTrace[];
  paraphrases: RunTrace[];
}

/** Vary values as a key: the same for the same combination. */
export const varyKey = ({ vary }: RunTrace): string =>
  JSON.stringify(Object.entries(vary).sort(([p], [q]) => (p < q ? -1 : p > q ? 1 : 0)));

/**
 * Chooses what is looked at on either side, the same whichever is named first: the first combination of vary values that both have
 * and at which one fails, else the last that both have; where they share none, each residue's own headline.
 * Throws InputError for a residue in which nothing was scored.
 */
export function sidesOf(a: SideInput, b: SideInput): { a: Side; b: Side; shared: boolean } {
  const runsA = scored(a);
  const runsB = scored(b);
  // A control is compared with the headline, whatever its own vary values.
  const alike = (a.prompt ?? 'probe') === (b.prompt ?? 'probe');
  const twins = (alike ? runsA : []).flatMap((run): [RunTrace, RunTrace][] => {
    const twin = runsB.find((other) => varyKey(other) === varyKey(run));
    return twin ? [[run, twin]] : [];
  });
  const shared = twins.length > 0;
  const chosen = twins.find(([p, q]) => p.scores!.failed || q.scores!.failed) ?? twins.at(-1) ?? [headline(a, runsA), headline(b, runsB)];
  const side = (input: SideInput, run: RunTrace, runs: RunTrace[]): Side => ({
    ...input,
    run,
    runs,
    paraphrases: input.prompt === 'control' ? [] : input.residue.paraphrases.filter(({ scores }) => scores),
  });
  return { a: side(a, chosen[0], runsA), b: side(b, chosen[1], runsB), shared };
}

function scored({ residue, file, prompt = 'probe' }: SideInput): RunTrace[] {
  const place = file === null ? {} : { file };
  if (prompt === 'control') {
    if (!residue.control?.scores) throw new InputError('the residue has no measured control; compare it with another residue.', place);
    return [residue.control];
  }
  const runs = residue.runs.filter(({ scores }) => scores);
  if (runs.length > 0) return runs;
  throw new InputError(
    `the residue has no measured run (it was ${residue.status === 'cancelled' ? 'cancelled' : 'not finished'}); run the shell again.`,
    place,
  );
}

function headline({ residue }: SideInput, runs: RunTrace[]): RunTrace {
  const own = residue.runs[residue.primary];
  return own && runs.includes(own) ? own : runs.at(-1)!;
}

/** Paraphrases at the vary values of a run. */
export const paraphrasesAt = (side: Side, run: RunTrace): RunTrace[] => side.paraphrases.filter((p) => varyKey(p) === varyKey(run));

/** Hash that tells whether two residues were made with the same weights. */
export function weightsOf({ residue }: SideInput): string | null {
  const files = residue.provenance.model.files.filter(({ role }) => role === 'weights').map(({ sha256 }) => sha256);
  return files.length === 0 ? null : files.join(' ');
}

/** Labels that tell the sides apart: by model, else by shell, else by prompt, else by file. */
export function labelsOf(a: SideInput, b: SideInput): [string, string] {
  const ways: ((side: SideInput) => string | null)[] = [
    ({ residue }) => residue.provenance.model.id,
    ({ residue }) => residue.shell.id,
    ({ prompt = 'probe' }) => prompt,
    ({ file }) => file,
    ({ residue }) => `seed ${residue.provenance.seed}`,
  ];
  for (const way of ways) {
    const [p, q] = [way(a), way(b)];
    if (p !== null && q !== null && p !== q) return [p, q];
  }
  return ['A', 'B'];
}

/** What the comparison keeps of a side. */
export function describeSide(side: Side, label: string): ComparedSide {
  const { residue, file, run } = side;
  const { shell, provenance } = residue;
  const { id, family, dtype, layers, heads, parameters } = provenance.model;
  const scores = run.scores!;
  const rival = scores.strongest === null ? null : scores.rivals[scores.strongest]!.text;
  const collapse = run.collapse ?? { kind: 'none' as const, layer: null };
  const density = side.prompt === 'control' ? null : failureDensity([{ probe: run, paraphrases: [] }, ...rest(side)]);
  return {
    label,
    file,
    shell: { id: shell.id, title: shell.title, sha256: shell.sha256 },
    model: { id, family, dtype, layers, heads, parameters, weights: weightsOf(side) },
    run: run.name,
    answer: scores.answer.text,
    rival,
    says: scores.top[0]?.text ?? null,
    failed: scores.failed,
    margin: scores.margin,
    collapse: { kind: collapse.kind, layer: collapse.layer, depth: collapse.layer === null ? null : collapse.layer / layers },
    density: density && { failing: density.failing, total: density.total, interval: density.interval },
    tokens: run.tokens,
    spans: run.spans,
  };
}

function rest(side: Side): { probe: RunTrace; paraphrases: RunTrace[] }[] {
  return [...side.runs.filter((run) => run !== side.run), ...side.paraphrases].map((probe) => ({ probe, paraphrases: [] }));
}
