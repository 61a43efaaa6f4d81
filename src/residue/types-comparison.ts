import type { Claim, NullBand } from './types-claims.js';
import type { TokenInfo } from './types.js';

/**
 * A comparison of two residues: the type of `*.comparison.json`; its published JSON Schema is
 * media/schemas/comparison.schema.json. Pure data, so that the panel's page can use it.
 *
 * Every difference is B − A. Depth is relative: row l of L layers stands at l/L, so that models of different depth share an axis.
 */
export interface Comparison {
  $schema: string;
  format: 1;
  kind: 'comparison';
  /** ISO 8601; the only field that differs between two comparisons of the same residues. */
  created: string;
  a: ComparedSide;
  b: ComparedSide;
  same: { shell: boolean; prompt: boolean; weights: boolean; tokenizer: boolean; seed: boolean };
  /** How the values that are tested pair up. `pairs`: the same shell, wording for wording. `groups`: two shells, as two samples. */
  design: 'pairs' | 'groups';
  curves: ComparedCurve[];
  differences: Difference[];
  heads: ComparedHeads | null;
  doses: ComparedDose[];
  tokens: ComparedTokens;
  patterns: { name: string; a: PatternScore | null; b: PatternScore | null }[];
  /** What either claims of its headline, with its own null and second opinion; absent in older files. */
  claims?: ComparedClaim[];
  /** Tests that the q-values were adjusted over. */
  tests: number;
  /** The comparison in words, most telling first. */
  findings: string[];
  notes: string[];
}

export interface ComparedSide {
  /** What it is called: `A`'s model, shell or file, whichever tells it from the other. */
  label: string;
  file: string | null;
  shell: { id: string; title: string; sha256: string };
  model: { id: string; family: string; dtype: string; layers: number; heads: number; parameters: number; weights: string | null };
  /** The run that is looked at: `probe`, `probe.walk=40` or `control`. */
  run: string;
  answer: string;
  rival: string | null;
  says: string | null;
  failed: boolean;
  margin: number;
  collapse: { kind: 'none' | 'lost' | 'never-formed'; layer: number | null; depth: number | null };
  density: { failing: number; total: number; interval: [number, number] } | null;
  tokens: TokenInfo[];
  spans: Record<string, [number, number]>;
}

export interface ComparedCurve {
  /** `margin`, `direct.attention`, `flow`, `causal.mlp`, … */
  name: string;
  label: string;
  unit: string;
  evidence: 'observed' | 'caused';
  a: { x: number[]; y: number[] };
  b: { x: number[]; y: number[] };
  /** Linear between points, at every depth where either side has one. */
  difference: { x: number[]; y: number[] };
}

export interface Difference {
  /** `margin`, `collapse.depth`, `INHIBIT.effect`, … */
  name: string;
  label: string;
  unit: string;
  evidence: 'observed' | 'caused';
  /** In the run that is looked at; null where that side has none. */
  a: number | null;
  b: number | null;
  difference: number | null;
  test: DifferenceTest | null;
  /** Why there is no test, in words. */
  untested?: string;
  /** How far rewording alone moves the value: the 95th percentile of |difference| between two wordings of one side. */
  wording: { pairs: number; p95: number; beyond: boolean } | null;
  /** What the same measurement gave on either side where there should be nothing; absent where none is defined. */
  nulls?: { a: NullBand | null; b: NullBand | null };
}

/** A claim of both sides, or of one. */
export interface ComparedClaim {
  /** `failure`, `cause`, `INHIBIT.effect`, `pattern.recursive-looping`, … */
  name: string;
  a: ClaimStanding | null;
  b: ClaimStanding | null;
}

export interface ClaimStanding extends Pick<Claim, 'sentence' | 'evidence' | 'value' | 'unit' | 'null' | 'holds' | 'stable'> {
  agreement: { agree: number; of: number } | null;
}

/** A permutation test of one difference; q is adjusted over all tests of the comparison (Benjamini & Hochberg 1995). */
export interface DifferenceTest {
  over: 'wordings' | 'values of vary' | 'all runs';
  design: 'pairs' | 'groups';
  /** Values of either side. */
  n: [number, number];
  /** Mean of B − A over them. */
  mean: number;
  p: number;
  /** The smallest p that so many values can give. */
  smallest: number;
  q: number;
}

export interface ComparedHead {
  layer: number;
  head: number;
  depth: number;
  /** Attention of the answer position to the span; null without one. */
  attention: number | null;
  /** Nats toward the answer. */
  contribution: number;
  /** Of the largest of any head. */
  relative: number;
}

export interface ComparedHeads {
  /** `index`: the same weights. `role`: what the head attends to and writes. */
  by: 'index' | 'role';
  spans: { a: string | null; b: string | null };
  pairs: {
    a: ComparedHead;
    b: ComparedHead;
    /** How unlike the roles are; null when matched by index. */
    distance: number | null;
    /** Share of all pairs of a head of A and one of B that are at least this alike; null when matched by index. */
    chance: number | null;
    test: DifferenceTest | null;
  }[];
  unmatched: { a: ComparedHead[]; b: ComparedHead[] };
}

export interface ComparedDose {
  vary: Record<string, string>;
  x: number | null;
  a: { margin: number; failed: boolean };
  b: { margin: number; failed: boolean };
  difference: number;
  test: DifferenceTest | null;
}

export interface ComparedTokens {
  /** Aligned tokens, [index in A, index in B], ascending. */
  pairs: [number, number][];
  onlyA: number;
  onlyB: number;
  /** The aligned tokens whose share of the heads' contribution differs most. */
  rows: { a: number; b: number; text: string; contribution: [number, number]; attention: [number, number] }[];
}

export interface PatternScore {
  present: boolean;
  score: number;
}
