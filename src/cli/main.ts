import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../paths.js';
import { checkCommand } from './check.js';
import { compareCommand, type CompareCommandOptions } from './compare.js';
import { graphCommand, type GraphCommandOptions } from './graph.js';
import { modelsCommand } from './models.js';
import { reportCommand, type ReportCommandOptions } from './report.js';
import { probeCommand, runCommand, type ProbeCommandOptions, type RunCommandOptions } from './run.js';
import { EXIT } from './session.js';
import { selftestCommand, type SelftestCommandOptions } from './selftest.js';
import { mergeCommand, sweepCommand, type MergeOptions, type SweepOptions } from './sweep.js';

/** A whole number between two bounds, or commander's own sentence about it. */
function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= low && value <= high)) throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
    return value;
  };
}

function text(name: string): (value: string) => string {
  return (value) => {
    if (value === '') throw new InvalidArgumentError(`It must name a ${name}, not be empty.`);
    if (value.includes('\0')) throw new InvalidArgumentError('It must not hold a NUL character.');
    return value;
  };
}

/** `a,b` and `a b` alike, each once. */
function names(value: string, former: string[] = []): string[] {
  const more = value.split(',').map((name) => name.trim());
  if (more.includes('')) throw new InvalidArgumentError('It must name models, separated by commas, none of them empty.');
  if (value.includes('\0')) throw new InvalidArgumentError('It must not hold a NUL character.');
  return [...new Set([...former, ...more])];
}

/** `INHIBIT,RECALL`, each once. */
function commandNames(value: string, former: string[] = []): string[] {
  const more = value.split(',').map((name) => name.trim());
  if (more.includes('')) throw new InvalidArgumentError('It must name commands of the shell, separated by commas, none of them empty.');
  return [...new Set([...former, ...more])];
}

/** A share from 0 to 1, or commander's own sentence about it. */
function fraction(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

/** The table of a sweep; may be given twice. */
const tables = (): Option =>
  new Option('--table <file>', 'write the shell × model table there, as its name ends: .csv or .md; may be given twice').argParser(
    (value: string, former: string[] = []) => [...former, text('file')(value)],
  );
/** The value of `--verify=full`. */
function how(value: string): 'full' {
  if (value !== 'full') throw new InvalidArgumentError('It must be full, or nothing: --verify, --verify=full.');
  return value;
}

const SEEDS = 0xffff_ffff;

const threads = (): Option =>
  new Option('--threads <n>', 'threads of onnxruntime (default: physical cores, at most 8)').argParser(integer(1, 256));
const provider = (): Option =>
  new Option('--provider <name>', 'execution provider that `residue models` lists (default: cpu)').argParser(text('provider'));

function withModel(command: Command): Command {
  return command
    .addOption(
      new Option('--model <path|id>', 'a model folder, a .safetensors, .gguf or .bin file, or an id that `residue models` lists').argParser(
        text('model'),
      ),
    )
    .addOption(new Option('--seed <n>', 'seed of everything that is drawn (default: 0)').argParser(integer(0, SEEDS)))
    .addOption(threads())
    .addOption(provider())
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same');
}

function withOutputs(command: Command): Command {
  return command
    .option('--json', 'print the residue as JSON, and nothing else, on stdout')
    .addOption(new Option('--npz <dir>', "write each run's traced arrays as one .npz there").argParser(text('folder')))
    .addOption(new Option('--out <dir>', 'write <shell>.residue.json there').argParser(text('folder')));
}

const examples = (...lines: string[]) => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;

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
    .addOption(
      new Option('--answer <text>', "what should come next, leading space included (default: the model's own top token)").argParser(
        text('answer'),
      ),
    )
    .option('--rivals <text...>', "what might come instead (default: the model's own top tokens)")
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
    .option('--answer <text>', "with a text: what should come next (default: the model's own top token)")
    .option('--rivals <text...>', "with a text: what might come instead (default: the model's own top tokens)")
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

  residue
    .command('models')
    .description('list the models at hand and the execution providers of the installed onnxruntime')
    .addHelpText('after', examples('residue models'))
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same')
    .action(async (options: { color: boolean }) => end(await modelsCommand(options)));

  residue
    .command('selftest')
    .description('build models whose cause of failure is known, and see whether this installation finds it (within 20 s)')
    .addOption(threads())
    .addOption(provider())
    .option('--json', 'print the result as JSON, and nothing else, on stdout')
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same')
    .addHelpText('after', examples('residue selftest', 'residue selftest --json'))
    .action(async (options: SelftestCommandOptions) => end(await selftestCommand(options)));

  for (const command of residue.commands)
    command.exitOverride().showHelpAfterError(`Run \`residue ${command.name()} --help\` for its options.`);
  return residue;
}

async function main(): Promise<number> {
  let code: number = EXIT.ok;
  try {
    await program((end) => (code = end)).parseAsync(process.argv);
  } catch (error) {
    // Commander has said what is wrong; its help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    throw error;
  }
  return code;
}

// A reader that has gone away (`residue --help | head -1`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
  });
}

void main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`residue: this is a fault of the program: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = EXIT.badInput;
  },
);
