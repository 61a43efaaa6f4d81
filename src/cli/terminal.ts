import { cut, printable } from '../residue/report/text.js';
import type { RunProgress } from '../run/types.js';

/** Where the program's words go. Everything a program may read goes to stdout; all else to stderr. */
export interface Terminal {
  out(text: string): Promise<void>;
  err(line: string): void;
  /** Columns of stdout. */
  readonly width: number;
  /** Colour on stdout. */
  readonly color: boolean;
  progress: Progress;
}

/** Progress on stderr: one line redrawn on a terminal, a line per stage elsewhere. */
export interface Progress {
  update(event: RunProgress, label?: string): void;
  /** Removes the bar, so that what follows stands on a clean line. */
  clear(): void;
}

const DRAW_EVERY_MS = 50;
const CLEAR_LINE = '\r\u001b[2K';

/** `━━━━╌╌╌╌  40 % probe, walk = 40: forward`, no wider than the terminal. */
export function bar({ stage, done, total }: RunProgress, label: string, width: number): string {
  const room = 20;
  const part = total > 0 ? Math.max(0, Math.min(1, done / total)) : 0;
  const filled = Math.round(part * room);
  const text = `${'━'.repeat(filled)}${'╌'.repeat(room - filled)} ${total > 0 ? `${Math.round(part * 100)} %`.padStart(5) : '     '} ${label ? `${label}: ` : ''}${stage}`;
  return cut(printable(text), width - 1);
}

export class BarProgress implements Progress {
  private shown = false;
  private last = 0;

  constructor(private readonly stream: Pick<NodeJS.WriteStream, 'write' | 'columns'>) {}

  update(event: RunProgress, label = ''): void {
    if (this.shown && Date.now() - this.last < DRAW_EVERY_MS) return;
    this.shown = true;
    this.stream.write(CLEAR_LINE + bar(event, label, this.stream.columns || 80));
    this.last = Date.now();
  }

  clear(): void {
    if (this.shown) this.stream.write(CLEAR_LINE);
    this.shown = false;
  }
}

export class LineProgress implements Progress {
  private last = '';

  constructor(private readonly write: (line: string) => void) {}

  update({ stage }: RunProgress, label = ''): void {
    const line = printable(label ? `${label}: ${stage}` : stage);
    if (line === this.last) return;
    this.last = line;
    this.write(line);
  }

  clear(): void {
    // Lines stay.
  }
}

function wantsColor(stream: NodeJS.WriteStream, asked: boolean): boolean {
  if (!asked || process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/**
 * The process's own terminal. A reader that has gone away (`residue … | head`) is no error: `onGone` is told once and what follows
 * is dropped.
 */
export function processTerminal(options: { color: boolean; onGone: () => void }): Terminal {
  let gone = false;
  process.stdout.on('error', () => {
    if (gone) return;
    gone = true;
    options.onGone();
  });
  const err = (line: string) => {
    progress.clear();
    process.stderr.write(`${line}\n`);
  };
  const tty = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  const progress: Progress = tty ? new BarProgress(process.stderr) : new LineProgress((line) => process.stderr.write(`${line}\n`));
  return {
    out: (text) => {
      progress.clear();
      if (gone) return Promise.resolve();
      return new Promise((resolve) => process.stdout.write(text, () => resolve()));
    },
    err,
    width: process.stdout.columns || 100,
    color: wantsColor(process.stdout, options.color),
    progress,
  };
}
