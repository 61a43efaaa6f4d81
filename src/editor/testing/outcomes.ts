import type { ExpectationResult, Residue, RunTrace } from '../../residue/types.js';
import type { TestNode } from './tree.js';

/** What an item came to. `text` is for its output: what was found, or why it was not measured. */
export interface Outcome {
  state: 'passed' | 'failed' | 'skipped';
  text: string[];
  /** The expectation that did not hold. */
  failure?: { message: string; expected: string; actual: string; line: number };
}

/** What a node of the tree came to in a residue. Only what the shell expects can fail: that a prompt fails is a finding, not a fault. */
export function outcomeOf(node: TestNode, residue: Residue): Outcome {
  const run = node.vary ? residue.runs.find(({ vary }) => same(vary, node.vary!)) : residue.runs[residue.primary];
  if (!run) return { state: 'skipped', text: ['This value was not run.'] };
  switch (node.kind) {
    case 'vary':
      return run.scores ? { state: 'passed', text: [sentence(run)] } : { state: 'skipped', text: ['The run was stopped before it.'] };
    case 'command':
      return commandOutcome(node, run, residue);
    case 'expectation':
      return expectationOutcome(node, residue, run);
  }
}

/**
 * The shell itself passes when it was run to its end: what failed is told by the item of each expectation, so that running failed
 * ones again runs those. It fails with what no item has told.
 * @param told Expectations that failed and have an item among those that were asked for.
 */
export function shellOutcome(residue: Residue, told: number): Outcome {
  const text = residue.verdict ? [residue.verdict.sentence] : [];
  if (residue.status !== 'complete')
    return { state: 'skipped', text: [...text, `Cancelled at ${residue.cancelledAt ?? 'an unknown step'}.`] };
  const failed = residue.expectations.filter(({ passed }) => !passed);
  return {
    state: failed.length > told ? 'failed' : 'passed',
    text: [...text, ...(failed.length > told ? failed.map(({ message }) => message) : [])],
  };
}

const same = (a: Record<string, string>, b: Record<string, string>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);

function sentence({ scores }: RunTrace): string {
  if (!scores) return '';
  const { failed, answer, margin } = scores;
  return `${failed ? 'Failed' : 'Did not fail'}: ${JSON.stringify(answer.text)} has a margin of ${margin.toFixed(2)} nats.`;
}

function commandOutcome({ label, command }: TestNode, run: RunTrace, { shell }: Residue): Outcome {
  // Outcomes are in the order of the calls that were asked for: a call is the n-th of its name, unless only some were asked for.
  const named = run.commands?.filter(({ name }) => name === label) ?? [];
  const calls = shell.run.filter(({ name }) => name === label).length;
  const before = shell.run.slice(0, command ?? 0).filter(({ name }) => name === label).length;
  const found = named.length === calls ? named[before] : named[0];
  if (!found) return { state: 'skipped', text: ['It was not measured: it was left out, or the run was stopped before it.'] };
  return { state: 'passed', text: found.findings };
}

function expectationOutcome(node: TestNode, residue: Residue, run: RunTrace): Outcome {
  const headline = residue.runs[residue.primary];
  const { vary } = residue.provenance.settings;
  if (vary !== undefined && !resultOf(node, residue))
    return {
      state: 'skipped',
      text: [`Not judged: only ${vary} was run, and what the shell expects is about its headline over all values.`],
    };
  if (node.vary && run !== headline)
    return { state: 'skipped', text: [`What the shell expects is about the run of its headline (${headline?.name ?? 'none'}).`] };
  const result = resultOf(node, residue);
  if (!result) return { state: 'skipped', text: ['It was not checked: its command was left out, or the run was stopped before it.'] };
  const { passed, message, want, got, line } = result;
  if (passed) return { state: 'passed', text: [message] };
  return {
    state: 'failed',
    text: [message],
    failure: { message, expected: want, actual: got === null ? 'not measured' : String(got), line },
  };
}

/** By path and line; several of one path in one line are in the order of the file. */
function resultOf({ label, spot, expectation }: TestNode, { expectations }: Residue): ExpectationResult | undefined {
  const path = label.slice(0, label.indexOf(': '));
  const here = expectations.filter((one) => one.path === path && (!spot || one.line === spot.line));
  if (here.length < 2) return here[0];
  // None was left out where all of one path are there: then its index is that of the file.
  return expectation !== null && expectations[expectation]?.path === path ? expectations[expectation] : here[0];
}
