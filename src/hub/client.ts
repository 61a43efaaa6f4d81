import { Worker } from 'node:worker_threads';
import { CancelledError, InputError } from '../errors.js';
import { isFromHub, type HubEvent, type HubMethod, type HubMethods, type ToHub } from './protocol.js';

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  onEvent?: (event: HubEvent) => void;
}

export interface HubCallOptions {
  signal?: AbortSignal;
  onEvent?: (event: HubEvent) => void;
}

/** Milliseconds without a request after which the thread is ended. */
const IDLE = 60_000;

/** The host's side of the thread that looks after models: started at the first request, ended when it has nothing to do. */
export class HubClient {
  private worker: Worker | null = null;
  private readonly pending = new Map<number, Pending>();
  private next = 1;
  private idle: NodeJS.Timeout | undefined;

  /** @param bundle Path of dist/hub.cjs. */
  constructor(
    private readonly bundle: string,
    private readonly onFault: (text: string) => void,
  ) {}

  /** Rejects with InputError (one sentence), CancelledError, or Error for a fault of the program. An abort waits for the thread's answer. */
  call<M extends HubMethod>(method: M, params: HubMethods[M]['params'], options: HubCallOptions = {}): Promise<HubMethods[M]['result']> {
    const { signal, onEvent } = options;
    if (signal?.aborted) return Promise.reject(new CancelledError());
    clearTimeout(this.idle);
    const worker = (this.worker ??= this.start());
    const id = this.next++;
    const abort = (): void => worker.postMessage({ type: 'abort', id } satisfies ToHub);
    return new Promise<unknown>((resolve, reject) => {
      this.pending.set(id, { resolve, reject, onEvent });
      worker.postMessage({ type: 'request', id, method, params } as ToHub);
      signal?.addEventListener('abort', abort, { once: true });
    }).finally(() => {
      signal?.removeEventListener('abort', abort);
      this.pending.delete(id);
      if (this.pending.size > 0) return;
      this.idle = setTimeout(() => this.stop(), IDLE);
      this.idle.unref();
    }) as Promise<HubMethods[M]['result']>;
  }

  /** Ends the thread; downloads are as good as paused. */
  dispose(): void {
    clearTimeout(this.idle);
    this.stop();
  }

  private stop(): void {
    const { worker } = this;
    this.worker = null;
    void worker?.terminate();
  }

  private start(): Worker {
    // Flags of the host (a debugger's port) are not the thread's.
    const worker = new Worker(this.bundle, { execArgv: [], stdout: false, stderr: false });
    worker.unref();
    worker.on('message', (message: unknown) => {
      if (!isFromHub(message)) return;
      const pending = this.pending.get(message.id);
      if (!pending) return;
      if (message.type === 'event') return pending.onEvent?.(message.event);
      if (message.type === 'reply') return pending.resolve(message.result);
      const { kind, message: text } = message.error;
      if (kind === 'fault') this.onFault(text);
      pending.reject(
        kind === 'cancelled' ? new CancelledError(text) : kind === 'input' ? new InputError(text) : new Error(text.split('\n')[0]),
      );
    });
    const end = (why: string): void => {
      if (this.worker === worker) this.worker = null;
      for (const pending of this.pending.values()) pending.reject(new Error(why));
    };
    worker.on('error', (error) => {
      this.onFault(error.stack ?? error.message);
      end(`The program that looks after models has ended: ${error.message}`);
    });
    worker.on('exit', () => end('The program that looks after models has ended.'));
    return worker;
  }
}
