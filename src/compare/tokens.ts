import { alignPrompts } from '../methods/align.js';
import type { ComparedTokens } from '../residue/types-comparison.js';
import type { RunTrace, TokenInfo } from '../residue/types.js';

/** Tokens listed: those that differ most. */
const SHOWN = 12;

/**
 * Aligns the tokens of two runs, which may come from different tokenizers: by named spans, then by a longest common subsequence of
 * the tokens' texts, in which the two ways of writing a leading space are one.
 */
export function compareTokens(a: RunTrace, b: RunTrace): ComparedTokens {
  const known = new Map<string, number>();
  const idsOf = (tokens: readonly TokenInfo[]): number[] =>
    tokens.map(({ text }) => {
      const key = text.replace(/^[▁Ġ]/, ' ');
      const id = known.get(key) ?? known.size;
      known.set(key, id);
      return id;
    });
  const aligned = alignPrompts({ ids: idsOf(a.tokens), spans: a.spans }, { ids: idsOf(b.tokens), spans: b.spans });
  const pairs = aligned.map(({ control, probe }): [number, number] => [control, probe]).sort(([p], [q]) => p - q);
  const [sharesA, sharesB] = [shares(a), shares(b)];
  const rows = pairs.map(([i, j]) => ({
    a: i,
    b: j,
    text: a.tokens[i]!.text,
    contribution: [a.attribution?.byToken[i] ?? 0, b.attribution?.byToken[j] ?? 0] as [number, number],
    attention: [a.attention?.meanByToken[i] ?? 0, b.attention?.meanByToken[j] ?? 0] as [number, number],
  }));
  const gap = ({ a: i, b: j }: (typeof rows)[number]): number => Math.abs((sharesB[j] ?? 0) - (sharesA[i] ?? 0));
  const measured = a.attribution !== undefined && b.attribution !== undefined;
  return {
    pairs,
    onlyA: a.tokens.length - pairs.length,
    onlyB: b.tokens.length - pairs.length,
    rows: measured ? [...rows].sort((p, q) => gap(q) - gap(p) || p.a - q.a).slice(0, SHOWN) : [],
  };
}

/** Contributions by token over their summed magnitude, so that models of different scale compare. */
function shares(run: RunTrace): number[] {
  const values = run.attribution?.byToken ?? [];
  const total = values.reduce((sum, v) => sum + Math.abs(v), 0) || 1;
  return values.map((v) => v / total);
}
