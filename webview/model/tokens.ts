import type { RunTrace } from '../../src/residue/types.js';
import type { Table } from './csv.js';
import { fromLog, nats, probability, visible } from './format.js';
import type { Shading } from './view.js';

export interface StripToken {
  kind: 'token';
  index: number;
  text: string;
  /** Shading in [-1, 1], relative to the largest of the prompt; null where there is none. */
  shade: number | null;
  /** Names of the spans that hold it. */
  spans: string[];
  /** True for the last prompt token, from which the answer is read. */
  answer: boolean;
  /** True for a BOS that the tokenizer added. */
  added: boolean;
  tip: string;
}
export interface StripFold {
  kind: 'fold';
  /** Half-open range of tokens. */
  from: number;
  to: number;
}
export type StripItem = StripToken | StripFold;

export interface StripModel {
  items: StripItem[];
  /** Span names in order of first appearance: index is their colour. */
  spans: string[];
  candidates: { text: string; prob: string; role: 'answer' | 'said' | 'rival'; strongest: boolean; tip: string }[];
  /** What the shading is, in one line with its unit; null when the run has none. */
  legend: string | null;
  table: Table;
}

/** Prompts up to this length are shown whole. */
const WHOLE = 96;
/** Shortest stretch worth folding. */
const SHORTEST_FOLD = 8;

const SHADE_NAMES: Record<Shading, { name: string; unit: string }> = {
  attention: { name: 'attention, mean over heads', unit: 'share' },
  'value-weighted': { name: '‖α·v·W_O‖, summed over heads', unit: 'share' },
  contribution: { name: 'contribution through all heads', unit: 'nats' },
};

function shades(run: RunTrace, shading: Shading): number[] | null {
  if (shading === 'attention') return run.attention?.meanByToken ?? null;
  if (shading === 'value-weighted') return run.attention?.valueWeightedByToken ?? null;
  return run.attribution?.byToken ?? null;
}

/** Which tokens stay visible in a folded prompt: ends, spans with their surroundings, the most shaded, and the pinned one. */
function kept(run: RunTrace, values: readonly number[] | null, pinned: number | null): Uint8Array {
  const T = run.tokens.length;
  const keep = new Uint8Array(T);
  const mark = (from: number, to: number): void => {
    for (let i = Math.max(0, from); i < Math.min(T, to); i++) keep[i] = 1;
  };
  mark(0, 4);
  mark(T - 14, T);
  for (const [from, to] of Object.values(run.spans)) mark(from - 5, to + 5);
  if (pinned !== null) mark(pinned - 2, pinned + 3);
  const strongest = values ? [...values.keys()].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!)).slice(0, 6) : [];
  for (const i of strongest) mark(i, i + 1);
  return keep;
}

/** The prompt as a strip: tokens, folds, spans, shading, answer and rivals. */
export function stripModel(run: RunTrace, shading: Shading, unfolded: ReadonlySet<number>, pinned: number | null): StripModel {
  const values = shades(run, shading);
  const largest = Math.max(1e-12, ...(values ?? []).map(Math.abs));
  const spans = Object.entries(run.spans)
    .sort((a, b) => a[1][0] - b[1][0])
    .map(([name]) => name);
  const { name, unit } = SHADE_NAMES[shading];
  const token = (i: number): StripToken => {
    const t = run.tokens[i]!;
    const value = values?.[i];
    const inside = spans.filter((s) => i >= run.spans[s]![0] && i < run.spans[s]![1]);
    const parts = [`token ${i}, id ${t.id}: “${visible(t.text, 60)}”`];
    if (inside.length) parts.push(`span ${inside.join(', ')}`);
    if (value !== undefined) parts.push(unit === 'nats' ? `${name}: ${nats(value)}` : `${name}: ${probability(value)}`);
    return {
      kind: 'token',
      index: i,
      text: t.text,
      shade: value === undefined ? null : value / largest,
      spans: inside,
      answer: i === run.position,
      added: i === 0 && run.bosAdded,
      tip: parts.join('\n'),
    };
  };
  const T = run.tokens.length;
  const items: StripItem[] = [];
  const keep = T <= WHOLE ? null : kept(run, values, pinned);
  for (let i = 0; i < T;) {
    if (!keep || keep[i]) {
      items.push(token(i++));
      continue;
    }
    let end = i;
    while (end < T && !keep[end]) end++;
    if (end - i < SHORTEST_FOLD || unfolded.has(i)) for (; i < end; i++) items.push(token(i));
    else items.push({ kind: 'fold', from: i, to: end });
    i = end;
  }
  return { items, spans, candidates: candidates(run), legend: values ? `${name} (${unit})` : null, table: stripTable(run) };
}

/** The answer, what the model says where that is neither answer nor rival, and the rivals, the likeliest first. */
function candidates(run: RunTrace): StripModel['candidates'] {
  const s = run.scores;
  if (!s) return [];
  const tip = (c: { rank: number; logprob: number; totalLogprob: number; ids: number[] }): string =>
    [
      `probability of the first token at the answer position, rank ${c.rank + 1}`,
      `log p = ${nats(c.logprob)}`,
      ...(c.ids?.length > 1 ? [`whole string (${c.ids.length} tokens): ${nats(c.totalLogprob)}`] : []),
    ].join('\n');
  const known = new Set([s.answer, ...s.rivals].map((c) => c.ids?.[0]));
  const said = s.top[0];
  const rivals = s.rivals.map((r, i) => ({ r, strongest: i === s.strongest })).sort((a, b) => b.r.logprob - a.r.logprob);
  return [
    { text: s.answer.text, prob: probability(fromLog(s.answer.logprob)), role: 'answer' as const, strongest: false, tip: tip(s.answer) },
    ...(said && !known.has(said.id)
      ? [
          {
            text: said.text,
            prob: probability(said.prob),
            role: 'said' as const,
            strongest: false,
            tip: 'what the model says: its most probable token',
          },
        ]
      : []),
    ...rivals.map(({ r, strongest }) => ({
      text: r.text,
      prob: probability(fromLog(r.logprob)),
      role: 'rival' as const,
      strongest,
      tip: tip(r),
    })),
  ];
}

function stripTable(run: RunTrace): Table {
  const a = run.attention;
  return {
    columns: ['position', 'id', 'token', 'spans', 'attention (share)', 'value-weighted (share)', 'rollout (share)', 'contribution (nats)'],
    rows: run.tokens.map((t, i) => [
      i,
      t.id,
      t.text,
      Object.entries(run.spans)
        .filter(([, [from, to]]) => i >= from && i < to)
        .map(([s]) => s)
        .join(' '),
      a?.meanByToken[i] ?? null,
      a?.valueWeightedByToken[i] ?? null,
      a?.rollout?.byToken[i] ?? null,
      run.attribution?.byToken[i] ?? null,
    ]),
  };
}
