import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compareResidues, type SideInput } from '../compare/compare.js';
import { CancelledError, InputError } from '../errors.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { formatComparison } from '../residue/report/comparison.js';
import { readResidue } from '../residue/read.js';
import type { Residue } from '../residue/types.js';
import { refuseUnwritable, serializePlain, writeFileAtomic } from '../residue/write.js';
import { diagnose } from './check.js';
import { EXIT, inSession, settingsOf, type ModelOptions, type Session } from './session.js';

export interface CompareCommandOptions extends ModelOptions {
  models?: string[];
  control?: boolean;
  json?: boolean;
  out?: string;
}

/** What `compare` was asked to compare, before anything is read or run. */
interface Asked {
  file: string;
  model: string | undefined;
  prompt?: 'control';
}

/**
 * `residue compare A B`: two residue files, two shells, a shell on two models (`--models`), or a probe with its own control
 * (`--control`). Returns the exit code: 0, or 2 for bad input.
 */
export function compareCommand(args: readonly string[], options: CompareCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const [first, second] = askedFor(args, options);
    const sides: SideInput[] = [];
    // Both are read and checked before a model is opened, and both models opened before one runs: what is wrong with the second is not
    // told after minutes of work.
    const ready = [prepare(first), prepare(second)];
    const { out } = options;
    if (out !== undefined) refuseUnwritable(isJson(out) ? out : join(out, COMPARISON));
    for (const model of options.models ?? []) await openable(session, model, options);
    for (const [i, asked] of [first, second].entries()) {
      const { residue, shell } = ready[i]!;
      const former = i === 1 && asked.file === first.file && asked.model === first.model ? sides[0]?.residue : undefined;
      sides.push({
        residue: former ?? residue ?? (await made(session, asked, shell!, options)),
        file: basename(asked.file),
        ...(asked.prompt ? { prompt: asked.prompt } : {}),
      });
    }
    const comparison = compareResidues(sides[0]!, sides[1]!, { seed: options.seed ?? 0 });
    session.terminal.progress.clear();
    const text = serializePlain(comparison);
    if (out !== undefined) {
      const path = isJson(out) ? out : join(out, fileName(sides) + COMPARISON);
      writeFileAtomic(path, text);
      session.terminal.err(`wrote ${path}`);
    }
    await session.terminal.out(options.json ? text : formatComparison(comparison, session.terminal));
    return EXIT.ok;
  });
}

const COMPARISON = '.comparison.json';
const isJson = (path: string): boolean => path.endsWith('.json');

/** Throws InputError for a model that cannot be opened. */
async function openable({ engine, signal, terminal }: Session, model: string, options: CompareCommandOptions): Promise<void> {
  const onProgress = (event: { stage: string; done: number; total: number }): void => terminal.progress.update(event, model);
  await engine.open({ model, settings: settingsOf(options) }, { signal, onProgress });
}

function askedFor(args: readonly string[], { models, control, model }: CompareCommandOptions): [Asked, Asked] {
  const [a, b] = args;
  if (a === undefined || args.length > 2) throw new InputError(`compare takes one or two files, not ${args.length}.`);
  if (models !== undefined && models.length !== 2)
    throw new InputError(
      `--models takes two different models to compare, not ${models.length}; \`residue run --models\` makes a table of more.`,
    );
  if (models && b !== undefined) throw new InputError('--models compares one shell on two models: name one shell, not two files.');
  if (control && (b !== undefined || models))
    throw new InputError('--control compares a probe with its own control: name one file and no --models.');
  if (models) {
    if (isResidueFile(a)) throw new InputError('is a residue, which was made on one model; --models takes a shell.', { file: a });
    return [
      { file: a, model: models[0] },
      { file: a, model: models[1] },
    ];
  }
  if (control)
    return [
      { file: a, model, prompt: 'control' },
      { file: a, model },
    ];
  if (b === undefined) throw new InputError('compare needs a second file, or --models m1,m2 or --control with one.');
  return [
    { file: a, model },
    { file: b, model },
  ];
}

const isResidueFile = (file: string): boolean => !/\.ya?ml$/i.test(file);

/** A residue that was read, or the text of a shell to run. Throws InputError for what can be neither. */
function prepare({ file, prompt }: Asked): { residue?: Residue; shell?: string } {
  if (isResidueFile(file)) {
    refuseArray(file);
    return { residue: readResidue(file) };
  }
  const { text, shell, lines } = diagnose(file);
  if (text !== null) {
    if (prompt === 'control' && shell?.control === null)
      throw new InputError('the shell has no control to compare its prompt with.', { file });
    return { shell: text };
  }
  throw new InputError(lines[0]?.replace(/^.*?: /, '') ?? 'the shell cannot be run.', { file });
}

/** `residue run --json` of several shells prints an array. */
function refuseArray(file: string): void {
  let start: string;
  try {
    start = readFileSync(file, 'utf8').slice(0, 64).trimStart();
  } catch {
    // `readResidue` says why.
    return;
  }
  if (start.startsWith('['))
    throw new InputError('it holds several residues; compare two files of one each (`residue run --out DIR` writes them).', { file });
}

async function made(
  { engine, signal, terminal }: Session,
  { file, model }: Asked,
  text: string,
  options: CompareCommandOptions,
): Promise<Residue> {
  const residue = await engine.runShell(
    { text, file, model, defaultModel: DEFAULT_MODEL, settings: settingsOf(options), seed: options.seed },
    { signal, onProgress: (event) => terminal.progress.update(event, model ?? basename(file)) },
  );
  if (residue.status !== 'complete') throw new CancelledError();
  return residue;
}

function fileName([a, b]: readonly SideInput[]): string {
  const stem = ({ residue, prompt }: SideInput): string =>
    `${residue.shell.id}.${residue.provenance.model.id}${prompt ? `.${prompt}` : ''}`;
  const [p, q] = [stem(a!), stem(b!)];
  return (p === q ? p : `${p}-${q}`).replaceAll(/[^\w.-]+/g, '-');
}
