import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { EventEmitter, workspace, type Disposable, type LogOutputChannel, type Uri } from 'vscode';
import type { RunAsk } from './engine.js';
import { namedModel } from './named-model.js';
import type { RunFacts } from './residues/protocol.js';
import { residues } from './residues/thread.js';
import type { Change, Fingerprint } from './results/fingerprint.js';
import { ResultStore, type RunEntry } from './results/store.js';
import type { Standing } from './results/words.js';
import { isShell } from './selector.js';
import { section, settings } from './settings.js';
import { ModelWatch } from './results/model-watch.js';

/** A run that left something, as `Runs` tells it. */
export interface Finished extends RunFacts {
  uri: Uri;
  json: string;
  seconds: number;
  /** What it was made from; undefined where that could not be told. */
  print: Fingerprint | undefined;
}

/** The result of a shell that is shown, and how it stands to what would be run now. */
export interface Shown {
  entry: RunEntry;
  standing: Standing;
}

/** Milliseconds after the last keystroke until what is shown of a shell is looked at anew. */
const pause = 250;

/**
 * What is kept of the runs of this workspace: the residue of each distinct run, the history of each shell, and whether a result
 * still holds. `onDidChange` names the shell whose standing may have changed; undefined: any.
 */
export class Results implements Disposable {
  readonly #changes = new EventEmitter<Uri | undefined>();
  readonly onDidChange = this.#changes.event;
  readonly store: ResultStore;
  readonly #models = new ModelWatch(() => this.#changes.fire(undefined));
  /** Runs of this window that were computed, not opened from what is kept: `shell|at`. */
  readonly #computed = new Set<string>();
  /** Errors that ended the last run of a shell, in one sentence, and the text that they are about. */
  readonly #errors = new Map<string, { message: string; text: string }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #disposables: Disposable[];
  #program: Promise<string> | undefined;

  constructor(
    folder: string,
    private readonly engineFile: string,
    private readonly log: LogOutputChannel,
  ) {
    this.store = new ResultStore(folder, room, log, async (json) => (await residues.ask('check', { json })) === null);
    this.#disposables = [
      residues,
      this.#changes,
      this.#models,
      workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0 && isShell(document)) this.#later(document.uri);
      }),
      workspace.onDidSaveTextDocument((document) => {
        if (isShell(document)) this.#changes.fire(document.uri);
      }),
      workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(section)) this.#changes.fire(undefined);
      }),
      workspace.onDidGrantWorkspaceTrust(() => this.#changes.fire(undefined)),
    ];
  }

  /** What a run of the shell as it stands would depend on; undefined where its model cannot be told, which the run will say. */
  async fingerprint(uri: Uri, text: string, ask: RunAsk = {}): Promise<Fingerprint | undefined> {
    const { askKey, sha256 } = await import('./results/fingerprint.js');
    const chosen = settings(uri);
    try {
      const model = await this.#model(uri, namedModel(text) ?? chosen.model);
      return {
        shell: sha256(text),
        file: uri.scheme === 'file' ? basename(uri.fsPath) : null,
        model,
        settings: {
          provider: chosen.provider,
          threads: chosen.threads ?? null,
          memoryBudget: chosen.memoryBudget ?? null,
          seed: chosen.seed,
        },
        ask: askKey(ask),
        program: await this.#version(),
      };
    } catch {
      return undefined;
    }
  }

  /** Whether the residue of the whole shell with this text is kept, as a run that asks for nothing else would leave it. */
  async keeps(uri: Uri, text: string): Promise<boolean> {
    const { keyOf } = await import('./results/fingerprint.js');
    const print = await this.fingerprint(uri, text);
    const key = print ? keyOf(print) : null;
    return key !== null && room() > 0 && (await this.store.has(key));
  }

  /** The kept residue that a run with this fingerprint would leave again; the shell's history then has it. */
  async cached(uri: Uri, print: Fingerprint): Promise<{ json: string; entry: RunEntry } | undefined> {
    const { keyOf } = await import('./results/fingerprint.js');
    const key = keyOf(print);
    if (key === null || room() === 0) return undefined;
    const json = await this.store.text(key);
    if (json === undefined) return undefined;
    const entry =
      (await this.store.history(uri.toString())).findLast((one) => one.key === key) ?? (await this.#adopt(uri, key, json, print));
    this.#computed.delete(name(uri, entry.at));
    this.#errors.delete(uri.toString());
    this.#changes.fire(uri);
    return { json, entry };
  }

  /** Keeps what a run has left. */
  async record({ uri, json, at, summary, content, seconds, print }: Finished): Promise<void> {
    const { keyOf, sha256 } = await import('./results/fingerprint.js');
    this.#errors.delete(uri.toString());
    if (!print) return this.log.warn(`${basename(uri.path)}: its result is not kept, because what it was made from could not be told.`);
    let known: string | null = null;
    // Files that were written during the run, or a model that is named in a way that only the engine understands, tell nothing.
    if (summary.status === 'complete' && summary.model === print.model.id && (await this.#unchanged(uri, print))) {
      known = content;
      await this.store.learn(print.model.path, print.model.stamp, content);
    }
    const of: Fingerprint = { ...print, model: { ...print.model, content: known } };
    const entry: RunEntry = { at, seconds, key: keyOf(of) ?? `part-${sha256(json).slice(0, 32)}`, print: of, summary };
    this.#computed.add(name(uri, at));
    const written = this.store.record(uri.toString(), entry, json);
    this.#changes.fire(uri);
    await written;
  }

  /** A run that ended without a result. */
  failed(uri: Uri, message: string, text: string): void {
    this.#errors.set(uri.toString(), { message, text });
    this.#changes.fire(uri);
  }

  /** The error that ended the last run of the shell, while its text is the same. */
  error(uri: Uri, text: string): string | undefined {
    const error = this.#errors.get(uri.toString());
    return error?.text === text ? error.message : undefined;
  }

  /**
   * What is shown of a shell: the latest run that still holds, else the latest; one of all values of `vary` before one of some. Of a
   * shell that is not open the file's text is taken; undefined where the shell was never run.
   */
  async shown(uri: Uri, text?: string): Promise<Shown | undefined> {
    const entries = await this.store.history(uri.toString());
    const last = latest(entries);
    if (!last) return undefined;
    const now = await this.#now(uri, text);
    if (!now) return { entry: last, standing: this.#standing(uri, last, []) };
    const { changesSince } = await import('./results/fingerprint.js');
    const current = latest(entries.filter((entry) => changesSince(entry.print, now).length === 0));
    const entry = current ?? last;
    return { entry, standing: this.#standing(uri, entry, current ? [] : changesSince(last.print, now)) };
  }

  /** Whether a run of all values of `vary` holds for the shell with this text. */
  async holdsWhole(uri: Uri, text: string): Promise<boolean> {
    const shown = await this.shown(uri, text);
    return shown !== undefined && shown.entry.summary.doses === undefined && shown.standing.changes.length === 0;
  }

  /** Whether the run of a time no longer holds for the shell as it stands. One that is not known has nothing to be said about. */
  async outdated(uri: Uri, at: string): Promise<boolean> {
    const entry = (await this.store.history(uri.toString())).findLast((one) => one.at === at);
    const now = entry && (await this.#now(uri, undefined));
    if (!now) return false;
    const { changesSince } = await import('./results/fingerprint.js');
    return changesSince(entry.print, now).length > 0;
  }

  /** The latest result of each command, by its index in the shell as it stands. */
  async commands(
    uri: Uri,
    names: readonly (string | undefined)[],
    text?: string,
  ): Promise<Map<number, { entry: RunEntry; changes: Change[] }>> {
    const entries = await this.store.history(uri.toString());
    const found = new Map<number, { entry: RunEntry; changes: Change[] }>();
    const now = entries.length > 0 ? await this.#now(uri, text) : undefined;
    const { changesSince } = await import('./results/fingerprint.js');
    for (const [index, command] of names.entries()) {
      const has = (entry: RunEntry): boolean => entry.summary.commands.some((one) => one.index === index && one.name === command);
      const all = entries.filter(has);
      const current = now && latest(all.filter((entry) => changesSince(entry.print, now).length === 0));
      const entry = current ?? latest(all);
      if (entry) found.set(index, { entry, changes: current || !now ? [] : changesSince(entry.print, now) });
    }
    return found;
  }

  /** JSON text of the residue that is shown of a shell. */
  async text(uri: Uri): Promise<string | undefined> {
    const shown = await this.shown(uri);
    return shown && this.store.text(shown.entry.key);
  }

  async clear(history: boolean): Promise<void> {
    await this.store.clear(history);
    this.#errors.clear();
    this.#changes.fire(undefined);
  }

  async remove(uri: Uri, entry: RunEntry): Promise<void> {
    await this.store.remove(uri.toString(), entry);
    this.#changes.fire(uri);
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  /** A result that is kept from another shell with the same text and name. */
  async #adopt(uri: Uri, key: string, json: string, print: Fingerprint): Promise<RunEntry> {
    const { commands } = JSON.parse(print.ask) as { commands: number[] | null };
    const { at, summary } = await residues.ask('summary', { json, commands });
    const entry: RunEntry = { at, seconds: null, key, print, summary };
    await this.store.record(uri.toString(), entry);
    return entry;
  }

  #standing(uri: Uri, { at, seconds }: RunEntry, changes: Change[]): Standing {
    return { at, seconds, cached: !this.#computed.has(name(uri, at)), changes };
  }

  async #now(uri: Uri, text: string | undefined): Promise<Fingerprint | undefined> {
    const known = text ?? workspace.textDocuments.find((document) => document.uri.toString() === uri.toString())?.getText();
    const read = known ?? (uri.scheme === 'file' ? await readFile(uri.fsPath, 'utf8').catch(() => undefined) : undefined);
    return read === undefined ? undefined : this.fingerprint(uri, read);
  }

  async #model(uri: Uri, named: string): Promise<Fingerprint['model']> {
    // Nothing that a workspace names is looked at before it is trusted.
    if (!workspace.isTrusted) return { id: '', path: '', stamp: '', content: null };
    const base = uri.scheme === 'file' ? dirname(uri.fsPath) : (workspace.workspaceFolders?.[0]?.uri.fsPath ?? '.');
    const model = await this.#models.print(named, base);
    return { ...model, content: await this.store.content(model.path, model.stamp) };
  }

  async #unchanged(uri: Uri, { model }: Fingerprint): Promise<boolean> {
    const base = uri.scheme === 'file' ? dirname(uri.fsPath) : '.';
    this.#models.forget();
    return this.#models.print(model.path, base).then(
      ({ stamp }) => stamp === model.stamp,
      () => false,
    );
  }

  /** Version of the product and stamp of its engine: another build of the same version computes anew. */
  #version(): Promise<string> {
    this.#program ??= Promise.all([import('../paths.js'), import('node:fs/promises')]).then(async ([{ packageVersion }, { stat }]) => {
      const built = await stat(this.engineFile).catch(() => null);
      return `${packageVersion()} ${built ? `${built.size}:${built.mtimeMs}` : ''}`.trimEnd();
    });
    return this.#program;
  }

  #later(uri: Uri): void {
    const key = uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#timers.delete(key);
        this.#changes.fire(uri);
      }, pause),
    );
  }
}

/** The latest run of all values of `vary`, else the latest. */
const latest = (entries: readonly RunEntry[]): RunEntry | undefined =>
  entries.findLast(({ summary }) => summary.doses === undefined) ?? entries.at(-1);

const name = (uri: Uri, at: string): string => `${uri.toString()}|${at}`;

/** Bytes that kept residues may take. */
function room(): number {
  const value = workspace.getConfiguration(section).get<unknown>('results.cacheSize');
  return (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.min(value, 2 ** 20) : 256) * 2 ** 20;
}
