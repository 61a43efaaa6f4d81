import type { DownloadProgress } from './download.js';
import { sizeText } from './size.js';

/** How fast bytes come, over the last seconds. */
export class Pace {
  private readonly marks: { at: number; received: number }[] = [];

  constructor(private readonly window = 5000) {}

  /** Bytes per second; null until there is something to go by. */
  rate(received: number, now = performance.now()): number | null {
    this.marks.push({ at: now, received });
    while (this.marks.length > 2 && now - this.marks[0]!.at > this.window) this.marks.shift();
    const first = this.marks[0]!;
    const seconds = (now - first.at) / 1000;
    return seconds < 0.25 || received < first.received ? null : (received - first.received) / seconds;
  }
}

/** `120 MB of 269 MB, 8.10 MB/s, 18 s left`, or why nothing comes. */
export function progressText({ received, bytes, waiting }: DownloadProgress, rate: number | null): string {
  const amount = `${sizeText(received)} of ${sizeText(bytes)}`;
  if (waiting) return `${amount}; waiting ${Math.max(1, Math.round(waiting.milliseconds / 1000))} s: ${waiting.why}`;
  if (rate === null || rate < 1) return amount;
  return `${amount}, ${sizeText(rate)}/s, ${durationText((bytes - received) / rate)} left`;
}

/** `18 s`, `3 min`, `2 h 5 min`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whole percents of a download that are there; 100 only when all is. */
export function percentOf({ received, bytes }: Pick<DownloadProgress, 'received' | 'bytes'>): number {
  return bytes === 0 ? 100 : Math.floor((100 * received) / bytes);
}
