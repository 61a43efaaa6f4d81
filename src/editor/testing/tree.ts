import { parseShell } from '../../shell/parse.js';
import { Findings } from '../../shell/source.js';
import { expandVary } from '../../shell/template.js';
import type { Expectation, Range, Shell } from '../../shell/types.js';

/** Where an item stands in the file: lines and columns from 1, the end column exclusive. */
export interface Spot {
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

/** An item of the Test Explorer below a shell. Ids are unique within their shell and survive edits elsewhere in it. */
export interface TestNode {
  id: string;
  label: string;
  spot: Spot | null;
  /** `vary`: one combination of values. `command`: one command on one combination. */
  kind: 'vary' | 'command' | 'expectation';
  /** Labels of the `vary` values by name; null for what is about the shell as a whole. */
  vary: Record<string, string> | null;
  /** Index into the shell's `run`, for a command and what is expected of it. */
  command: number | null;
  /** Index into the shell's `expect`. */
  expectation: number | null;
  children: TestNode[];
}

/** A shell as the Test Explorer shows it. */
export interface ShellTests {
  /** The shell's id; null for a file that is none. */
  label: string | null;
  title: string;
  spot: Spot | null;
  /** Why the file cannot be run: its first error, `8:20: …`. */
  error: string | null;
  children: TestNode[];
}

/** Combinations that are shown one by one; above it a shell has its expectations alone. */
const SHOWN = 200;

/** The items of a shell: vary values × commands → what is expected of the command; and what is expected of the shell. */
export function shellTests(text: string): ShellTests {
  const { shell, diagnostics } = parseShell(text);
  const findings = new Findings(text);
  const spot = ({ start, end }: Range): Spot => {
    const from = findings.position(start);
    const to = findings.position(Math.max(start, end));
    return { ...from, endLine: to.line, endColumn: to.column };
  };
  if (!shell) {
    const error = diagnostics.find(({ severity }) => severity === 'error');
    return {
      label: null,
      title: '',
      spot: null,
      error: error ? `${error.line}:${error.column}: ${error.message}` : 'It is not a shell.',
      children: [],
    };
  }
  const combinations = expandVary(shell);
  const varied = shell.vary.length > 0;
  const whole = shell.expect.flatMap((expectation, i) =>
    commandOf(shell, expectation) === null ? [expectationNode(shell, i, null, '', spot)] : [],
  );
  const commands = (vary: Record<string, string>, prefix: string): TestNode[] =>
    shell.run.map((call, command) => ({
      id: `${prefix}command.${command}.${call.name}`,
      label: call.name,
      spot: spot(call.range),
      kind: 'command',
      vary,
      command,
      expectation: null,
      children: shell.expect.flatMap((expectation, i) =>
        commandOf(shell, expectation) === command ? [expectationNode(shell, i, vary, prefix, spot)] : [],
      ),
    }));
  const runs: TestNode[] = !varied
    ? commands({}, '')
    : combinations.slice(0, SHOWN).map(({ vary, label }) => ({
        id: `vary.${label}`,
        label: Object.entries(vary)
          .map(([name, value]) => `${name} = ${value}`)
          .join(', '),
        spot: null,
        kind: 'vary',
        vary,
        command: null,
        expectation: null,
        children: commands(vary, `vary.${label}/`),
      }));
  return { label: shell.id, title: shell.title, spot: spot(shell.idRange), error: null, children: [...whole, ...runs] };
}

/** The command that an expectation names: the first of that name. Null for one about the shell. */
function commandOf(shell: Shell, { path }: Expectation): number | null {
  const [name] = path.split('.');
  const index = shell.run.findIndex((call) => call.name === name);
  return index < 0 ? null : index;
}

function expectationNode(
  shell: Shell,
  expectation: number,
  vary: Record<string, string> | null,
  prefix: string,
  spot: (range: Range) => Spot,
): TestNode {
  const { path, want, range } = shell.expect[expectation]!;
  return {
    id: `${prefix}expect.${expectation}.${path}`,
    label: `${path}: ${wantText(want)}`,
    spot: spot(range),
    kind: 'expectation',
    vary,
    command: commandOf(shell, shell.expect[expectation]!),
    expectation,
    children: [],
  };
}

/** `below 0`, `from 0.1 to 0.4`, `present`. */
function wantText(want: Expectation['want']): string {
  if (typeof want !== 'object') return String(want);
  const { below, above, between, equals } = want;
  return [
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(between === undefined ? [] : [`from ${between[0]} to ${between[1]}`]),
    ...(equals === undefined ? [] : [String(equals)]),
  ].join(' and ');
}
