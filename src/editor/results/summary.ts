import { collapseDoubts, doubtsOf } from '../../residue/standing.js';
import type { CommandOutcome, ExpectationResult, Residue } from '../../residue/types.js';

/** How something turned out: `lost`: the prompt failed, or an expectation did. `plain`: nothing to pass or fail. */
export type Mark = 'holds' | 'lost' | 'plain' | 'cancelled';

/** What one command of a run came to. */
export interface CommandSummary {
  /** Index into the shell's `run`. */
  index: number;
  name: string;
  mark: Mark;
  /** `holds`, `effect is 0.2, but below 0 was expected`, or its first value: `effect −1.2 nats`. */
  text: string;
}

/** What is kept of a run in the history: enough for lenses and trend, with no need for the residue itself. */
export interface RunSummary {
  status: 'complete' | 'cancelled';
  cancelledAt: string | null;
  model: string;
  /** Which values of `vary` were run, `walk=30`; absent: all. */
  doses?: string;
  /** Null where the run did not come to a verdict. */
  failed: boolean | null;
  /** `lost at layer 4`, `never formed`, `did not fail`, `cancelled at …`. */
  outcome: string;
  /** The panel's headline. */
  sentence: string | null;
  /** log p(answer) − max log p(rival) of the headline's run, nats. */
  margin: number | null;
  expectations: { total: number; failed: { path: string; message: string; line: number }[] };
  commands: CommandSummary[];
}

/** @param commands Indexes of the commands that were run, in order; undefined: all. */
export function summarise(residue: Residue, commands?: readonly number[]): RunSummary {
  const { verdict, expectations, status } = residue;
  const run = residue.runs[residue.primary];
  const failed = verdict?.failed ?? null;
  const whole = status === 'complete';
  const doses = residue.provenance.settings['vary'];
  return {
    status: whole ? 'complete' : 'cancelled',
    cancelledAt: residue.cancelledAt ?? null,
    model: residue.provenance.model.id,
    ...(typeof doses === 'string' ? { doses } : {}),
    failed,
    outcome: whole ? outcomeOf(residue) : `cancelled${residue.cancelledAt ? ` at ${residue.cancelledAt}` : ''}`,
    sentence: verdict?.sentence ?? null,
    margin: run?.scores?.margin ?? null,
    expectations: {
      total: expectations.length,
      failed: expectations.filter(({ passed }) => !passed).map(({ path, message, line }) => ({ path, message, line })),
    },
    commands: commandsOf(run?.commands ?? [], commands, residue),
  };
}

function outcomeOf(residue: Residue): string {
  const { verdict, runs, primary } = residue;
  const doubts = collapseDoubts(residue, runs[primary]);
  const doubt = doubts.length > 0 ? ` (${doubts.join(', ')})` : '';
  if (!verdict) return 'no verdict';
  if (!verdict.failed) return 'did not fail';
  const collapse = runs[primary]?.collapse;
  if (collapse?.kind === 'lost' && collapse.layer !== null) return `lost at layer ${collapse.layer}${doubt}`;
  return collapse?.kind === 'never-formed' ? `never formed${doubt}` : 'failed';
}

function commandsOf(outcomes: readonly CommandOutcome[], indexes: readonly number[] | undefined, residue: Residue): CommandSummary[] {
  const order = indexes ? [...new Set(indexes)].sort((a, b) => a - b) : residue.shell.run.map((_, i) => i);
  return outcomes.flatMap((outcome, i) => {
    const index = order[i];
    if (index === undefined || residue.shell.run[index]?.name !== outcome.name) return [];
    const first = residue.shell.run.findIndex(({ name }) => name === outcome.name) === index;
    // `expect` names a command by its name alone: where there are two, it means the first.
    const about = first ? residue.expectations.filter(({ path }) => path.startsWith(`${outcome.name}.`)) : [];
    return [{ index, name: outcome.name, ...commandText(outcome, about) }];
  });
}

function commandText(outcome: CommandOutcome, about: readonly ExpectationResult[]): { mark: Mark; text: string } {
  const unmet = about.filter(({ passed }) => !passed);
  if (unmet[0]) {
    const message = unmet[0].message.slice(outcome.name.length + 1);
    return { mark: 'lost', text: unmet.length > 1 ? `${message} (and ${unmet.length - 1} more)` : message };
  }
  if (about.length > 0) return { mark: 'holds', text: 'holds' };
  const [name, value] =
    Object.entries(outcome.values).find(([, cell]) => typeof cell === 'number') ?? Object.entries(outcome.values)[0] ?? [];
  if (name === undefined || value === undefined || value === null) return { mark: 'plain', text: 'done' };
  const unit = outcome.measures?.[name]?.unit ?? '';
  const shown = typeof value === 'number' ? number(value) : String(value);
  const doubts = doubtsOf({ null: outcome.nulls?.[name] ?? null, opinion: outcome.opinions?.[name] ?? null });
  return { mark: 'plain', text: `${name} ${shown}${unit ? ` ${unit}` : ''}${doubts.length > 0 ? ` (${doubts.join(', ')})` : ''}` };
}

/** Three significant digits, with a true minus sign. */
export function number(value: number): string {
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−');
}
