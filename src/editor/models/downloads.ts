import { EventEmitter, ProgressLocation, window, type Disposable, type LogOutputChannel, type SecretStorage } from 'vscode';
import { CancelledError } from '../../errors.js';
import type { HubClient } from '../../hub/client.js';
import { Pace, percentOf } from '../../hub/pace.js';
import type { Plan } from '../../hub/plan.js';
import type { DownloadRow, HubEvent } from '../../hub/protocol.js';
import { referenceId, type HubReference } from '../../model/reference.js';
import { netOptions } from './net-settings.js';
import type { DownloadView } from './rows.js';

interface Running {
  reference: HubReference;
  controller: AbortController;
  pace: Pace;
  done: Promise<void>;
  received: number;
  bytes: number;
  rate: number | null;
  waiting: string | null;
}

/** What a finished download is to be followed by. */
export interface DownloadEnd {
  finished(model: { id: string; path: string }): void;
  failed(reference: HubReference, message: string): void;
}

type Work = (running: Running, onEvent: (event: HubEvent) => void) => Promise<{ id: string; path: string }>;

/** The downloads of this window: at most one per model. */
export class Downloads implements Disposable {
  readonly #running = new Map<string, Running>();
  readonly #changes = new EventEmitter<string>();
  /** Fires with the id of a download that has moved on, paused or ended. */
  readonly onDidChange = this.#changes.event;

  constructor(
    private readonly hub: () => HubClient,
    private readonly secrets: SecretStorage,
    private readonly log: LogOutputChannel,
    private readonly end: DownloadEnd,
  ) {}

  /** Downloads that lie on disk, with what this window knows of those that it runs. */
  views(rows: readonly DownloadRow[]): DownloadView[] {
    const views = rows.map((row): DownloadView => {
      const own = this.#running.get(row.id);
      return own
        ? {
            ...row,
            running: true,
            fault: null,
            received: own.received || row.received,
            bytes: own.bytes || row.bytes,
            rate: own.rate,
            waiting: own.waiting,
          }
        : { ...row, running: false, rate: null, waiting: null };
    });
    // One that has only just begun may have nothing on disk yet.
    const begun = [...this.#running].filter(([id]) => !rows.some((row) => row.id === id));
    return [
      ...views,
      ...begun.map(([id, { reference, received, bytes, rate, waiting }]): DownloadView => {
        return { id, reference, received, bytes, rate, waiting, busy: true, fault: null, running: true };
      }),
    ];
  }

  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  start(plan: Plan): void {
    this.#run(plan.reference, plan.bytes, async (running, onEvent) =>
      this.hub().call('download', { plan, net: await netOptions(this.secrets) }, { signal: running.controller.signal, onEvent }),
    );
  }

  resume(reference: HubReference): void {
    this.#run(reference, 0, async (running, onEvent) =>
      this.hub().call('resume', { reference, net: await netOptions(this.secrets) }, { signal: running.controller.signal, onEvent }),
    );
  }

  /** Stops a download and keeps what has arrived. Resolves when nothing is written any more. */
  async pause(id: string): Promise<void> {
    const running = this.#running.get(id);
    running?.controller.abort();
    await running?.done;
  }

  dispose(): void {
    for (const { controller } of this.#running.values()) controller.abort();
    this.#changes.dispose();
  }

  #run(reference: HubReference, bytes: number, work: Work): void {
    const id = referenceId(reference);
    if (this.#running.has(id)) return;
    const running: Running = {
      reference,
      controller: new AbortController(),
      pace: new Pace(),
      done: Promise.resolve(),
      received: 0,
      bytes,
      rate: null,
      waiting: null,
    };
    this.#running.set(id, running);
    running.done = this.#watch(id, running, work).finally(() => {
      this.#running.delete(id);
      this.#changes.fire(id);
    });
    this.#changes.fire(id);
  }

  async #watch(id: string, running: Running, work: Work): Promise<void> {
    try {
      const model = await window.withProgress({ location: ProgressLocation.Window, title: `Downloading ${id}` }, (report) =>
        work(running, (event) => {
          if (event.kind !== 'download') return;
          running.received = event.received;
          running.bytes = event.bytes;
          running.rate = running.pace.rate(event.received);
          running.waiting = event.waiting?.why ?? null;
          report.report({ message: event.waiting ? 'waiting' : `${percentOf(event)} %` });
          this.#changes.fire(id);
        }),
      );
      this.log.info(`${id} was downloaded.`);
      this.end.finished(model);
    } catch (error) {
      if (error instanceof CancelledError) return this.log.info(`The download of ${id} is paused.`);
      const message = error instanceof Error ? error.message : String(error);
      this.log.error(`The download of ${id} stopped: ${message}`);
      this.end.failed(running.reference, message);
    }
  }
}
