import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { CancelledError, InputError } from '../errors.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { circuitTracerGraph } from '../residue/circuit-tracer.js';
import { readResidue } from '../residue/read.js';
import { graphLines } from '../residue/report/graph.js';
import { paintOf } from '../residue/report/text.js';
import type { Residue } from '../residue/types.js';
import { refuseUnwritable, writeFileAtomic } from '../residue/write.js';
import { diagnose } from './check.js';
import { EXIT, inSession, settingsOf, withoutPlace, type ModelOptions, type Session } from './session.js';

export interface GraphCommandOptions extends ModelOptions {
  answer?: string;
  rivals?: string[];
  out?: string;
  json?: boolean;
  nodeThreshold?: number;
  edgeThreshold?: number;
  maxNodes?: number;
  maxEdges?: number;
}

const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/**
 * `residue graph SHELL | RESIDUE | TEXT`: the attribution graph of a shell's headline, of a residue that already holds one, or of any
 * prompt; as a report, and in circuit-tracer's JSON. Returns the exit code.
 */
export function graphCommand(subject: string, options: GraphCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    if (options.out !== undefined) refuseUnwritable(options.out);
    const residue = await residueOf(session, subject, options);
    session.terminal.progress.clear();
    const run = residue.runs[residue.primary]!;
    const json = `${JSON.stringify(circuitTracerGraph(residue, run), null, 2)}\n`;
    if (options.out !== undefined) {
      writeFileAtomic(options.out, json);
      session.terminal.err(`wrote ${options.out}`);
    }
    if (options.json) await session.terminal.out(json);
    else await session.terminal.out(`${graphLines(run, session.terminal, paintOf(session.terminal)).join('\n')}\n`);
    return EXIT.ok;
  });
}

async function residueOf(session: Session, subject: string, options: GraphCommandOptions): Promise<Residue> {
  if (subject === '') throw new InputError('The text to graph is empty; give a shell, a residue, or what the model is to read.');
  const file = isFile(subject);
  if (file && subject.endsWith('.json')) {
    refuse(subject, 'a residue, whose graph is shown as it was made', options, [...ASKED_OF_TEXT, ...ASKED_OF_RUN]);
    return readResidue(subject);
  }
  if (file) refuse(subject, 'a shell, which names its own', options, ASKED_OF_TEXT);
  const graph = { node: options.nodeThreshold, edge: options.edgeThreshold, maxNodes: options.maxNodes, maxEdges: options.maxEdges };
  const shared = {
    model: options.model,
    defaultModel: DEFAULT_MODEL,
    settings: settingsOf(options),
    seed: options.seed,
    graph: defined(graph),
  };
  const on = {
    signal: session.signal,
    onProgress: (event: Parameters<Session['terminal']['progress']['update']>[0]) =>
      session.terminal.progress.update(event, file ? basename(subject) : ''),
  };
  if (!file) {
    if (/\.shell\.ya?ml$/.test(subject))
      throw new InputError('There is no such file: give the path of a shell that exists.', { file: subject });
    const asked = { text: subject, answer: options.answer, rivals: options.rivals, ...shared };
    return complete(
      await session.engine.probe(asked, on).catch((error: unknown) => {
        throw withoutPlace(error);
      }),
    );
  }
  const { text, lines } = diagnose(subject);
  if (text === null) throw new InputError(lines[0] ?? 'The shell has an error.');
  return complete(await session.engine.runShell({ text, file: subject, commands: [], ...shared }, on));
}

const ASKED_OF_TEXT = ['answer', 'rivals'] as const;
const ASKED_OF_RUN = ['model', 'seed', 'nodeThreshold', 'edgeThreshold', 'maxNodes', 'maxEdges'] as const;

/** Refuses options that this subject has no use for: what is left out in silence would be believed to hold. */
function refuse(file: string, what: string, options: GraphCommandOptions, names: readonly (keyof GraphCommandOptions)[]): void {
  const given = names
    .filter((name) => options[name] !== undefined)
    .map((name) => `--${name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
  if (given.length > 0) throw new InputError(`it is ${what}; leave ${given.join(' and ')} out.`, { file });
}

function complete(residue: Residue): Residue {
  if (residue.status !== 'complete') throw new CancelledError();
  return residue;
}

/** Without the entries that are undefined, which a request may not hold. */
function defined<T extends object>(entries: T): Partial<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Partial<T>;
}
