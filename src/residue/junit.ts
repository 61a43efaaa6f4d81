import type { Residue } from './types.js';

/** One shell's outcome for the JUnit file: its residue, or the sentence that says why there is none. */
export type JUnitEntry =
  | { residue: Residue; /** Expectations that this run has not judged. */ unjudged?: readonly Unjudged[]; seconds: number; file: string }
  | { error: string; seconds: number; file: string };

export interface Unjudged {
  path: string;
  want: string;
}

/** Text inside an attribute or element. XML 1.0 has no way to write most control characters: they become U+FFFD. */
function escape(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll(/[&<>"'\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`);
}

interface Case {
  name: string;
  failure?: { type: string; message: string; body: string };
  error?: string;
  skipped?: string;
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escape(String(value))}"`)
    .join('');
}

function casesOf(entry: JUnitEntry): Case[] {
  if ('error' in entry) return [{ name: 'run', error: entry.error }];
  const { residue, unjudged = [], file } = entry;
  if (residue.status !== 'complete')
    return [{ name: 'run', error: `The run was cancelled at ${residue.cancelledAt ?? 'an unknown step'}.` }];
  const left = unjudged.map(({ path, want }) => ({
    name: `${path}: ${want}`,
    skipped: `${path} was not judged: only a part of the shell was run.`,
  }));
  if (residue.expectations.length > 0) {
    const own = residue.expectations.map((e) => ({
      name: `${e.path}: ${e.want}`,
      ...(e.passed
        ? {}
        : {
            failure: {
              type: 'expectation',
              message: e.message,
              body: `${file}:${e.line}: ${e.message}\nexpected ${e.want}, got ${String(e.got)}`,
            },
          }),
    }));
    return [...own, ...left];
  }
  // Without expectations there is nothing to fail: a run that was finished is a case that passed.
  return [...residue.runs.map((run) => ({ name: run.name })), ...left];
}

/**
 * JUnit XML of one or more shells: a suite per shell, a case per expectation (its message and `file:line` in a failure; skipped
 * where the run was of a part that cannot judge it), or one case per run where none is judged. A shell that could not be run is a suite with one error.
 */
export function formatJUnit(entries: readonly JUnitEntry[]): string {
  const suites = entries.map((entry) => {
    const cases = casesOf(entry);
    const name = 'error' in entry ? entry.file : entry.residue.shell.id;
    const failures = cases.filter((c) => c.failure).length;
    const errors = cases.filter((c) => c.error).length;
    const skipped = cases.filter((c) => c.skipped).length;
    const time = entry.seconds.toFixed(3);
    const head = attributes({ name, tests: cases.length, failures, errors, skipped, time, file: entry.file });
    const body = cases.map((c, i) => {
      const open = `    <testcase${attributes({ name: c.name, classname: name, file: entry.file, time: i === 0 ? time : '0.000' })}`;
      if (c.failure) {
        const { type, message, body: detail } = c.failure;
        return `${open}>\n      <failure${attributes({ type, message })}>${escape(detail)}</failure>\n    </testcase>`;
      }
      if (c.error) return `${open}>\n      <error${attributes({ type: 'error', message: c.error })}/>\n    </testcase>`;
      if (c.skipped) return `${open}>\n      <skipped${attributes({ message: c.skipped })}/>\n    </testcase>`;
      return `${open}/>`;
    });
    return {
      text: `  <testsuite${head}>\n${body.join('\n')}\n  </testsuite>`,
      tests: cases.length,
      failures,
      errors,
      seconds: entry.seconds,
    };
  });
  const sum = (pick: (s: (typeof suites)[number]) => number) => suites.reduce((total, s) => total + pick(s), 0);
  const totals = {
    tests: sum((s) => s.tests),
    failures: sum((s) => s.failures),
    errors: sum((s) => s.errors),
    time: sum((s) => s.seconds).toFixed(3),
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: 'symbolic-residue', ...totals })}>\n${suites.map((s) => s.text).join('\n')}\n</testsuites>\n`;
}
