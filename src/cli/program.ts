import { Argument, Command, Option } from 'commander';
import { packageVersion } from '../paths.js';
import { checkCommand } from './check.js';
import { compareCommand, type CompareCommandOptions } from './compare.js';
import { COMPLETED_SHELLS, completeCommand, completionCommand, type CompletedShell, type CompleteOptions } from './completion.js';
import { graphCommand, type GraphCommandOptions } from './graph.js';
import { mcpCommand, type McpCommandOptions } from './mcp.js';
import { modelsProgram } from './models.js';
import { reportCommand, type ReportCommandOptions } from './report.js';
import { probeCommand, runCommand, type ProbeCommandOptions, type RunCommandOptions } from './run.js';
import {
  answer,
  commandNames,
  doses,
  examples,
  exitStatus,
  fraction,
  how,
  integer,
  names,
  provider,
  rivals,
  tables,
  text,
  threads,
  withModel,
  withOutputs,
} from './options.js';
import { selftestCommand, type SelftestCommandOptions } from './selftest.js';
import { mergeCommand, sweepCommand, type MergeOptions, type SweepOptions } from './sweep.js';

/** The whole command line; `end` takes the exit code. */
export function program(end: (code: number) => void): Command {
  const residue = new Command('residue')
    .description('Probe how prompts fail inside a local language model: what it almost said, where that was lost, and what lost it.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit status: 0 all expectations hold, 1 some fail, 2 bad input or an error, 130 stopped by Ctrl-C.\n${examples('residue run shells/', 'residue probe "Tom has a red ball. Q: What color is Tom\'s ball? A:" --answer " red"')}`,
    );

  withOutputs(withModel(residue.command('run')))
    .description('run shells and print what they leave')
    .argument('<files...>', 'shell files, folders (every *.shell.yaml in them) or globs')
    .addOption(
      new Option('--verify [full]', 'test causes by intervention though nothing fails; full: every position on its own').argParser(how),
    )
    .option('--no-verify', 'leave the interventions that test causes out')
    .addOption(new Option('--commands <A,B,…>', "run only these of the shells' commands, by name").argParser(commandNames))
    .addOption(
      new Option('--vary <name=value>', "run only this of the shells' values of vary, each with its control; may be given again").argParser(
        doses,
      ),
    )
    .addOption(new Option('--junit <file>', 'write the expectations as JUnit test cases there').argParser(text('file')))
    .addOption(
      new Option('--sarif <file>', 'write failed expectations, wrong files and patterns as SARIF 2.1.0 there').argParser(text('file')),
    )
    .addOption(new Option('--models <a,b,…>', 'run every shell on each of these models and print the shell × model table').argParser(names))
    .addOption(tables())
    .addOption(
      new Option('--shard <i/n>', 'with --models and --out: run only the i-th of n parts; `residue merge` joins them').argParser(
        text('shard'),
      ),
    )
    .option('--resume', 'with --models and --out: run only what is missing or was made from other files or settings')
    .addHelpText(
      'after',
      examples(
        'residue run shells/v1-memtrace.shell.yaml',
        'residue run shells/ --junit results.xml --out residues/',
        'residue run my.shell.yaml --model ~/models/SmolLM2-135M-Instruct --json > my.residue.json',
        'residue run shells/v1-memtrace.shell.yaml --vary walk=60 --vary walk=75',
        'residue run shells/ --models pocket,~/models/gpt2 --out sweep/ --table map.md --table map.csv',
        'residue run shells/ --models pocket,~/models/gpt2 --out sweep/ --shard 2/5',
        'residue run my.shell.yaml --npz arrays/   # python: numpy.load("arrays/probe.npz")',
      ),
    )
    .action(async (files: string[], options: RunCommandOptions & SweepOptions) => {
      const sweep = options.models ?? options.table ?? options.shard ?? options.resume;
      end(await (sweep === undefined ? runCommand(files, options) : sweepCommand(files, options)));
    });

  withOutputs(withModel(residue.command('probe')))
    .description('an overview of any prompt, without a file')
    .argument('<text>', 'what the model reads; its next token is what is looked at')
    .addOption(answer())
    .addOption(rivals())
    .addHelpText(
      'after',
      examples(
        'residue probe "The capital of France is" --model ~/models/gpt2',
        'residue probe "Tom has a red ball. Tom\'s ball is" --answer " red" --rivals " blue" " green"',
      ),
    )
    .action(async (prompt: string, options: ProbeCommandOptions) => end(await probeCommand(prompt, options)));

  withModel(residue.command('compare'))
    .description('compare two residues, two shells, one shell on two models, or a probe with its control')
    .argument('<files...>', 'two *.residue.json or shell files, or one with --models or --control')
    .addOption(new Option('--models <a,b>', 'run the one shell on these two models').argParser(names))
    .option('--control', "compare the one file's control (A) with its probe (B)")
    .option('--json', 'print the comparison as JSON, and nothing else, on stdout')
    .addOption(new Option('--out <file|dir>', 'write *.comparison.json there').argParser(text('file or folder')))
    .addHelpText(
      'after',
      `\nDifferences are B − A, aligned by tokens and by relative depth (layer / layers), each with a permutation test over wordings or values\nof vary; q is adjusted over all of them (Benjamini-Hochberg).\n${examples(
        'residue compare before.residue.json after.residue.json',
        'residue compare shells/v1-memtrace.shell.yaml --models pocket,~/models/SmolLM2-135M-Instruct',
        'residue compare a.shell.yaml b.shell.yaml --model pocket --out comparisons/',
        'residue compare my.residue.json --control',
      )}`,
    )
    .action(async (files: string[], options: CompareCommandOptions) => end(await compareCommand(files, options)));

  withModel(residue.command('graph'))
    .description('how the margin was put together: an attribution graph, every edge tested by intervention')
    .argument('<subject>', 'a shell, a residue that holds a graph, or what the model reads')
    .addOption(answer('with a text: '))
    .addOption(rivals('with a text: '))
    .addOption(new Option('--out <file>', "write it in circuit-tracer's JSON, which its viewer opens").argParser(text('file')))
    .option('--json', 'print that JSON, and nothing else, on stdout')
    .addOption(new Option('--node-threshold <share>', "share of the nodes' influence to keep (default: 0.8)").argParser(fraction))
    .addOption(new Option('--edge-threshold <share>', "share of the edges' scores to keep (default: 0.98)").argParser(fraction))
    .addOption(new Option('--max-nodes <n>', 'nodes at most (default: 80)').argParser(integer(1, 10_000)))
    .addOption(new Option('--max-edges <n>', 'edges at most (default: 240)').argParser(integer(1, 10_000)))
    .addHelpText(
      'after',
      examples(
        'residue graph shells/v1-memtrace.shell.yaml --out graph.json',
        'residue graph "Tom has a red ball. Q: What color is Tom\'s ball? A:" --answer " red" --rivals " blue"',
      ),
    )
    .action(async (subject: string, options: GraphCommandOptions) => end(await graphCommand(subject, options)));

  withModel(residue.command('report'))
    .description('a residue as one HTML file, as Markdown, or as the report that `run` prints; a shell is run first')
    .argument('<file>', 'a *.residue.json, or a shell')
    .addOption(new Option('--html <file>', 'write one HTML file there, which opens anywhere with no network').argParser(text('file')))
    .addOption(
      new Option('--markdown [file]', 'write a Markdown summary there, for a paper or an issue; without a file: print it').argParser(
        text('file'),
      ),
    )
    .addHelpText(
      'after',
      examples(
        'residue report my.residue.json --html my.html',
        'residue report my.residue.json --markdown | pbcopy',
        'residue report shells/v1-memtrace.shell.yaml --html v1.html --markdown v1.md',
      ),
    )
    .action(async (file: string, options: ReportCommandOptions) => end(await reportCommand(file, options)));

  residue
    .command('merge')
    .description('join the shards of a sweep into what the whole sweep would have written')
    .argument('<folders...>', 'folders that `run --models … --out` wrote, or their sweep*.json files')
    .addOption(new Option('--out <dir>', 'write the residues and sweep.json there').argParser(text('folder')))
    .addOption(tables())
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same')
    .addHelpText('after', examples('residue merge shard-1/ shard-2/ --out sweep/ --table map.csv'))
    .action(async (folders: string[], options: MergeOptions) => end(await mergeCommand(folders, options)));

  residue
    .command('check')
    .description('check shell files against the format; no model is opened')
    .argument('<files...>', 'shell files, folders or globs')
    .addHelpText('after', examples('residue check shells/'))
    .action((files: string[]) => end(checkCommand(files)));

  modelsProgram(residue, end);

  residue
    .command('selftest')
    .description('build models whose cause of failure is known, and see whether this installation finds it (within 20 s)')
    .addOption(threads())
    .addOption(provider())
    .option('--json', 'print the result as JSON, and nothing else, on stdout')
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same')
    .addHelpText('after', examples('residue selftest', 'residue selftest --json'))
    .action(async (options: SelftestCommandOptions) => end(await selftestCommand(options)));

  residue
    .command('mcp')
    .description('serve run_shell, probe_prompt and read_residue over the Model Context Protocol, on stdin and stdout')
    .addOption(
      new Option(
        '--root <folder>',
        "folder that files may be read from and saved in; may be given again (default: the client's roots, else the working folder)",
      ).argParser((value: string, former: string[] = []) => [...former, text('folder')(value)]),
    )
    .option('--read-only', 'take no `save`: nothing can be written at all')
    .addOption(new Option('--model <path|id>', 'model for shells and prompts that name none (default: pocket)').argParser(text('model')))
    .addOption(threads())
    .addOption(provider())
    .addHelpText('after', examples('residue mcp', 'residue mcp --root ~/shells --read-only'))
    .action(async (options: McpCommandOptions) => end(await mcpCommand(options)));

  residue
    .command('completion')
    .description('print the script that teaches a shell to complete residue')
    .addArgument(new Argument('<shell>', 'the shell').choices(COMPLETED_SHELLS))
    .addHelpText(
      'after',
      `\nCommands, options, files, ids of models and names of shells' commands are completed, as they are at that moment.\n${examples(
        'source <(residue completion bash)                                        # in ~/.bashrc',
        'source <(residue completion zsh)                                         # in ~/.zshrc, after compinit',
        'residue completion fish > ~/.config/fish/completions/residue.fish',
        'residue completion powershell | Out-String | Invoke-Expression           # in $PROFILE',
      )}`,
    )
    .action((shell: CompletedShell) => end(completionCommand(shell)));

  // What the scripts of `completion` ask; not shown.
  residue
    .command('complete', { hidden: true })
    .argument('[words...]')
    .option('--line <line>')
    .option('--dotted')
    .option('--breaks <characters>')
    .allowUnknownOption()
    .action(async (typed: string[], options: CompleteOptions) => end(await completeCommand(residue, typed, options)));

  for (const command of residue.commands) {
    command.exitOverride().showHelpAfterError(`Run \`residue ${command.name()} --help\` for its options.`);
    for (const one of [command, ...command.commands]) one.addHelpText('after', `\nExit status: ${exitStatus(one.name())}`);
  }
  return residue;
}
