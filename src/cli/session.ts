import { EngineClient } from '../engine/client.js';
import { EngineError } from '../engine/errors.js';
import type { ModelSettings } from '../engine/protocol.js';
import { CancelledError, InputError } from '../errors.js';
import type { EngineProcess } from '../engine/process.js';
import { printable } from '../residue/report/text.js';
import { logLine } from './log.js';
import { processTerminal, type Terminal } from './terminal.js';

/** What the program ends with. 1 is kept for expectations that do not hold. */
export const EXIT = { ok: 0, expectationsFailed: 1, badInput: 2 } as const;

/** Options that every command which opens a model takes. */
export interface ModelOptions {
  model?: string;
  seed?: number;
  threads?: number;
  provider?: string;
  color: boolean;
}

export function settingsOf({ threads, provider }: ModelOptions): ModelSettings {
  return { ...(threads === undefined ? {} : { threads }), ...(provider === undefined ? {} : { provider }) };
}

/** One sentence for stderr, `file:line:column: …` where there is a place. A fault of the program shows its stack only when asked. */
export function sentenceOf(error: unknown): string {
  if (error instanceof InputError) return printable(error.format());
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof EngineError || error instanceof CancelledError) return `residue: ${printable(message)}`;
  const stack = process.env.RESIDUE_DEBUG && error instanceof Error ? `\n${error.stack ?? ''}` : '';
  return `residue: this is a fault of the program: ${printable(message.split('\n')[0] ?? '')}${stack}`;
}

/** A place in the shell that is made of a text is no place that the user knows. */
export function withoutPlace(error: unknown): unknown {
  return error instanceof InputError && error.place.file === undefined ? new InputError(error.message) : error;
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

let started: EngineProcess | null = null;

/** Gives the next session an engine's process that is already there. */
export function useEngine(engine: EngineProcess): void {
  started = engine;
}

/** Ends a process that no session has taken, of a command that was refused. */
export async function dropEngine(): Promise<void> {
  await started?.stop();
  started = null;
}

/** One command's run: its engine, its terminal and its end. */
export interface Session {
  readonly terminal: Terminal;
  readonly engine: EngineClient;
  readonly signal: AbortSignal;
  /** Done however the command ends, a signal included. */
  onEnd(undo: () => void): void;
}

/**
 * Runs a command with an engine that is gone when this returns. The first Ctrl-C (or SIGTERM, SIGHUP, a reader that went away)
 * aborts the work and lets it end; a second ends the program at once. Resolves with the exit code.
 */
export async function inSession(color: boolean, work: (session: Session) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  const finish = () => {
    for (const step of undo.splice(0).reverse()) step();
  };
  let ended: number | undefined;
  const engine = new EngineClient({ onLog: logLine, started: started ?? undefined });
  started = null;
  const terminal = processTerminal({
    color,
    onGone: () => {
      // The reader has what it wanted.
      ended ??= EXIT.ok;
      controller.abort();
    },
  });
  const onSignal = (name: NodeJS.Signals) => {
    const code = SIGNALS[name] ?? 130;
    if (ended !== undefined) {
      if (engine.pid !== undefined) process.kill(engine.pid, 'SIGKILL');
      finish();
      process.exit(code);
    }
    ended = code;
    terminal.err(name === 'SIGINT' ? 'Stopping …' : `Stopping (${name}) …`);
    controller.abort();
  };
  for (const name of Object.keys(SIGNALS)) process.on(name, onSignal);
  let code: number;
  try {
    code = await work({ terminal, engine, signal: controller.signal, onEnd: (step) => undo.push(step) });
  } catch (error) {
    if (!(error instanceof CancelledError) && ended === undefined) terminal.err(sentenceOf(error));
    code = EXIT.badInput;
  } finally {
    await engine.dispose();
    terminal.progress.clear();
    finish();
  }
  for (const name of Object.keys(SIGNALS)) process.off(name, onSignal);
  return ended ?? code;
}
