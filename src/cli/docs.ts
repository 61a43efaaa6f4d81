import type { Command } from 'commander';
import { exitStatus } from './options.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');

/** Words of a description: what Markdown or HTML would read in them is escaped, code in backquotes left as it is. */
const said = (text: string): string =>
  cell(text)
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/[<*_[\]]/g, (c) => `\\${c}`)))
    .join('');

/** What `addHelpText` has put after a command's own help. */
function after(command: Command): string {
  let text = '';
  const [stdout, stderr] = [process.stdout, process.stderr];
  const write = (chunk: string): number => (text += chunk).length;
  command.configureOutput({ writeOut: write, writeErr: write });
  command.outputHelp();
  command.configureOutput({ writeOut: (chunk) => stdout.write(chunk), writeErr: (chunk) => stderr.write(chunk) });
  return text.slice(command.helpInformation().length).trim();
}

/** Every command of the program, those under another after it, without the hidden ones. */
export function commandsOf(program: Command): Command[] {
  return program.commands.filter((one) => one.description() !== '').flatMap((one) => [one, ...commandsOf(one)]);
}

const nameOf = (command: Command): string => (command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name());

function section(command: Command): string[] {
  const name = nameOf(command);
  const help = command.createHelp();
  const lines = [
    `## ${name}`,
    '',
    `${said(command.description())[0]!.toUpperCase()}${said(command.description()).slice(1)}.`,
    '',
    '```sh',
    help.commandUsage(command),
    '```',
  ];
  const table = (title: string, rows: [string, string][]): void => {
    if (rows.length > 0) lines.push('', `| ${title} | |`, '| --- | --- |', ...rows.map(([a, b]) => `| \`${cell(a)}\` | ${said(b)} |`));
  };
  table(
    'argument',
    help.visibleArguments(command).map((one) => [help.argumentTerm(one), help.argumentDescription(one)]),
  );
  table(
    'option',
    help.visibleOptions(command).map((one) => [help.optionTerm(one), help.optionDescription(one)]),
  );
  const [words, shown = ''] = after(command).split(/^Examples:$/m);
  const more = words!.replace(/^Exit status:.*$/m, '').trim();
  if (more !== '') lines.push('', more.replaceAll('\n', ' '));
  const examples = shown
    .split('\n')
    .filter((line) => line.startsWith('  $ '))
    .map((line) => line.slice(4));
  if (examples.length > 0) lines.push('', '```sh', ...examples, '```');
  lines.push('', `Exit status: ${exitStatus(command.name())}`);
  return lines;
}

/** docs/cli.md: every command with its options, examples and exit status, as its own help has them. */
export function cliMarkdown(program: Command): string {
  const commands = commandsOf(program);
  return [
    '# The command line',
    '',
    '<!-- Written by `node scripts/write-cli.mjs` from the commands themselves. -->',
    '',
    `${program.description()} \`residue --help\`, \`residue help COMMAND\` and \`residue COMMAND --help\` print what stands here; \`residue completion\` teaches it to your shell.`,
    '',
    '| command | what it does |',
    '| --- | --- |',
    ...commands.map((one) => `| [\`${nameOf(one)}\`](#${nameOf(one).replaceAll(' ', '-')}) | ${said(one.description())} |`),
    '',
    "Results go to stdout, all else (progress, warnings, errors) to stderr. An error is one sentence, `file:line:column: …` where there is a place. `NO_COLOR` and `FORCE_COLOR` are honoured; `RESIDUE_DEBUG=1` shows the engine's log.",
    ...commands.flatMap((one) => ['', ...section(one)]),
    '',
  ].join('\n');
}
