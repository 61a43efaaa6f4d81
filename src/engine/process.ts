import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, InputError } from '../errors.js';
import { packageRoot } from '../paths.js';
import { EngineError } from './errors.js';
import { engineEnvironment, engineFlags } from './flags.js';
import {
  isFromEngine,
  PROTOCOL_VERSION,
  type EngineEvent,
  type EngineLimits,
  type FromEngine,
  type Method,
  type Methods,
} from './protocol.js';
import type { ToEngine, WireError } from './protocol.js';

export interface EngineProcessOptions {
  /** The program that runs the engine; default: the one running this (an Electron runs as Node). */
  execPath?: string;
  /** Path of the engine's bundle; default: dist/engine.cjs of this package. */
  enginePath?: string;
  limits?: EngineLimits;
  /** Lines the engine writes to stderr (warnings of onnxruntime, faults with their stacks). */
  onLog?: (line: string) => void;
  /** Milliseconds to say it is ready in. Default 60,000. */
  startTimeout?: number;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds after which the request is rejected and its process ended. Default: none. */
  timeout?: number;
}

export interface RequestOptions extends CallOptions {
  onEvent?: (event: EngineEvent) => void;
  /**
   * What an abort does. `reject` (default): the caller gets a CancelledError at once. `finish`: the engine is told, and its own
   * answer (a partial result, or a CancelledError) is waited for; an engine that does not answer in 10 s is killed.
   */
  onAbort?: 'reject' | 'finish';
}

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  onEvent?: (event: EngineEvent) => void;
}

/** How long an engine may take to answer a cancel that asks for its partial result. */
const CANCEL_GRACE = 10_000;
const STDERR_KEPT = 4096;

/** One engine process: started by the constructor, gone for good once it has ended. EngineClient starts the next. */
export class EngineProcess {
  /** Resolves when the engine can take requests; rejects with an EngineError when it cannot. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private stderrTail = '';
  private failure: EngineError | null = null;
  private isReady = false;

  constructor(private readonly options: EngineProcessOptions = {}) {
    const enginePath = options.enginePath ?? join(packageRoot(), 'dist', 'engine.cjs');
    if (!existsSync(enginePath))
      throw new EngineError('start', `The engine's program ${enginePath} is missing: build it with \`npm run build\`.`);
    this.child = fork(enginePath, [JSON.stringify(options.limits ?? {})], {
      execPath: options.execPath ?? process.execPath,
      // Not the parent's flags: a debugger's port or a test runner's loader is not the engine's.
      execArgv: engineFlags(options.execPath === undefined ? process.versions.v8 : null),
      env: engineEnvironment(process.env, { electron: process.versions.electron !== undefined }),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      windowsHide: true,
    } as Parameters<typeof fork>[2]);
    let goneResolve: () => void;
    this.gone = new Promise((resolve) => (goneResolve = resolve));
    this.ready = this.handshake();
    this.ready.catch(() => undefined);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.log(text));
    this.child.on('message', (message: unknown) => this.receive(message));
    this.child.on('error', (error) => {
      this.end(new EngineError('start', `The engine could not be started: ${error.message}.`));
      // What was never there will not end.
      if (this.child.pid === undefined) goneResolve();
    });
    const ended = (code: number | null, signal: NodeJS.Signals | null) => {
      this.end(explainExit(code, signal, this.stderrTail, this.isReady));
      goneResolve();
    };
    // The last of stderr may hold the reason; it is not waited for long. (The child's `close` event would say that both are done, but
    // it never comes after a `disconnect` from this side.)
    const { stderr } = this.child;
    this.child.on('exit', (code, signal) => {
      const end = () => ended(code, signal);
      if (!stderr || stderr.closed) return end();
      stderr.once('close', end);
      setTimeout(end, 500).unref();
    });
    this.hold();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get alive(): boolean {
    return this.failure === null;
  }

  get busy(): boolean {
    return this.pending.size > 0;
  }

  /** Sends a request and waits for its answer. Rejects with InputError, CancelledError or EngineError. */
  async request<M extends Method>(method: M, params: Methods[M]['params'], options: RequestOptions = {}): Promise<Methods[M]['result']> {
    if (options.signal?.aborted) throw new CancelledError();
    const id = this.nextId++;
    const timers: NodeJS.Timeout[] = [];
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Methods[M]['result']>((resolve, reject) => {
        if (this.failure) return reject(this.failure);
        this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject, onEvent: options.onEvent });
        this.hold();
        onAbort = () => {
          this.post({ type: 'cancel', id });
          if (options.onAbort === 'finish') timers.push(setTimeout(() => this.kill(new CancelledError()), CANCEL_GRACE));
          else reject(new CancelledError());
        };
        options.signal?.addEventListener('abort', onAbort, { once: true });
        if (options.timeout !== undefined) {
          const seconds = options.timeout / 1000;
          const late = () => this.kill(new EngineError('timeout', `The engine did not answer within ${seconds} s and was stopped.`));
          timers.push(setTimeout(late, options.timeout));
        }
        this.ready.then(() => {
          if (!this.pending.has(id)) return;
          // Aborted while the process started: its cancel came before what it cancels, so the engine would do all of it.
          if (options.signal?.aborted) reject(new CancelledError());
          else this.post({ type: 'request', id, method, params } as ToEngine);
        }, reject);
      });
    } finally {
      if (onAbort) options.signal?.removeEventListener('abort', onAbort);
      for (const timer of timers) clearTimeout(timer);
      this.pending.delete(id);
      this.hold();
    }
  }

  /** Tells the engine something that has no answer. */
  tell<M extends Method>(method: M, params: Methods[M]['params']): void {
    if (this.failure) return;
    this.post({ type: 'request', id: this.nextId++, method, params } as ToEngine);
  }

  /** Ends the process: at once when idle, else after the native call it is in, at most two seconds. */
  async stop(reason = new EngineError('disposed', 'The engine was closed.')): Promise<void> {
    this.end(reason);
    if (this.child.connected) this.child.disconnect();
    // Again and again: it also keeps the event loop from running empty between the process's end and the last of its stderr.
    const timer = setInterval(() => this.child.kill('SIGKILL'), 2000);
    this.child.ref();
    await this.gone;
    clearInterval(timer);
  }

  private kill(reason: Error): void {
    this.end(reason);
    this.child.kill('SIGKILL');
  }

  private handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = this.options.startTimeout ?? 60_000;
      const timer = setTimeout(() => this.kill(new EngineError('start', `The engine did not start within ${limit / 1000} s.`)), limit);
      this.pending.set(0, {
        resolve: (version) => {
          clearTimeout(timer);
          this.pending.delete(0);
          this.hold();
          if (version === PROTOCOL_VERSION) return resolve();
          const error = new EngineError(
            'start',
            `The engine speaks protocol ${String(version)} where ${PROTOCOL_VERSION} is wanted: rebuild it.`,
          );
          this.kill(error);
          reject(error);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  private post(message: ToEngine): void {
    try {
      // A channel that has just closed is reported by `close`, which says why.
      this.child.send(message, () => undefined);
    } catch (error) {
      if (message.type !== 'request') return;
      const reason = error instanceof Error ? error.message : String(error);
      this.pending
        .get(message.id)
        ?.reject(new InputError(`The parameters of \`${message.method}\` cannot be sent to the engine: ${reason}`));
    }
  }

  private receive(message: unknown): void {
    if (!isFromEngine(message)) {
      this.options.onLog?.('A malformed message from the engine was dropped.');
      return;
    }
    if (message.type === 'ready') {
      this.isReady = true;
      this.pending.get(0)?.resolve(message.protocol);
    } else if (message.id !== null) this.answer(message, message.id);
  }

  private answer(message: Exclude<FromEngine, { type: 'ready' }>, id: number): void {
    const pending = this.pending.get(id);
    if (!pending) return;
    if (message.type === 'reply') pending.resolve(message.result);
    else if (message.type === 'error') pending.reject(fromWire(message.error));
    else
      try {
        pending.onEvent?.(message.event);
      } catch (error) {
        // A caller's callback that throws ends its own request, not the engine.
        pending.reject(error instanceof Error ? error : new Error(String(error)));
        this.post({ type: 'cancel', id });
      }
  }

  private log(text: string): void {
    this.stderrTail = (this.stderrTail + text).slice(-STDERR_KEPT);
    for (const line of text.split('\n')) if (line.trim()) this.options.onLog?.(line);
  }

  private end(error: Error): void {
    if (this.failure) return;
    this.failure =
      error instanceof EngineError ? error : new EngineError('crashed', 'The engine was stopped because it did not answer a cancel.');
    for (const pending of [...this.pending.values()]) pending.reject(error);
    this.pending.clear();
    this.hold();
  }

  /** An idle engine does not keep its parent's event loop alive. */
  private hold(): void {
    const method = this.busy ? 'ref' : 'unref';
    this.child[method]();
    this.child.channel?.[method]();
    (this.child.stderr as { unref?: () => void } | null)?.unref?.();
  }
}

/** The answer to a request that only gives something back: undefined where the process has ended, for that gives back all there was. */
export async function untilGone<T>(engine: EngineProcess, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (engine.alive) throw error;
    return undefined;
  }
}

function fromWire(error: WireError): Error {
  if (error.kind === 'input') return new InputError(error.message, error.place);
  if (error.kind === 'cancelled') return new CancelledError(error.message);
  return new EngineError('fault', error.message);
}

/** Why a process ended, in one sentence with what to do. */
export function explainExit(code: number | null, signal: string | null, stderr: string, wasReady: boolean): EngineError {
  const kind = wasReady ? 'crashed' : 'start';
  const advice = 'try a shorter prompt, fewer prompts at once or a smaller model';
  if (/heap out of memory|bad_alloc|Cannot allocate memory|allocation failed/i.test(stderr)) {
    return new EngineError(kind, `The engine ran out of memory and ended; ${advice}.`);
  }
  if (signal === 'SIGKILL') {
    return new EngineError(kind, `The engine was killed (SIGKILL); if nobody asked for that, the system was out of memory: ${advice}.`);
  }
  if (signal === 'SIGBUS') {
    return new EngineError(kind, 'The engine crashed (SIGBUS); the model file may have been changed or cut short while it was in use.');
  }
  // Windows reports an access violation or a stack overrun as a large exit code.
  if (['SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP'].includes(signal ?? '') || (code !== null && code > 0xc0000000)) {
    const name = signal ?? `code 0x${(code ?? 0).toString(16)}`;
    return new EngineError(
      kind,
      `The engine crashed in native code (${name}); if it happens again, try the provider cpu or another model file.`,
    );
  }
  if (!wasReady) {
    const reason = stderr.match(/^(?:\w*Error: |Error)(.*)$/m)?.[0] ?? stderr.trim().split('\n').at(-1) ?? '';
    return new EngineError('start', `The engine could not start (exit code ${code ?? signal})${reason ? `: ${reason}` : ''}.`);
  }
  return new EngineError(
    'crashed',
    `The engine ended while it was needed (${signal ?? `exit code ${code}`}); the next request starts a new one.`,
  );
}
