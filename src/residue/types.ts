import type { AttributionGraph } from './types-graph.js';
import type { Claim, NullBand, NullSection, Opinion, PatternFound } from './types-claims.js';
import type { Diagnosis } from './types-diagnosis.js';
import type { AttentionDisruption, ErrorPropagation, HeadVerdicts, NullAttribution, NullSpace, TraceShape } from './types-heads.js';
import type { LensMap } from './types-map.js';
import type { Verification } from './types-verify.js';

export type { Diagnosis, DiagnosisKind } from './types-diagnosis.js';
export type { LensMap } from './types-map.js';
export type { Claim, HeadNulls, NullBand, NullSection, Opinion, PatternFound, SpanNulls } from './types-claims.js';

/**
 * The residue: what running a shell leaves. This file is the type of `*.residue.json`; its published JSON Schema is
 * media/schemas/residue.schema.json. Pure data: no class, no function, no import of code, so that the panel's page can use it.
 *
 * Units: log-probabilities, margins and contributions in nats; shares in [0, 1]. Arrays over layers that have a value before
 * the first block have L + 1 entries (row l = residual stream entering block l; row L = after the last block). Numbers are
 * rounded to 6 significant digits on writing. Sections that a cancelled run did not reach are absent.
 */

export interface Residue {
  $schema: string;
  format: 1;
  status: 'running' | 'complete' | 'cancelled';
  /** What was being computed when it was cancelled. */
  cancelledAt?: string;
  /** ISO 8601; the only field that differs between two runs of the same shell, model and settings. */
  created: string;
  shell: ShellInfo;
  provenance: Provenance;
  /** One per combination of vary values, in order (exactly one without vary). */
  runs: RunTrace[];
  /** Index into runs of the one that the headline is about: the first that fails, else the last. */
  primary: number;
  control: RunTrace | null;
  /** Paraphrases carry tokens, scores and margins only. */
  paraphrases: RunTrace[];
  density?: FailureDensity;
  nullSpace?: NullSpace;
  /** What the residue claims, each with its null and its second opinion. */
  claims?: Claim[];
  verdict?: Verdict;
  checks: IdentityCheck[];
  expectations: ExpectationResult[];
  /** Things a reader should know: provider fell back, answer has several tokens, rivals chosen by the model, … */
  notes: string[];
}

export interface ShellInfo {
  id: string;
  title: string;
  family: string;
  motivation: string;
  /** Base name of the file, or null for a probe made from a selection. */
  file: string | null;
  sha256: string;
  /** The commands as written, in order. */
  run: { name: string; params: Record<string, unknown> }[];
}

export interface Provenance {
  model: {
    id: string;
    family: string;
    dtype: string;
    parameters: number;
    layers: number;
    dModel: number;
    heads: number;
    kvHeads: number;
    dHead: number;
    vocab: number;
    context: number;
    files: { role: string; name: string; bytes: number; sha256: string }[];
  };
  tokenizer: { kind: string; addsBos: boolean; sha256: string };
  lens: { convention: 'final-norm-recomputed'; attribution: 'final-norm-scale-frozen' };
  engine: { onnxruntime: string; provider: { asked: string; used: string; note?: string }; threads: number };
  versions: { symbolicResidue: string; format: 1 };
  seed: number;
  settings: Record<string, string | number | boolean | null>;
  /** A command that reproduces this file. */
  command: string;
}

export interface TokenInfo {
  id: number;
  /** As shown, leading space kept. */
  text: string;
}

export interface Candidate {
  text: string;
  ids: number[];
  /** Log-probability of the first token at the answer position. */
  logprob: number;
  /** Sum over all of its tokens. */
  totalLogprob: number;
  rank: number;
}

export interface RunTrace {
  /** `probe`, `control`, `probe.walk=40`, `paraphrase.3` */
  name: string;
  label: 'probe' | 'control' | 'paraphrase';
  vary: Record<string, string>;
  /** Numeric dose for the x axis, when the varied values have one. */
  x: number | null;
  tokens: TokenInfo[];
  bosAdded: boolean;
  /** Half-open token ranges by span name. */
  spans: Record<string, [number, number]>;
  /** Answer position: index of the last prompt token. */
  position: number;
  scores?: Scores;
  lens?: LensSection;
  collapse?: Collapse;
  attribution?: Attribution;
  attention?: AttentionSection;
  salience?: Salience;
  map?: LensMap;
  almostSaid?: AlmostSaid[];
  generation?: Generation;
  looping?: Looping;
  commands?: CommandOutcome[];
  verification?: Verification;
  nulls?: NullSection;
  shape?: TraceShape;
  disruption?: AttentionDisruption;
  headVerdicts?: HeadVerdicts;
  /** Only when nothing comes at the answer position. */
  nothing?: NullAttribution;
  propagation?: ErrorPropagation;
  graph?: AttributionGraph;
}

export interface Scores {
  answer: Candidate;
  rivals: Candidate[];
  /** True when the shell named no rivals and the model's own top tokens were taken. */
  rivalsFromModel: boolean;
  /** Index into rivals of the strongest at the output, null without rivals. */
  strongest: number | null;
  /** m_L: log p(answer) − max log p(rival). */
  margin: number;
  failed: boolean;
  /** Threshold of the margin. */
  tau: number;
  /** Entropy of the next-token distribution. */
  entropy: number;
  top: { id: number; text: string; prob: number; logprob: number }[];
}

/** The logit lens at the answer position, [L + 1] each. */
export interface LensSection {
  answerLogprob: number[];
  answerRank: number[];
  /** [rival][L + 1] */
  rivalLogprob: number[][];
  margin: number[];
  entropy: number[];
  /** [L + 1][k] */
  top: { id: number; text: string; prob: number }[][];
}

export interface Collapse {
  /** `none`: it did not fail. `lost`: the answer led at `peak` and fell behind at `layer`. `never-formed`: it never led beyond noise. */
  kind: 'none' | 'lost' | 'never-formed';
  /** Residual row (0 … L) of the collapse; null for `none`, and for `never-formed` without a control. */
  layer: number | null;
  /** Row of the largest margin, and that margin. */
  peak: number;
  peakMargin: number;
  /** 95th percentile of |m_l| over random token pairs of like frequency at the peak's row. */
  noise: number;
  /** The best margin of a `lost` answer beside such pairs; absent where nothing had to rise above them. */
  null?: NullBand;
  /** `read off`: the lens suggests it; nothing was changed to test it. */
  evidence: 'observed';
}

/** Direct logit attribution of the margin answer − strongest rival at the answer position, final norm's scale frozen. */
export interface Attribution {
  /** The rival it is taken against. */
  rival: { text: string; id: number } | null;
  total: number;
  embed: number;
  posEmbed: number;
  /** [layer][head] */
  head: number[][];
  /** b_O, [layer] */
  attnBias: number[];
  /** [layer] */
  mlp: number[];
  lnFinalBias: number;
  unembedBias: number;
  /** |total − sum of all parts| */
  residual: number;
  /** Heads' contributions summed by source token, [pos]. */
  byToken: number[];
}

/** Attention of the answer position. */
export interface AttentionSection {
  /** Mean over all heads of the pattern row, [pos]. */
  meanByToken: number[];
  /** Value-weighted ‖α v W_O‖, summed over heads and normalised to sum 1, [pos]. */
  valueWeightedByToken: number[];
  /** Attention rollout (Abnar & Zuidema 2020) of the answer position. A weak measure: it knows neither values nor MLPs. Absent in older files. */
  rollout?: {
    /** Shares that sum to 1, [pos]. */
    byToken: number[];
    /** Per span: its share, beside that of random spans; null without room for any. */
    spans: Record<string, { share: number; null: NullBand | null }>;
  };
  /** Per span: [layer][head] mass of attention; norm of the value-weighted sum; contribution to the margin. */
  spans: Record<string, { attention: number[][]; valueWeighted: number[][]; contribution: number[][] }>;
  /** Pattern rows of the answer position by head, [pos] each; only the heads with the largest |contribution| where all would be too many. */
  rows: { layer: number; head: number; pattern: number[] }[];
}

export interface Salience {
  /** Σ|DLA| per layer. */
  direct: { attention: number[]; mlp: number[] };
  /** Share of the attention output's value-weighted norm that comes from the marked span, per layer; null without a span. */
  flow: { span: string; share: number[] } | null;
  /** Margin lost when the layer's attention / MLP is mean-ablated, per layer. Tested by intervention; null where it was not (yet) done. */
  causal: { attention: number[]; mlp: number[] } | null;
}

export interface AlmostSaid {
  id: number;
  text: string;
  /** Row at which it led with the largest probability, and that probability. */
  layer: number;
  peakProb: number;
  finalProb: number;
  /** Component whose contribution did most to end it. */
  endedBy: { component: string; contribution: number } | null;
}

export interface Generation {
  ids: number[];
  tokens: string[];
  text: string;
  stopped: 'end-of-text' | 'length' | 'context';
  temperature: number;
  /** Index of the generated token at which the answer begins, null if it never came. */
  answerAt: number | null;
}

export interface Looping {
  loops: boolean;
  /** Share of 4-grams that repeat an earlier one (Welleck 2020). */
  rep4: number;
  /** Smallest period of the tail repeated 3+ times, null if none. */
  period: number | null;
  repeats: number;
  /** Head with the highest induction score (Olsson 2022) on the generated text, when it loops. */
  carrier: { layer: number; head: number; inductionScore: number } | null;
}

/** A row of a command's result table. */
export type Cell = string | number | boolean | null;

export interface CommandOutcome {
  name: string;
  params: Record<string, unknown>;
  /** `observed`: all of it is read off a run. `caused`: something was changed, and what does not say otherwise was measured then. */
  evidence: 'observed' | 'caused';
  /** One sentence each, plain words. Where a command has both kinds of evidence, each says which it is. */
  findings: string[];
  /** What `expect` may test: `INHIBIT.effect`. */
  values: Record<string, Cell>;
  /** Unit of each value ('' for none), and its evidence where that is not the outcome's. Absent in older files. */
  measures?: Record<string, { unit: string; evidence?: 'observed' | 'caused' }>;
  /** Curves and tables for report and panel; each may have an evidence of its own. */
  curves: {
    title: string;
    evidence?: 'observed' | 'caused';
    xLabel: string;
    yLabel: string;
    unit: string;
    x: number[];
    series: { label: string; y: (number | null)[]; spread?: (number | null)[] }[];
  }[];
  tables: { title: string; evidence?: 'observed' | 'caused'; columns: { label: string; unit?: string }[]; rows: Cell[][] }[];
  /** Nulls of its values, by their names. */
  nulls?: Record<string, NullBand>;
  /** Second opinions on its values, by their names. */
  opinions?: Record<string, Opinion>;
}

export interface FailureDensity {
  failing: number;
  total: number;
  share: number;
  /** Wilson 95 %. */
  interval: [number, number];
  /** Per vary combination over probe and paraphrases: name of the run, counts, interval. */
  byRun: { name: string; x: number | null; failing: number; total: number; interval: [number, number] }[];
}

export interface Verdict {
  failed: boolean;
  /** The headline in words. */
  sentence: string;
  /** Control margin minus probe margin; null without a control. */
  drop: number | null;
  controlSucceeded: boolean | null;
  patterns: PatternFound[];
  /** Claims that an intervention has tested; empty: not checked. */
  confirmed: string[];
  /** What was not checked, in words. */
  notChecked: string[];
  /** Patterns that this shell, as it was run, cannot show, and why. */
  patternsNotMeasured?: { name: string; reason: string }[];
  /** What the run comes down to. Absent where no span is marked. */
  diagnosis?: Diagnosis;
}

export interface IdentityCheck {
  name: 'pattern-rows-sum-to-1' | 'no-attention-to-the-future' | 'contributions-sum-to-margin' | 'lens-last-layer-equals-logits';
  run: string;
  residual: number;
  tolerance: number;
  passed: boolean;
}

export interface ExpectationResult {
  path: string;
  want: string;
  got: Cell;
  passed: boolean;
  message: string;
  /** Place in the shell file, from 1. */
  line: number;
}
