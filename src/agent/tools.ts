import { readFileSync, statSync } from 'node:fs';
import { CancelledError, InputError, throwIfAborted } from '../errors.js';
import type { ProgressOptions } from '../engine/client.js';
import type { ProbeParams, RunShellParams } from '../engine/protocol.js';
import type { Residue } from '../residue/types.js';
import { decodeShell } from '../shell/check.js';
import { chosenCommands, chosenDoses } from '../shell/chosen.js';
import { placeInside, savePlace } from './places.js';
import { sectionsOf, type Sections } from './sections.js';
import { summarize, type Summary } from './summary.js';

/** What an agent may ask, in one place: the Model Context Protocol's server and the editor's language-model tools both answer with it. */

/** What every tool takes: which parts of the residue to give in full, and of which run. */
interface Asked {
  sections?: readonly string[];
  run?: string;
}

interface Made extends Asked {
  model?: string;
  seed?: number;
  /** Where to keep the residue: a new *.residue.json. Nothing is written without it. */
  save?: string;
}

export interface RunShellInput extends Made {
  /** A shell file, or its text: one of the two. */
  path?: string;
  text?: string;
  commands?: readonly string[];
  vary?: readonly string[];
  verify?: boolean | 'full';
}

export interface ProbePromptInput extends Made {
  prompt: string;
  answer?: string;
  rivals?: readonly string[];
}

export interface ReadResidueInput extends Asked {
  path: string;
}

/** The answer of every tool. */
export interface Answer {
  summary: Summary;
  /** Where the residue was saved; null where that was not asked. */
  saved: string | null;
  /** Present when sections were asked for. */
  details?: Sections;
}

/** Who runs models, and which folders may be used. */
export interface AgentHost {
  /** Absolute folders: files are read from these alone, and a residue is saved in these alone. */
  roots(): Promise<readonly string[]>;
  runShell(params: RunShellParams, options: ProgressOptions): Promise<Residue>;
  probe(params: ProbeParams, options: ProgressOptions): Promise<Residue>;
}

const MAX_SHELL_BYTES = 1 << 20;

async function answer(residue: Residue, { sections, run }: Asked, save: string | null): Promise<Answer> {
  const details = sections?.length ? sectionsOf(residue, sections, run) : undefined;
  if (save !== null) {
    const { writeResidue } = await import('../residue/write.js');
    writeResidue(save, residue);
  }
  return { summary: summarize(residue), saved: save, ...(details ? { details } : {}) };
}

function complete(residue: Residue): Residue {
  if (residue.status !== 'complete') throw new CancelledError();
  return residue;
}

/** Runs a shell. Throws InputError with every mistake of the shell, each with its line and column. */
export async function runShell(host: AgentHost, input: RunShellInput, options: ProgressOptions): Promise<Answer> {
  const roots = await host.roots();
  throwIfAborted(options.signal);
  if ((input.path === undefined) === (input.text === undefined)) throw new InputError('Give either `path` or `text`: one of the two.');
  const save = input.save === undefined ? null : savePlace(input.save, roots);
  const file = input.path === undefined ? null : placeInside(input.path, roots);
  const text = file === null ? input.text! : readShellFile(file, input.path!);
  const { parseShell } = await import('../shell/parse.js');
  const { shell, diagnostics } = parseShell(text);
  if (!shell) {
    const lines = diagnostics.map(({ message, line, column }) => `${input.path ?? 'shell'}:${line}:${column}: ${message}`);
    throw new InputError(lines.slice(0, 20).join('\n'));
  }
  const commands = input.commands && chosenCommands(shell, input.commands);
  const vary = input.vary && chosenDoses(shell, input.vary);
  const residue = await host.runShell(
    {
      text,
      file,
      ...(file === null && roots[0] !== undefined ? { baseFolder: roots[0] } : {}),
      model: input.model,
      seed: input.seed,
      verify: input.verify,
      ...(commands ? { commands } : {}),
      ...(vary ? { vary } : {}),
    },
    options,
  );
  return answer(complete(residue), input, save);
}

/** Runs any prompt, with no file. */
export async function probePrompt(host: AgentHost, input: ProbePromptInput, options: ProgressOptions): Promise<Answer> {
  const roots = await host.roots();
  throwIfAborted(options.signal);
  if (input.prompt === '') throw new InputError('The prompt is empty; give what the model is to read.');
  const save = input.save === undefined ? null : savePlace(input.save, roots);
  const { prompt: text, answer: wanted, rivals, model, seed } = input;
  try {
    return await answer(complete(await host.probe({ text, answer: wanted, rivals, model, seed }, options)), input, save);
  } catch (error) {
    // A line of the shell that a probe is made into is no place that anybody knows.
    throw error instanceof InputError && error.place.file === undefined ? new InputError(error.message) : error;
  }
}

/** Reads a residue that is there already; no model is opened. */
export async function readResidueFile(host: Pick<AgentHost, 'roots'>, input: ReadResidueInput): Promise<Answer> {
  const path = placeInside(input.path, await host.roots());
  const { readResidue } = await import('../residue/read.js');
  return answer(readResidue(path), input, null);
}

function readShellFile(file: string, named: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new InputError('There is no such file.', { file: named });
  if (!/\.ya?ml$/i.test(file)) throw new InputError('A shell is a *.shell.yaml file.', { file: named });
  if (stat.size > MAX_SHELL_BYTES) throw new InputError(`The file has ${stat.size} bytes; a shell has at most 1 MiB.`, { file: named });
  return decodeShell(readFileSync(file), named);
}
