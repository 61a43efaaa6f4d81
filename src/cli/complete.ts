import type { Argument, Command, Option } from 'commander';

/** What may stand at the cursor: words to choose from, and files where a shell's own completion of files shall join in. */
export interface Completion {
  candidates: { value: string; description: string }[];
  /** Extensions without a dot; empty: any file. Null: no files. */
  files: string[] | null;
  folders: boolean;
}

/** What the words of the command line are chosen from that is not in its grammar. */
export interface Choices {
  models(): readonly string[];
  commands(): readonly string[];
  /** `name=value` of the shells among the arguments given so far. */
  doses(files: readonly string[]): readonly string[];
}

const SHELL_FILES = ['yaml', 'yml'];
const nothing: Completion = { candidates: [], files: null, folders: false };
const words = (values: readonly string[], description = ''): Completion => ({
  ...nothing,
  candidates: values.map((value) => ({ value, description })),
});
const filesOf = (...extensions: string[]): Completion => ({ ...nothing, files: extensions });

/** What an option's value is, by its place-holder: `<path|id>`, `<dir>`, `<a,b,…>`, … */
function valueOf(option: Option, choices: Choices, given: readonly string[]): Completion {
  const [, holder = ''] = /[<[]([^\]>]+)[\]>]/.exec(option.flags) ?? [];
  switch (holder) {
    case 'path|id':
      return { ...words(choices.models()), files: [] };
    case 'a,b':
    case 'a,b,…':
      return words(choices.models());
    case 'A,B,…':
      return words(choices.commands());
    case 'dir':
    case 'folder':
      return { ...nothing, folders: true };
    case 'file':
    case 'file|dir':
      return filesOf();
    case 'name=value':
      return words(choices.doses(given));
    case 'full':
      return words(['full']);
    case 'name':
      return option.long === '--provider'
        ? words(['cpu', ...({ darwin: ['coreml'], win32: ['dml'] }[process.platform as string] ?? [])])
        : nothing;
    default:
      return option.argChoices ? words(option.argChoices) : nothing;
  }
}

/** What an argument is, by its command and name. */
function argumentOf(command: Command, argument: Argument, choices: Choices): Completion {
  if (argument.argChoices) return words(argument.argChoices);
  switch (argument.name()) {
    case 'files':
      return filesOf(...SHELL_FILES, ...(command.name() === 'compare' ? ['json'] : []));
    case 'file':
    case 'subject':
      return filesOf(...SHELL_FILES, 'json');
    case 'folders':
      return { ...filesOf('json'), folders: true };
    case 'path':
      return filesOf();
    case 'model':
    case 'models':
      return words(choices.models().filter((id) => !id.startsWith('planted:')));
    default:
      return nothing;
  }
}

/** Commands that are shown: not those whose description is empty. */
const shown = (command: Command): Command[] => command.commands.filter((one) => one.description() !== '');

const isHidden = (option: Option): boolean => option.hidden;

/** Only the candidates that go on from what is typed; of a list with commas, after its last comma. */
function narrowed(completion: Completion, typed: string, list: boolean): Completion {
  const head = list ? typed.slice(0, typed.lastIndexOf(',') + 1) : '';
  const taken = new Set(head.split(','));
  const tail = typed.slice(head.length);
  return {
    ...completion,
    candidates: completion.candidates
      .filter(({ value }) => value.toLowerCase().startsWith(tail.toLowerCase()) && !taken.has(value))
      .map(({ value, description }) => ({ value: head + value, description })),
  };
}

/**
 * What may stand in place of the last of `typed` (the words after `residue`, the last one perhaps empty or half-written), from the
 * grammar of the program itself: commands, options, their values, files, ids of models and names of shells' commands.
 */
export function complete(program: Command, typed: readonly string[], choices: Choices): Completion {
  if (typed[0] === 'help' && typed.length > 1) return helpOf(program, typed.slice(1));
  let command = program;
  let open: Option | undefined;
  let variadic: Option | undefined;
  const given: string[] = [];
  let onlyArguments = false;
  const used = new Set<Option>();
  const find = (flag: string): Option | undefined => command.options.find(({ long, short }) => long === flag || short === flag);
  const before = typed.slice(0, -1);
  for (const word of before) {
    if (open) {
      variadic = open.variadic ? open : undefined;
      open = undefined;
      continue;
    }
    if (!onlyArguments && word === '--') {
      onlyArguments = true;
      continue;
    }
    if (!onlyArguments && word.startsWith('-') && word.length > 1) {
      variadic = undefined;
      const option = find(word.split('=')[0]!);
      if (option) used.add(option);
      if (option?.required && !word.includes('=')) open = option;
      continue;
    }
    if (variadic) continue;
    const next = given.length === 0 ? command.commands.find((one) => one.name() === word || one.aliases().includes(word)) : undefined;
    if (next) command = next;
    else given.push(word);
  }
  const last = typed.at(-1) ?? '';
  const list = (option: Option): boolean => /[<[][aA],/.test(option.flags);
  if (open) return narrowed(valueOf(open, choices, given), last, list(open));
  const equals = /^(--[\w-]+)=(.*)$/s.exec(last);
  if (equals && !onlyArguments) {
    const option = find(equals[1]!);
    if (!option) return nothing;
    const { candidates } = narrowed(valueOf(option, choices, given), equals[2]!, list(option));
    return { ...nothing, candidates: candidates.map((one) => ({ ...one, value: `${equals[1]}=${one.value}` })) };
  }
  if (last.startsWith('-') && !onlyArguments) {
    const options = command.options.filter(
      (option) => !isHidden(option) && (!used.has(option) || option.variadic || /again|twice/.test(option.description)),
    );
    const help = { value: '--help', description: 'print help' };
    return narrowed(
      { ...nothing, candidates: [...options.map(({ long, description }) => ({ value: long ?? '', description })), help] },
      last,
      false,
    );
  }
  const children = shown(command);
  if (given.length === 0 && children.length > 0) {
    const names = namesOf(command);
    if (command === program) names.push({ value: 'help', description: 'print help of a command' });
    const own = command.registeredArguments[0];
    return narrowed({ ...(own ? argumentOf(command, own, choices) : nothing), candidates: names }, last, false);
  }
  const { registeredArguments } = command;
  const at = registeredArguments[given.length] ?? (registeredArguments.at(-1)?.variadic ? registeredArguments.at(-1) : undefined);
  return at ? narrowed(argumentOf(command, at, choices), last, false) : nothing;
}

const namesOf = (command: Command): Completion['candidates'] =>
  shown(command).map((one) => ({ value: one.name(), description: one.description() }));

/** `residue help COMMAND`: names of commands, and of those under one. */
function helpOf(program: Command, typed: readonly string[]): Completion {
  const command = typed.slice(0, -1).reduce<Command | undefined>((at, word) => at?.commands.find((one) => one.name() === word), program);
  return narrowed({ ...nothing, candidates: command ? namesOf(command) : [] }, typed.at(-1) ?? '', false);
}

/** Words of a line of a POSIX shell up to the cursor, quotes and backslashes taken away; the last may be empty. */
export function wordsOf(line: string): string[] {
  const found: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote) {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && /["\\$`]/.test(line[i + 1] ?? '')) word += line[(i += 1)];
      else word += c;
    } else if (c === '\\') {
      word += line[(i += 1)] ?? '';
      started = true;
    } else if (c === "'" || c === '"') {
      quote = c;
      started = true;
    } else if (/\s/.test(c)) {
      if (started) found.push(word);
      word = '';
      started = false;
    } else {
      word += c;
      started = true;
    }
  }
  found.push(word);
  return found;
}

/** For a shell's script: first what files may join in (`files yaml yml`, `folders`, `none`), then a candidate a line, a tab, what it is. */
export function printed({ candidates, files, folders }: Completion): string {
  const first = files ? ['files', ...files].join(' ') : folders ? 'folders' : 'none';
  const lines = candidates.map(({ value, description }) => `${value}\t${description.replaceAll(/\s+/g, ' ')}`);
  return `${[files && folders ? `${first} /` : first, ...lines].join('\n')}\n`;
}
