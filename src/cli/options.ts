import { InvalidArgumentError, Option, type Command } from 'commander';

/** A whole number between two bounds, or commander's own sentence about it. */
export function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= low && value <= high)) throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
    return value;
  };
}

export function text(name: string): (value: string) => string {
  return (value) => {
    if (value === '') throw new InvalidArgumentError(`It must name ${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}, not be empty.`);
    if (value.includes('\0')) throw new InvalidArgumentError('It must not hold a NUL character.');
    return value;
  };
}

/** What a text is probed with: the answer, and what might come instead. `aside` goes before what they are. */
export const answer = (aside = ''): Option =>
  new Option('--answer <text>', `${aside}what should come next, leading space included (default: the model's own top token)`).argParser(
    text('answer'),
  );
export const rivals = (aside = ''): Option =>
  new Option('--rivals <text...>', `${aside}what might come instead (default: the model's own top tokens)`).argParser(
    (value: string, former: string[] = []) => [...former, text('rival')(value)],
  );

/** `a,b` and `a b` alike, each once. */
export function names(value: string, former: string[] = []): string[] {
  const more = value.split(',').map((name) => name.trim());
  if (more.includes('')) throw new InvalidArgumentError('It must name models, separated by commas, none of them empty.');
  if (value.includes('\0')) throw new InvalidArgumentError('It must not hold a NUL character.');
  return [...new Set([...former, ...more])];
}

/** `INHIBIT,RECALL`, each once. */
export function commandNames(value: string, former: string[] = []): string[] {
  const more = value.split(',').map((name) => name.trim());
  if (more.includes('')) throw new InvalidArgumentError('It must name commands of the shell, separated by commas, none of them empty.');
  return [...new Set([...former, ...more])];
}

/** `walk=30` or `walk=30,colour=red`, and each further one. */
export function doses(value: string, former: string[] = []): string[] {
  if (!/^[^=]+=/.test(value)) throw new InvalidArgumentError('It must be a name of vary, = and one of its values: walk=30.');
  return [...new Set([...former, value])];
}

/** A share from 0 to 1, or commander's own sentence about it. */
export function fraction(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

/** The table of a sweep; may be given twice. */
export const tables = (): Option =>
  new Option('--table <file>', 'write the shell × model table there, as its name ends: .csv or .md; may be given twice').argParser(
    (value: string, former: string[] = []) => [...former, text('file')(value)],
  );
/** The value of `--verify=full`. */
export function how(value: string): 'full' {
  if (value !== 'full') throw new InvalidArgumentError('It must be full, or nothing: --verify, --verify=full.');
  return value;
}

const SEEDS = 0xffff_ffff;

export const threads = (): Option =>
  new Option('--threads <n>', 'threads of onnxruntime (default: physical cores, at most 8)').argParser(integer(1, 256));
export const provider = (): Option =>
  new Option('--provider <name>', 'execution provider that `residue models` lists (default: cpu)').argParser(text('provider'));

export function withModel(command: Command): Command {
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

export function withOutputs(command: Command): Command {
  return command
    .option('--json', 'print the residue as JSON, and nothing else, on stdout')
    .addOption(new Option('--npz <dir>', "write each run's traced arrays as one .npz there").argParser(text('folder')))
    .addOption(new Option('--out <dir>', 'write <shell>.residue.json there').argParser(text('folder')));
}

export const examples = (...lines: string[]) => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;

/** What a command ends with, for its help. */
const ENDS: Record<string, string> = {
  run: '0 all expectations hold, 1 some fail, 2 bad input or an error, 130 stopped by Ctrl-C.',
  merge: '0 all expectations hold, 1 some fail, 2 bad input or an error.',
  check: '0 every file can be run, 2 some cannot.',
  selftest: '0 every cause is found, 1 some are not, 2 an error, 130 stopped by Ctrl-C.',
  mcp: '0 the client has ended it, 2 bad input.',
  completion: '0 done, 2 bad input.',
};

/** The exit status of a command, as its help and docs/cli.md tell it. */
export const exitStatus = (command: string): string => ENDS[command] ?? '0 done, 2 bad input or an error, 130 stopped by Ctrl-C.';
