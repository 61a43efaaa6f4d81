import { Worker } from 'node:worker_threads';
import type { TokenHint } from './token-hints.js';
import type { TokenReply, TokenRequest } from './tokens-protocol.js';

/** The thread is ended when nothing was asked of it for this long (milliseconds), and its tokenizers with it. */
const IDLE = 5 * 60_000;

/** Asks the thread that opens tokenizers; starts it when it is first needed, and again after it failed. */
export class TokenThread {
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;
  private next = 0;
  /** The last note, which is not told again with every key. */
  private said = '';
  private readonly waiting = new Map<number, (hints: TokenHint[]) => void>();

  /** @param path Of dist/language-tokens.cjs. */
  constructor(
    private readonly path: string,
    private readonly log: (line: string) => void,
  ) {}

  ask(request: Omit<TokenRequest, 'id'>): Promise<TokenHint[]> {
    const id = this.next++;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.end(), IDLE).unref();
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      (this.worker ??= this.start()).postMessage({ ...request, id } satisfies TokenRequest);
    });
  }

  private start(): Worker {
    const worker = new Worker(this.path);
    worker.unref();
    worker.on('message', ({ id, hints, note }: TokenReply) => {
      if (note && note !== this.said) this.log(note);
      this.said = note ?? this.said;
      this.waiting.get(id)?.(hints);
      this.waiting.delete(id);
    });
    const ended = (why: string): void => {
      if (this.worker !== worker) return;
      this.log(`The thread for tokenizers ended: ${why}`);
      this.end();
    };
    worker.on('error', (error) => ended(String(error)));
    worker.on('exit', (code) => ended(`code ${code}`));
    return worker;
  }

  /** What still waits gets nothing. */
  private end(): void {
    const { worker } = this;
    this.worker = undefined;
    for (const resolve of this.waiting.values()) resolve([]);
    this.waiting.clear();
    void worker?.terminate();
  }
}
