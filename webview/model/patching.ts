import type { PatchMap } from '../../src/residue/types-verify.js';
import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { number, visible } from './format.js';
import { rowName, type Mark } from './view.js';

/** What can be patched, in the order of the switch. `z`: one head's output at the answer position. */
export const PATCHED = ['resid_pre', 'attn_out', 'mlp_out', 'z'] as const;
export type Patched = (typeof PATCHED)[number];

/** Names as the switch has them. */
export const PATCHED_NAMES: Record<Patched, string> = { resid_pre: 'residual', attn_out: 'attention', mlp_out: 'MLP', z: 'heads' };

/** A layer × place map of recovery, R = (m_patched − m_probe) / (m_control − m_probe). */
export interface PatchingModel {
  at: Patched;
  /** Labels of the columns: tokens, or numbers of heads. */
  labels: string[];
  /** [layer][column] */
  values: number[][];
  /** |R| at which the colours end. */
  limit: number;
  /** Marked spans by the columns that they cover, half-open, in order of first appearance; their index in the run is their colour. */
  spans: { name: string; index: number; from: number; to: number }[];
  /** Column of the answer position. */
  home: number;
  /** Whether every position was patched on its own. */
  complete: boolean;
  mark(layer: number, column: number): Partial<Mark>;
  rowOf(mark: Mark): number | null;
  columnOf(mark: Mark): number | null;
  tip(layer: number, column: number): string[];
  aria: string;
  table: Table;
}

/** What a run has maps of. */
export function patchedIn({ verification: v }: RunTrace): Patched[] {
  return PATCHED.filter((at) => (at === 'z' ? filled(v?.heads) : v?.maps.some((m) => m.at === at && filled(m.recovery))));
}

const filled = (matrix: readonly (readonly number[])[] | null | undefined): boolean => (matrix?.[0]?.length ?? 0) > 0;

/** The map of one hook; null when the run has none. */
export function patchingModel(run: RunTrace, at: Patched): PatchingModel | null {
  const v = run.verification;
  if (at === 'z') return v?.heads && filled(v.heads) ? headMap(run, v.heads) : null;
  const map = v?.maps.find((m) => m.at === at && filled(m.recovery));
  return map ? positionMap(run, map) : null;
}

function positionMap(run: RunTrace, { at, groups, complete, recovery }: PatchMap): PatchingModel {
  const layers = recovery.length;
  const text = ([from, to]: [number, number], limit: number): string =>
    visible(
      run.tokens
        .slice(from, to)
        .map((t) => t.text)
        .join(''),
      limit,
    );
  const positions = ([from, to]: [number, number]): string => (to - from > 1 ? `${from}–${to - 1}` : String(from));
  const columnAt = (token: number): number => groups.findIndex(([from, to]) => token >= from && token < to);
  const home = Math.max(0, columnAt(run.position));
  // The stream before block l is row l; what block l adds is in row l + 1.
  const shift = at === 'resid_pre' ? 0 : 1;
  return {
    ...common(recovery),
    at,
    labels: groups.map((g) => text(g, 12)),
    spans: Object.entries(run.spans)
      .sort((a, b) => a[1][0] - b[1][0])
      .flatMap(([name, [start, end]], index) => {
        const covered = groups.flatMap(([from, to], column) => (from < end && to > start ? [column] : []));
        return covered.length ? [{ name, index, from: covered[0]!, to: covered.at(-1)! + 1 }] : [];
      }),
    home,
    complete,
    mark: (layer, column) => ({ row: layer + shift, token: tokenOf(groups[column], run.position) }),
    rowOf: ({ row }) => inside(row === null ? null : row - shift, layers),
    columnOf: ({ token }) => inside(token === null ? null : columnAt(token), groups.length),
    tip: (layer, column) => {
      const group = groups[column] ?? [0, 0];
      return [
        `${PATCHED_NAMES[at]}, ${at === 'resid_pre' ? rowName(layer, layers) : `block ${layer}`}`,
        `position ${positions(group)}: “${text(group, 40)}”`,
        ...explained(recovery[layer]?.[column], `blocks.${layer}.hook_${at}`),
      ];
    },
    aria: sentence(
      `Recovery when ${PATCHED_NAMES[at]} activations of the control are patched in, over ${layers} layers and ${groups.length} places`,
      recovery,
      (l, c) => `layer ${l}, position ${positions(groups[c] ?? [0, 0])}`,
    ),
    table: {
      columns: ['position', 'token', ...recovery.map((_, l) => `layer ${l} (recovery)`)],
      rows: groups.map((g, c) => [
        positions(g),
        run.tokens
          .slice(...g)
          .map((t) => t.text)
          .join(''),
        ...recovery.map((line) => line[c] ?? null),
      ]),
    },
  };
}

function headMap(run: RunTrace, recovery: number[][]): PatchingModel {
  const layers = recovery.length;
  const heads = recovery[0]!.length;
  return {
    ...common(recovery),
    at: 'z',
    labels: Array.from({ length: heads }, (_, h) => String(h)),
    spans: [],
    home: 0,
    complete: true,
    mark: (layer, head) => ({ head: [layer, head], row: layer + 1 }),
    rowOf: ({ row, head }) => (head ? inside(head[0], layers) : inside(row === null ? null : row - 1, layers)),
    columnOf: ({ head }) => inside(head?.[1] ?? null, heads),
    tip: (layer, head) => [
      `head ${layer}.${head} (blocks.${layer}.attn, head ${head})`,
      `patched at the answer position, ${run.position}`,
      ...explained(recovery[layer]?.[head], `blocks.${layer}.attn.hook_z`),
    ],
    aria: sentence(
      `Recovery when one head’s output of the control is patched in at the answer position, over ${layers} layers and ${heads} heads`,
      recovery,
      (l, h) => `head ${l}.${h}`,
    ),
    table: {
      columns: ['layer', 'head', 'recovery'],
      rows: recovery.flatMap((line, l) => line.map((value, h) => [l, h, value])),
    },
  };
}

const common = (recovery: number[][]): { values: number[][]; limit: number } => ({ values: recovery, limit: limitOf(recovery.flat()) });

/** The largest |R| rounded up to one digit, at least 0.1 (below it is noise) and at most 1 (all of the drop). */
export function limitOf(values: readonly number[]): number {
  const largest = values.reduce((most, v) => Math.max(most, Number.isFinite(v) ? Math.abs(v) : 0), 0);
  return Math.min(1, Math.max(0.1, Math.ceil(largest * 10 - 1e-9) / 10));
}

/** Place of a recovery on a diverging ramp, 0 … 1, the middle being no recovery. */
export const diverging = (value: number | null | undefined, limit: number): number =>
  value == null || Number.isNaN(value) ? 0.5 : 0.5 + Math.min(1, Math.max(-1, value / limit)) / 2;

const inside = (i: number | null, limit: number): number | null => (i === null || i < 0 || i >= limit ? null : i);

/** The answer position if the group holds it, else its first. */
const tokenOf = (group: [number, number] | undefined, answer: number): number | null =>
  !group ? null : answer >= group[0] && answer < group[1] ? answer : group[0];

const explained = (value: number | undefined, hook: string): string[] => [
  `R = ${number(value)} of the drop`,
  `${hook}: R = (patched − probe) / (control − probe), margins. Tested by intervention.`,
];

function sentence(what: string, recovery: readonly (readonly number[])[], where: (layer: number, column: number) => string): string {
  let best = { value: -Infinity, text: '' };
  recovery.forEach((line, l) =>
    line.forEach((value, c) => {
      if (value > best.value) best = { value, text: where(l, c) };
    }),
  );
  return `${what}; largest ${number(best.value)} at ${best.text}. Tested by intervention.`;
}
