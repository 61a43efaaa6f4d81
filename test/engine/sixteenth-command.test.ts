import { expect, it, vi } from 'vitest';
import { COMMANDS } from '../../src/commands/table.js';
import type { Command } from '../../src/commands/types.js';
import { isResidue } from '../../src/residue/guards.js';
import { checkResidue } from '../../src/residue/read.js';
import { formatReport } from '../../src/residue/report.js';
import { serializeResidue } from '../../src/residue/write.js';
import { packageRoot } from '../../src/paths.js';
import { completions, lenses } from '../../src/shell/complete.js';
import { hoverAt } from '../../src/shell/hover.js';
import { parseShell } from '../../src/shell/parse.js';
import { shellSchema } from '../../src/shell/published.js';
import { openPath, runText } from '../helpers/shells.js';

// One more command is its file (test/helpers/tally.ts) and one line of the table.
vi.mock('../../src/commands/table.js', async (original) => {
  const table = await original<{ COMMANDS: readonly Command[] }>();
  const { tally } = await import('../helpers/tally.js');
  const all = [...table.COMMANDS, tally as unknown as Command];
  return { COMMANDS: all, commandByName: (name: string) => all.find((command) => command.name === name) };
});

const SHELL = `format: 1
shell: tallied
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue"]
run:
  - TALLY: { span: fact }
expect:
  - TALLY.lost: { above: 0 }
`;

it('one more command is checked, completed, explained, run, expected, reported and shown with nothing else changed', async () => {
  expect(COMMANDS.at(-1)!.name).toBe('TALLY');
  // Schema, checks, completion, hover, lens.
  expect(JSON.stringify(shellSchema())).toContain('TALLY.lost');
  expect(parseShell(SHELL).diagnostics).toEqual([]);
  expect(
    parseShell(SHELL.replace('span: fact', 'spam: fact'))
      .diagnostics.map(({ message }) => message)
      .join(),
  ).toContain('TALLY has no parameter "spam"');
  expect(parseShell(SHELL.replace('span: fact', 'span: nobody')).shell).toBeNull();
  const run = SHELL.indexOf('- TALLY') + 2;
  expect(completions(SHELL, run).map(({ label }) => label)).toContain('TALLY');
  expect(completions(SHELL, SHELL.indexOf('fact }') + 1).map(({ label }) => label)).toContain('fact');
  expect(hoverAt(SHELL, run + 1)?.markdown).toContain('**TALLY**');
  expect(lenses(SHELL).map(({ title }) => title)).toEqual(['Run shell', 'Verify', 'Run TALLY']);
  // Run, expectation, verdict, residue, report, panel.
  const model = await openPath(`${packageRoot()}/media/models/pocket`);
  try {
    const residue = await runText(model, SHELL);
    const [outcome] = residue.runs[0]!.commands!;
    expect(outcome).toMatchObject({
      name: 'TALLY',
      measures: { lost: { unit: 'nats' }, tokens: { unit: 'tokens', evidence: 'observed' } },
    });
    expect(residue.expectations).toMatchObject([{ path: 'TALLY.lost', passed: true, line: 10 }]);
    expect(residue.verdict!.confirmed).toEqual(['the span is needed: true']);
    expect(() => checkResidue(JSON.parse(serializeResidue(residue)))).not.toThrow();
    expect(isResidue(JSON.parse(JSON.stringify(residue)))).toBe(true);
    const report = formatReport(residue);
    expect(report).toMatch(/TALLY .*\(read off and tested by intervention\)/);
    expect(report).toContain('Tallied tokens (read off)');
  } finally {
    await model.close();
  }
});
