import { basename } from 'node:path';
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
import type { Residue } from '../residue/types.js';
import type { RunProgress } from '../run/types.js';
import type { Engine, RunAsk } from './engine.js';
import { revealInShell } from './navigate.js';
import { settings } from './settings.js';
import { mayRun } from './trust.js';

/** A run that ended without a result, in one sentence. */
export interface RunFailure {
  message: string;
  /** Where, when it is the user's input that is wrong. */
  place: Place | null;
}

/** What happens to the run of a shell. `json` is what has arrived so far; it is made objects of only once, at the end. */
export type RunEvent = { uri: Uri } & (
  | { type: 'started' }
  | { type: 'progress'; progress: RunProgress }
  | { type: 'partial'; json: string }
  | { type: 'residue'; residue: Residue; json: string }
  | { type: 'failed'; failure: RunFailure }
  | { type: 'ended' }
);

interface Running {
  controller: AbortController;
  done: Promise<Residue | undefined>;
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

  /** What has arrived of the run under way. */
  latest(uri: Uri): string | undefined {
    return this.#running.get(uri.toString())?.json;
  }

  /**
   * Runs a shell as it stands in its editor, saved or not. A run of the same shell that is under way is cancelled first.
   * Resolves with the residue, also of a cancelled run when there is one; undefined when it failed (shown and told to listeners).
   */
  async run(document: TextDocument, ask: RunAsk = {}): Promise<Residue | undefined> {
    if (!mayRun()) return undefined;
    const key = document.uri.toString();
    const former = this.#running.get(key);
    former?.controller.abort();
    await former?.done;
    // Another call may have started one while this one waited.
    const other = this.#running.get(key);
    if (other) return other.done;
    const controller = new AbortController();
    const running: Running = { controller, done: Promise.resolve(undefined) };
    this.#running.set(key, running);
    running.done = this.#run(document, ask, running).finally(() => {
      this.#running.delete(key);
      this.#tell();
      this.#changes.fire({ uri: document.uri, type: 'ended' });
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

  async #run(document: TextDocument, ask: RunAsk, running: Running): Promise<Residue | undefined> {
    const { controller } = running;
    const { uri } = document;
    const name = basename(uri.path);
    const chosen = settings(uri);
    this.#changes.fire({ uri, type: 'started' });
    try {
      return await window.withProgress(
        { location: ProgressLocation.Notification, title: `Running ${name}`, cancellable: true },
        async (notification, token) => {
          const listener = token.onCancellationRequested(() => controller.abort());
          let shown = 0;
          try {
            const residue = await this.engine.run(
              { text: document.getText(), file: uri.scheme === 'file' ? uri.fsPath : null, ...chosen, ...ask },
              {
                signal: controller.signal,
                onProgress: (progress) => {
                  const share = progress.total > 0 ? Math.min(100, (100 * progress.done) / progress.total) : shown;
                  notification.report({ message: progress.stage, increment: Math.max(0, share - shown) });
                  shown = Math.max(shown, share);
                  running.progress = progress;
                  this.#changes.fire({ uri, type: 'progress', progress });
                },
                onJson: (json) => {
                  running.json = json;
                  this.#changes.fire({ uri, type: 'partial', json });
                },
              },
            );
            this.log.info(`${name}: ${residue.status}${residue.verdict ? `, ${residue.verdict.sentence}` : ''}`);
            this.#changes.fire({ uri, type: 'residue', residue, json: running.json ?? JSON.stringify(residue) });
            return residue;
          } finally {
            listener.dispose();
          }
        },
      );
    } catch (error) {
      // Whatever ends a run that the user has stopped (its engine being closed, say), it was stopped.
      if (error instanceof CancelledError || controller.signal.aborted) {
        this.log.info(`${name}: cancelled.`);
        if (!running.json) return undefined;
        // The engine was too busy to end its residue: what had arrived is kept and says where it stopped.
        const arrived = JSON.parse(running.json) as Residue;
        const residue: Residue = { ...arrived, status: 'cancelled', cancelledAt: running.progress?.stage ?? 'the start' };
        this.#changes.fire({ uri, type: 'residue', residue, json: JSON.stringify(residue) });
        return residue;
      }
      this.#fail(document, ask, error);
      return undefined;
    }
  }

  #fail(document: TextDocument, ask: RunAsk, error: unknown): void {
    const input = error instanceof InputError;
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(error instanceof Error && !input ? error : message);
    this.#changes.fire({ uri: document.uri, type: 'failed', failure: { message, place: input ? error.place : null } });
    const again = 'Run Again';
    const log = 'Show Log';
    const show = 'Show Place';
    const line = input && (!error.place.file || error.place.file === document.uri.fsPath) ? error.place.line : undefined;
    const choices = !input ? [again, log] : line === undefined ? [log] : [show, log];
    void window.showErrorMessage(message, ...choices).then((choice) => {
      if (choice === again) void this.run(document, ask);
      if (choice === show && line !== undefined) void revealInShell(document.uri, line, (input && error.place.column) || 1);
      if (choice === log) this.log.show();
    });
  }
}
