import type { RunTrace } from '../../src/residue/types.js';
import { patternOf } from './heads.js';
import { probability, visible } from './format.js';
import type { Table } from './csv.js';

/** A whole attention pattern: row q holds what query q gives to the keys 0 … q. Shares, each row sums to 1. */
export interface Pattern {
  length: number;
  /** [query, key] */
  data: Float32Array;
}

/** How far a mass may be from the residue's: both are sums of float32. */
const TOLERANCE = 2e-3;

/** Row of one query, [key]. */
export const rowOf = ({ data, length }: Pattern, query: number): Float32Array => data.subarray(query * length, (query + 1) * length);

/**
 * Whether a pattern is that of the run which the residue tells of: its row at the answer position against the row, or the mass on each
 * span, that the residue keeps of this head. True where it keeps neither.
 */
export function agrees(run: RunTrace, [layer, head]: [number, number], pattern: Pattern): boolean {
  if (pattern.length !== run.tokens.length) return false;
  const row = rowOf(pattern, run.position);
  const kept = patternOf(run, [layer, head]);
  if (kept && kept.some((share, k) => Math.abs(share - (row[k] ?? 0)) > TOLERANCE)) return false;
  return Object.entries(run.attention?.spans ?? {}).every(([name, { attention }]) => {
    const [from, to] = run.spans[name] ?? [0, 0];
    const mass = row.subarray(from, to).reduce((sum, share) => sum + share, 0);
    const told = attention[layer]?.[head];
    return told === undefined || Math.abs(told - mass) <= TOLERANCE;
  });
}

/** Place of a share on the ramp, in [0, 1]: by its square root, for most shares of a long prompt are small. */
export const shade = (share: number): number => Math.sqrt(Math.min(1, Math.max(0, share)));

/**
 * A pattern at a half, a quarter, … of its size, each cell the largest of those it stands for: what is narrower than a pixel is still
 * seen.
 * @param times How often it is halved.
 */
export function pooled({ data, length }: Pattern, times: number): Pattern {
  if (times === 0) return { data, length };
  const step = 2 ** times;
  const size = Math.ceil(length / step);
  const out = new Float32Array(size * size);
  for (let q = 0; q < length; q++) {
    const to = Math.floor(q / step) * size;
    const from = q * length;
    // Nothing is seen of the future.
    for (let k = 0; k <= q; k++) {
      const cell = to + Math.floor(k / step);
      const share = data[from + k]!;
      if (share > out[cell]!) out[cell] = share;
    }
  }
  return { data: out, length: size };
}

/** A stretch of keys, from included, to not, to which a query gives about the same. */
export interface ShadedRun {
  query: number;
  from: number;
  to: number;
}

/** The cells of a window on a pattern by their shade, 1 … steps − 1, alike neighbours along a query as one; what is as good as nothing is left out. */
export function shadedRuns(
  { data, length }: Pattern,
  { x, y, shown }: { x: number; y: number; shown: number },
  steps: number,
): Map<number, ShadedRun[]> {
  const out = new Map<number, ShadedRun[]>();
  const end = (from: number): number => Math.min(length, Math.ceil(from + shown));
  for (let query = Math.floor(y); query < end(y); query++) {
    let run: ShadedRun | null = null;
    let before = 0;
    for (let key = Math.floor(x); key < Math.min(end(x), query + 1); key++) {
      const step = Math.round(shade(data[query * length + key]!) * (steps - 1));
      if (run && step === before) run.to = key + 1;
      else if (step > 0) {
        run = { query, from: key, to: key + 1 };
        const runs = out.get(step);
        if (runs) runs.push(run);
        else out.set(step, [run]);
      } else run = null;
      before = step;
    }
  }
  return out;
}

/** What one query looks at most, as lines of a tooltip. */
export function cellTip(run: RunTrace, name: string, pattern: Pattern, query: number, key: number): string[] {
  const text = (i: number): string => `token ${i} “${visible(run.tokens[i]?.text ?? '', 24)}”`;
  return [
    `${text(query)} → ${text(key)}`,
    key > query
      ? 'in the future: cannot be attended to'
      : `attention of ${name}: ${probability(pattern.data[query * pattern.length + key])}`,
    'softmax over the keys up to the query. Read off.',
  ];
}

/** Per query what it looks at most, and what it gives to itself and to the first token. */
export function patternTable(run: RunTrace, pattern: Pattern): Table {
  return {
    columns: ['query', 'token', 'most to', 'its token', 'share', 'to itself', 'to the first token'],
    rows: run.tokens.map((token, q) => {
      const row = rowOf(pattern, q);
      let best = 0;
      for (let k = 1; k <= q; k++) if (row[k]! > row[best]!) best = k;
      return [q, token.text, best, run.tokens[best]?.text ?? '', row[best] ?? null, row[q] ?? null, row[0] ?? null];
    }),
  };
}

/** Every share as CSV, one line for each query. */
export function patternCsv(pattern: Pattern): string {
  const lines = [['query', ...Array.from({ length: pattern.length }, (_, k) => `key ${k}`)].join(',')];
  for (let q = 0; q < pattern.length; q++)
    lines.push([q, ...Array.from(rowOf(pattern, q).subarray(0, q + 1), (share) => Number(share.toPrecision(6)))].join(','));
  return `${lines.join('\r\n')}\r\n`;
}

/** The head that an arrow of the head's switch leads to, layer by layer; null at an end. */
export function nextHead([layer, head]: [number, number], by: 1 | -1, layers: number, heads: number): [number, number] | null {
  const at = layer * heads + head + by;
  return at < 0 || at >= layers * heads ? null : [Math.floor(at / heads), at % heads];
}
