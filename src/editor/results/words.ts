import { changeWords, type Change } from './fingerprint.js';
import { number, type CommandSummary, type Mark, type RunSummary } from './summary.js';

/** How a kept result stands to what would be run now. */
export interface Standing {
  /** ISO time of the run. */
  at: string;
  /** Seconds that it took; null where that is not known. */
  seconds: number | null;
  /** It was not computed when it was last asked for (or not in this window): it was opened from what is kept. */
  cached: boolean;
  changes: Change[];
}

const glyphs: Record<Mark, string> = { holds: '✓ ', lost: '✗ ', plain: '', cancelled: '' };

/** `2.1 s`, `1 min 12 s`; under a tenth of a second `0.1 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `18:03` today, `24 Nov 18:03` else, in local time. */
export function clock(iso: string, now = new Date()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const time = `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
  if (at.toDateString() === now.toDateString()) return time;
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][at.getMonth()]!;
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${month}${year} ${time}`;
}

/** Of the prompt itself: `✗ lost at layer 4`, `✓ did not fail`, `cancelled at probe: forward`; of a run of some values `walk=30: ✓ …`. */
export function outcomeText({ status, failed, outcome, doses }: RunSummary): string {
  const about = doses === undefined ? '' : `${doses.length > 40 ? `${doses.slice(0, 39)}…` : doses}: `;
  if (status === 'cancelled' || failed === null) return about + outcome;
  return `${about}${glyphs[failed ? 'lost' : 'holds']}${outcome}`;
}

/** Text of the lens over a shell: `✗ lost at layer 4 · 2.1 s`, with what is stale or cached. */
export function shellLens(summary: RunSummary, { at, seconds, cached, changes }: Standing, now = new Date()): string {
  const parts = [outcomeText(summary)];
  if (seconds !== null) parts.push(duration(seconds));
  if (changes.length > 0) return `stale, ${changeWords(changes)}: ${parts.join(' · ')}`;
  if (cached) parts.push(`cached, run at ${clock(at, now)}`);
  return parts.join(' · ');
}

/** Text of the lens about the shell's expectations; undefined where it has none that were checked. */
export function expectationsLens({ expectations: { total, failed }, status }: RunSummary): string | undefined {
  if (total === 0 || status !== 'complete') return undefined;
  const all = total === 1 ? 'the expectation' : `all ${total} expectations`;
  if (failed.length === 0) return `✓ holds: ${all}`;
  const first = failed[0]!.message;
  return failed.length === 1 ? `✗ ${first}` : `✗ ${failed.length} of ${total} expectations do not hold: ${first}`;
}

/** Text of the lens over a command: `✓ holds`, `effect −1.2 nats`. */
export function commandLens({ mark, text }: CommandSummary, changes: readonly Change[]): string {
  return `${changes.length > 0 ? 'stale: ' : ''}${glyphs[mark]}${text}`;
}

/** `margin −3.86 nats`; empty where none was measured. */
export function marginText({ margin }: RunSummary): string {
  return margin === null ? '' : `margin ${number(margin)} nats`;
}

/** Margins for a trend: those of the runs of all values of `vary`, for others have another headline. */
export const marginsOf = (entries: readonly { summary: RunSummary }[]): (number | null)[] =>
  entries.flatMap(({ summary }) => (summary.doses === undefined ? [summary.margin] : []));

const blocks = '▁▂▃▄▅▆▇█';

/** A line of blocks, lowest to highest value; what was not measured is a space. Empty for fewer than two values. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return '';
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  return values.map((value) => (value === null ? ' ' : blocks[span === 0 ? 3 : Math.round(((value - low) / span) * 7)])).join('');
}
