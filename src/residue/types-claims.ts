/**
 * What stands behind a claim: its null (the same measurement where there should be nothing) and its second opinion (the same
 * question asked in another way). Pure data, as all of the residue.
 */

/** A number beside what the same measurement gave where there should be nothing. */
export interface NullBand {
  /** What was measured: `32 random spans of 1 token`. */
  of: string;
  /** Null measurements. */
  n: number;
  /** Their median and their 95th percentile, in the unit of the number (of its size, where `sided` is `size`). */
  median: number;
  p95: number;
  /** `high`: large values count against the null. `size`: large |values| do. */
  sided: 'high' | 'size';
  /** (1 + #null ≥ observed) / (1 + n); it cannot be below 1 / (1 + n). */
  p: number;
  /** Benjamini-Hochberg over all that was tested with it (`over`: `24 heads`): what it is judged by. Absent where one thing was tested alone. */
  q?: number;
  over?: string;
}

/** How many independent repetitions of a question came to the same answer. */
export interface Opinion {
  agree: number;
  of: number;
  /** What each repetition was, and its answer: `zero ablation: costs 1.2 nats`, `paraphrase 3: does not fail`. */
  by: { name: string; agrees: boolean; says: string }[];
}

/** A sentence of the verdict with what stands behind it. */
export interface Claim {
  /** `failure`, `collapse`, `span.fact.attention`, `INHIBIT.effect`, `pattern.recursive-looping`, … */
  name: string;
  sentence: string;
  evidence: 'observed' | 'caused';
  value: number;
  unit: string;
  /** Null where none is defined or there was no room for one. */
  null: NullBand | null;
  /** Null where nothing else was asked. */
  opinion: Opinion | null;
  /** Whether it clears its null at 0.05; null where that was not checked. */
  holds: boolean | null;
  /** Whether the second opinion is of one mind with it; null where there was none. A verdict that flips is unstable. */
  stable: boolean | null;
}

/** p and q of every head, [layer][head]. q: Benjamini-Hochberg over all heads. */
export interface HeadNulls {
  /** `32 random spans in the 4 heads of its layer` */
  of: string;
  n: number;
  p: number[][];
  q: number[][];
}

/** A span's measures beside those of random spans in its place. Absent for a span that leaves no room for any. */
export interface SpanNulls {
  drawn: [number, number][];
  /** Mean over heads and layers, a share. */
  attention: NullBand;
  /** Mean over layers, a share. */
  flow: NullBand;
  /** Sum over heads, nats. */
  contribution: NullBand;
  /** Each head's attention to the span, and the size of its contribution from it. */
  headAttention: HeadNulls;
  headContribution: HeadNulls;
}

/** Nulls of what is read off one run. */
export interface NullSection {
  /** By span: the random spans that were measured in its place (half-open token ranges), and what they gave. */
  spans: Record<string, SpanNulls>;
  /** Size of each head's whole contribution against the other heads of its layer; null in a model of one head. */
  contribution: HeadNulls | null;
}

/** A failure pattern that was looked for. */
export interface PatternFound {
  name: string;
  present: boolean;
  /** [0, 1] */
  score: number;
  evidence: string;
  /** Null where none is defined; absent in older files. */
  null?: NullBand | null;
  /** The same looked for in each paraphrase. */
  opinion?: Opinion | null;
}
