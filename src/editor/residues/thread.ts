import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Ask, AskParams, AskResult, ResidueReply, ResidueRequest } from './protocol.js';

/** The thread is ended when nothing was asked of it for this long (milliseconds), and what it holds with it. */
const IDLE = 60_000;

interface Waiting {
  done: (result: unknown) => void;
  fail: (error: Error) => void;
}

/** Asks the thread that reads residues and shells; starts it when it is first needed, and again after it has ended. */
export class ResidueThread {
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;
  private next = 0;
  private readonly waiting = new Map<number, Waiting>();

  /** @param path Of dist/residues.cjs, which lies beside the extension's own bundle. */
  constructor(private readonly path = join(dirname(fileURLToPath(import.meta.url)), 'residues.cjs')) {}

  ask<A extends Ask>(ask: A, params: AskParams<A>): Promise<AskResult<A>> {
    const id = this.next++;
    clearTimeout(this.idle);
    return new Promise((done, fail) => {
      this.waiting.set(id, { done: done as (result: unknown) => void, fail });
      (this.worker ??= this.start()).postMessage({ id, ask, params } as ResidueRequest);
    });
  }

  dispose(): void {
    clearTimeout(this.idle);
    this.end('it was closed');
  }

  private start(): Worker {
    const worker = new Worker(this.path);
    worker.unref();
    worker.on('message', (reply: ResidueReply) => {
      const waiting = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ('fault' in reply) waiting?.fail(new Error(reply.fault));
      else waiting?.done(reply.result);
      if (this.waiting.size === 0) this.idle = setTimeout(() => this.end('it was idle'), IDLE).unref();
    });
    const ended = (why: string): void => {
      if (this.worker === worker) this.end(why);
    };
    worker.on('error', (error) => ended(error.message));
    worker.on('exit', (code) => ended(`code ${code}`));
    return worker;
  }

  private end(why: string): void {
    const { worker } = this;
    this.worker = undefined;
    for (const { fail } of this.waiting.values()) fail(new Error(`The thread that reads residues and shells has ended: ${why}.`));
    this.waiting.clear();
    void worker?.terminate();
  }
}

/** The extension's one. */
export const residues = new ResidueThread();
