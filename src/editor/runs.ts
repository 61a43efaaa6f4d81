import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  commands,
  EventEmitter,
  ProgressLocation,
  window,
  type Disposable,
  type LogOutputChannel,
  type TextDocument,
  type Uri,
} from 'vscode';
import { CancelledError, InputError, type Place } from '../errors.js';
import type { RunProgress } from '../run/types.js';
import type { Engine, RunAsk, ShellRequest } from './engine.js';
import { revealInShell } from './navigate.js';
import { residues } from './residues/thread.js';
import type { Results } from './results.js';
import type { RunEntry } from './results/store.js';
import type { RunSummary } from './results/summary.js';
import { settings } from './settings.js';
import { mayRun } from './trust.js';

/** A run that ended without a result, in one sentence. */
export interface RunFailure {
  message: string;
  /** Where, when it is the user's input that is wrong. */
  place: Place | null;
}

/** What a run has left: the residue as text, which the host makes no objects of, and what is to be told of it. */
export interface RunLeft {
  json: string;
  /** When it was made, ISO 8601. */
  at: string;
  summary: RunSummary;
}

/**
 * What happens to the run of a shell. `json` is what has arrived so far. A run is `aside` where it is of some values of `vary` alone, and
 * a run of all of them still holds: that one goes on being shown.
 */
export type RunEvent = { uri: Uri; aside: boolean } & (
  | { type: 'started' }
  | { type: 'progress'; progress: RunProgress }
  | { type: 'partial'; json: string }
  | ({ type: 'residue'; seconds: number } & RunLeft)
  /** Nothing was computed: this is what an earlier run left. */
  | ({ type: 'cached' } & RunLeft)
  | { type: 'failed'; failure: RunFailure }
  | { type: 'ended' }
);

/** How a run is made, beyond what is asked of it. */
export interface RunWay {
  /** Compute it although what it depends on is unchanged. */
  fresh?: boolean;
  /** No message over the window: whoever asked tells how it went. */
  quiet?: boolean;
  /** Fires when it is to stop. */
  signal?: AbortSignal;
}

interface Running {
  controller: AbortController;
  done: Promise<RunLeft | undefined>;
  aside: boolean;
  progress?: RunProgress;
  /** What has arrived so far, as JSON text. */
  json?: string;
}

/** Owns the runs under way: at most one per shell. Views listen to `onDidChange`. */
export class Runs implements Disposable {
  readonly #running = new Map<string, Running>();
  readonly #changes = new EventEmitter<RunEvent>();
  readonly onDidChange = this.#changes.event;

  constructor(
    private readonly engine: Engine,
    private readonly results: Results,
    private readonly log: LogOutputChannel,
  ) {}

  isRunning(uri: Uri): boolean {
    return this.#running.has(uri.toString());
  }

  /** How far the shell's run is; undefined when none is under way. */
  progress(uri: Uri): RunProgress | undefined {
    const running = this.#running.get(uri.toString());
    return running && (running.progress ?? { stage: 'Starting', done: 0, total: 0 });
  }

  /** What has arrived of the run under way, and is shown. */
  latest(uri: Uri): string | undefined {
    const running = this.#running.get(uri.toString());
    return running?.aside ? undefined : running?.json;
  }

  /**
   * Runs a shell as it stands in its editor, saved or not. A run of the same shell that is under way is cancelled first. Where
   * nothing has changed since an earlier run, that one's residue is opened in its place, unless a `fresh` one is asked for.
   * Resolves with what it left, also a cancelled run when there is something; undefined when it failed (shown and told to listeners).
   */
  async run(document: TextDocument, ask: RunAsk = {}, way: RunWay = {}): Promise<RunLeft | undefined> {
    if (!mayRun()) return undefined;
    const key = document.uri.toString();
    const former = this.#running.get(key);
    former?.controller.abort();
    await former?.done;
    // Another call may have started one while this one waited.
    const other = this.#running.get(key);
    if (other) return other.done;
    const controller = new AbortController();
    if (way.signal?.aborted) return undefined;
    way.signal?.addEventListener('abort', () => controller.abort(), { once: true });
    const running: Running = { controller, aside: false, done: Promise.resolve(undefined) };
    this.#running.set(key, running);
    running.done = this.#run(document, ask, way, running).finally(() => {
      this.#running.delete(key);
      this.#tell();
      this.#changes.fire({ uri: document.uri, aside: running.aside, type: 'ended' });
    });
    this.#tell();
    return running.done;
  }

  cancel(uri: Uri): void {
    this.#running.get(uri.toString())?.controller.abort();
  }

  cancelAll(): void {
    for (const { controller } of this.#running.values()) controller.abort();
  }

  dispose(): void {
    this.cancelAll();
    this.#changes.dispose();
  }

  #tell(): void {
    void commands.executeCommand('setContext', 'symbolicResidue.running', this.#running.size > 0);
  }

  async #run(document: TextDocument, ask: RunAsk, way: RunWay, running: Running): Promise<RunLeft | undefined> {
    const { controller } = running;
    const { uri } = document;
    const text = document.getText();
    const chosen = settings(uri);
    const print = await this.results.fingerprint(uri, text, ask);
    running.aside = ask.vary !== undefined && (await this.results.holdsWhole(uri, text));
    const { aside } = running;
    if (!way.fresh && print) {
      const kept = await this.results.cached(uri, print);
      if (kept) return this.#open(uri, kept, way, aside);
    }
    this.#changes.fire({ uri, aside, type: 'started' });
    const began = performance.now();
    const finish = async (json: string): Promise<RunLeft> => {
      const seconds = (performance.now() - began) / 1000;
      const { content, ...facts } = await residues.ask('summary', { json, commands: ask.commands ?? null });
      const { status, sentence } = facts.summary;
      this.log.info(`${basename(uri.path)}: ${status}${sentence === null ? '' : `, ${sentence}`}`);
      // Kept in memory before listeners hear of it; on the disk a little later.
      const kept = this.results.record({ uri, json, ...facts, content, seconds, print });
      // A turn of the event loop between what is large lets other extensions in.
      await nextTurn();
      this.#changes.fire({ uri, aside, type: 'residue', json, seconds, ...facts });
      await kept;
      return { json, ...facts };
    };
    try {
      const request = { text, file: uri.scheme === 'file' ? uri.fsPath : null, ...chosen, ...ask };
      return await finish(await this.#compute(uri, request, way, running));
    } catch (error) {
      // Whatever ends a run that the user has stopped (its engine being closed, say), it was stopped.
      if (error instanceof CancelledError || controller.signal.aborted) {
        this.log.info(`${basename(uri.path)}: cancelled.`);
        if (!running.json) return undefined;
        // The engine was too busy to end its residue: what had arrived is kept and says where it stopped.
        return finish(await residues.ask('stopped', { json: running.json, at: running.progress?.stage ?? 'the start' }));
      }
      this.#fail(document, text, ask, way, running, error);
      return undefined;
    }
  }

  /** Shows how far the run is, in a notification (in the status bar for a quiet one) that can cancel it. */
  #compute(uri: Uri, request: ShellRequest, { quiet }: RunWay, running: Running): Thenable<string> {
    const { controller, aside } = running;
    const location = quiet ? ProgressLocation.Window : ProgressLocation.Notification;
    const options = { location, title: `Running ${basename(uri.path)}`, cancellable: true };
    return window.withProgress(options, async (notification, token) => {
      const listener = token.onCancellationRequested(() => controller.abort());
      let shown = 0;
      try {
        return await this.engine.run(request, {
          signal: controller.signal,
          onProgress: (progress) => {
            const share = progress.total > 0 ? Math.min(100, (100 * progress.done) / progress.total) : shown;
            notification.report({ message: progress.stage, increment: Math.max(0, share - shown) });
            shown = Math.max(shown, share);
            running.progress = progress;
            this.#changes.fire({ uri, aside, type: 'progress', progress });
          },
          onJson: (json) => {
            running.json = json;
            this.#changes.fire({ uri, aside, type: 'partial', json });
          },
        });
      } finally {
        listener.dispose();
      }
    });
  }

  #open(uri: Uri, { json, entry }: { json: string; entry: RunEntry }, { quiet }: RunWay, aside: boolean): RunLeft {
    const { at, summary } = entry;
    this.log.info(`${basename(uri.path)}: nothing has changed since the run of ${at}, which is shown.`);
    this.#changes.fire({ uri, aside, type: 'cached', json, at, summary });
    if (!quiet) void window.setStatusBarMessage(`$(history) ${basename(uri.path)}: cached, nothing has changed since its run.`, 5000);
    return { json, at, summary };
  }

  #fail(document: TextDocument, text: string, ask: RunAsk, way: RunWay, { aside }: Running, error: unknown): void {
    const input = error instanceof InputError;
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(error instanceof Error && !input ? error : message);
    this.results.failed(document.uri, message, text);
    this.#changes.fire({ uri: document.uri, aside, type: 'failed', failure: { message, place: input ? error.place : null } });
    if (way.quiet) return;
    const again = 'Run Again';
    const log = 'Show Log';
    const show = 'Show Place';
    const line = input && (!error.place.file || error.place.file === document.uri.fsPath) ? error.place.line : undefined;
    const download = 'Download Model…';
    const absent = input ? /^(\S+) is not on this machine yet/.exec(message)?.[1] : undefined;
    const choices = !input ? [again, log] : line === undefined ? [...(absent ? [download] : []), log] : [show, log];
    void window.showErrorMessage(message, ...choices).then((choice) => {
      if (choice === again) void this.run(document, ask, { ...way, signal: undefined });
      if (choice === show && line !== undefined) void revealInShell(document.uri, line, (input && error.place.column) || 1);
      if (choice === download) void commands.executeCommand('symbolicResidue.models.download', absent);
      if (choice === log) this.log.show();
    });
  }
}
