import { nats, pad, type Look, type Paint } from './text.js';

const BLOCKS = '▁▂▃▄▅▆▇█';

/**
 * One character per value, heights from 0 to the largest magnitude; a negative value hangs as `▾`, which is lower than any block.
 * More values than `width` are reduced to the largest magnitude of each group.
 */
export function sparkline(values: readonly (number | null)[], width: number, scale?: number): string {
  const groups = group(values, width);
  const top = scale ?? Math.max(...groups.map((v) => Math.abs(v ?? 0)), 0);
  return groups
    .map((v) => {
      if (v === null) return ' ';
      if (top === 0) return BLOCKS[0];
      if (v < 0 && -v / top > 1 / 16) return '▾';
      return BLOCKS[Math.max(0, Math.min(7, Math.round((v / top) * 8) - 1))];
    })
    .join('');
}

/**
 * The shape of a curve: `▁` is the lowest of `[low, high]`, `█` the highest. For curves that need not begin at 0, such as
 * log-probabilities; give all series of a chart the same range.
 */
export function curve(values: readonly (number | null)[], width: number, [low, high]: readonly [number, number]): string {
  return group(values, width)
    .map((v) => (v === null ? ' ' : BLOCKS[high > low ? Math.round(((v - low) / (high - low)) * (BLOCKS.length - 1)) : 0]))
    .join('');
}

function group(values: readonly (number | null)[], width: number): (number | null)[] {
  if (values.length <= width) return [...values];
  const size = Math.ceil(values.length / width);
  const groups: (number | null)[] = [];
  for (let i = 0; i < values.length; i += size) {
    const part = values.slice(i, i + size).filter((v) => v !== null);
    groups.push(part.length ? part.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best)) : null);
  }
  return groups;
}

export interface MarginLines {
  probe: readonly number[];
  control: readonly number[] | null;
  /** Residual row of the observed collapse. */
  collapse: number | null;
}

const HEIGHT = 11;

/**
 * The margin by residual row: probe `●`, control `○`, both in one cell `◉`, the observed collapse a hollow diamond `◇` on the
 * probe (observed marks are hollow throughout). Row 0 is what enters the first block. Returns lines no wider than the look.
 */
export function marginChart({ probe, control, collapse }: MarginLines, look: Look, paint: Paint): string[] {
  const all = [...probe, ...(control ?? []), 0];
  const max = Math.max(...all);
  const min = Math.min(...all);
  const step = (max - min || 1) / (HEIGHT - 1);
  const rowOf = (value: number) => Math.round((max - value) / step);
  const zero = rowOf(0);
  const gutter = 8;
  const count = probe.length;
  const every = Math.max(1, Math.ceil(count / Math.max(4, look.width - gutter - 2)));
  // Rows of a deep model are thinned to what fits; the last one and the collapse always stay.
  const kept = Array.from({ length: count }, (_, l) => l).filter((l) => l % every === 0 || l === count - 1 || l === collapse);
  const cell = Math.max(1, Math.min(8, Math.floor((look.width - gutter - 1) / kept.length)));
  const lines: string[] = [];
  for (let row = 0; row < HEIGHT; row++) {
    const value = row === zero ? 0 : max - row * step;
    const label = row === zero ? '0' : row === 0 || row === HEIGHT - 1 ? nats(value, 1) : '';
    const cells = kept.map((l) => {
      const p = rowOf(probe[l] ?? 0) === row;
      const c = control?.[l] !== undefined && rowOf(control[l]) === row;
      const fill = row === zero ? '─' : ' ';
      const mark = p && l === collapse ? paint.failed('◇') : p && c ? '◉' : p ? paint.strong('●') : c ? paint.faint('○') : fill;
      return fill.repeat(Math.floor((cell - 1) / 2)) + mark + fill.repeat(cell - 1 - Math.floor((cell - 1) / 2));
    });
    const note = row === zero && gutter + cell * kept.length + 26 <= look.width ? paint.faint(' answer and rival equal') : '';
    lines.push(`${pad(label, gutter - 2, 'right')} ${row === zero ? '┼' : '│'}${cells.join('')}${note}`.trimEnd());
  }
  lines.push(`${pad('layer', gutter - 2, 'right')} ${axis(kept, cell)}`);
  return lines;
}

/** Layer numbers under their columns; one that would touch its neighbour is left out. */
function axis(kept: readonly number[], cell: number): string {
  let line = ' ';
  for (const [i, layer] of kept.entries()) {
    const label = String(layer);
    const at = 1 + i * cell + Math.max(0, Math.floor((cell - 1) / 2) - Math.floor((label.length - 1) / 2));
    if (i === 0 || at > line.length) line = line.padEnd(at) + label;
  }
  return line;
}
