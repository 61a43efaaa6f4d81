import { dirname } from 'node:path';
import { workspace, type Disposable, type LogOutputChannel } from 'vscode';
import type { EngineClient } from '../engine/client.js';
import type { ComparedText } from '../engine/protocol.js';
import type { RunProgress } from '../run/types.js';
import type { Dose } from '../shell/chosen.js';
import { PatternReader } from './patterns.js';
import type { Settings } from './settings.js';

/** Ended when nothing was asked of it for this long (milliseconds): a model then takes no memory. */
const idle = 5 * 60_000;

/** What is asked of a run beyond what the shell itself says. */
export interface RunAsk {
  /** Indexes into the shell's `run`; undefined: all. */
  commands?: readonly number[];
  /** Only the runs that have one of these values of `vary`; undefined: all. */
  vary?: readonly Dose[];
  /** Causes are tested whether or not the prompt failed; `full`: each position on its own. */
  verify?: true | 'full';
  /** Make the attribution graph of the headline's run. */
  graph?: true;
}

export interface ShellRequest extends RunAsk, Pick<Settings, 'model' | 'threads' | 'provider' | 'memoryBudget' | 'seed'> {
  text: string;
  /** Absolute path, or null for an untitled shell. */
  file: string | null;
}

export interface ShellListeners {
  signal: AbortSignal;
  onProgress: (progress: RunProgress) => void;
  /** The residue so far, as JSON text. */
  onJson: (json: string) => void;
}

/** The window's one engine: a process of its own, made on first use. Nothing is computed in the extension host. */
export class Engine implements Disposable {
  #client: Promise<EngineClient> | undefined;
  /** Reads attention patterns on demand. */
  readonly patterns = new PatternReader(() => this.#get());

  constructor(private readonly log: LogOutputChannel) {}

  /** Runs a shell and gives the text of its residue. Rejects with InputError, CancelledError or EngineError, each one sentence. */
  async run(request: ShellRequest, on: ShellListeners): Promise<string> {
    const { text, file, model, threads, provider, memoryBudget, seed, commands, vary, verify, graph } = request;
    const client = await this.#get();
    const baseFolder = file ? dirname(file) : workspace.workspaceFolders?.[0]?.uri.fsPath;
    const settings = { provider, threads, memoryBudget };
    return client.runShellText(
      { text, file, baseFolder, defaultModel: model, settings, seed, commands, vary, verify, ...(graph ? { graph: {} } : {}) },
      on,
    );
  }

  /** The engine itself, for whoever asks something else of it. */
  client(): Promise<EngineClient> {
    return this.#get();
  }

  /** Compares two residues that are there as texts; no model is opened. Rejects as `run` does. */
  async compare(a: ComparedText, b: ComparedText): Promise<string> {
    return (await this.#get()).compare({ a, b });
  }

  /** Process id of the engine while one is up. */
  async pid(): Promise<number | undefined> {
    return (await this.#client)?.pid;
  }

  /** Ends the process; the next run starts another. */
  async restart(): Promise<void> {
    const client = await this.#client;
    this.#client = undefined;
    await client?.dispose();
  }

  dispose(): Promise<void> {
    return this.restart();
  }

  #get(): Promise<EngineClient> {
    this.#client ??= import('../engine/client.js').then(
      ({ EngineClient }) => new EngineClient({ idle, onLog: (line) => this.log.info(`engine: ${line}`) }),
    );
    return this.#client;
  }
}
