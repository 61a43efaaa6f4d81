import type { RunSummary } from '../results/summary.js';
import type { Outcome } from '../testing/outcomes.js';
import type { ShellTests, TestNode } from '../testing/tree.js';

/**
 * What the extension asks of its thread (dist/residues.cjs). A residue has megabytes, and making objects of it takes the time of several
 * frames, as loading the validator of shells does: both are done there, and the extension host, which other extensions share, hands texts on.
 */
export interface Asks {
  /** What keeps a text from being shown as a residue, in half a sentence; null: nothing. */
  check: { params: { json: string }; result: string | null };
  /** The residue as one HTML file that opens anywhere. */
  html: { params: { json: string }; result: string };
  /** The residue's summary for a paper or an issue. */
  markdown: { params: { json: string }; result: string };
  /** The residue in the one form that the command line writes too. */
  file: { params: { json: string }; result: string };
  /** What the Test Explorer shows of a shell, whatever its text is. */
  tests: { params: { text: string }; result: ShellTests };
  /** What the host needs to know of a run that has ended. `commands`: those that were run; null: all. */
  summary: { params: { json: string; commands: readonly number[] | null }; result: RunFacts };
  /** What has arrived of a run that was stopped without an end of its own, with the place at which it was. */
  stopped: { params: { json: string; at: string }; result: string };
  /** What tests came to, each in its place; `shell`, where it is asked for, has told what they have not. */
  outcomes: { params: { json: string; nodes: readonly TestNode[] }; result: { nodes: Outcome[]; shell: Outcome } };
}

/** What the history, the lenses and the diagnostics are made of. */
export interface RunFacts {
  /** When the residue was made, ISO 8601. */
  at: string;
  summary: RunSummary;
  /** Hash over the files of the model that it was run on. */
  content: string;
}

export type Ask = keyof Asks;
export type AskParams<A extends Ask> = Asks[A]['params'];
export type AskResult<A extends Ask> = Asks[A]['result'];

/** Extension → thread. */
export type ResidueRequest = { [A in Ask]: { id: number; ask: A; params: AskParams<A> } }[Ask];

/** Thread → extension: a result, or why there is none. */
export type ResidueReply = { id: number; result: unknown } | { id: number; fault: string };
