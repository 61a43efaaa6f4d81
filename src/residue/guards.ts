import {
  interval,
  isBoolean,
  isNumber,
  isPlain,
  isScalar,
  isString,
  list,
  matrix,
  numbers,
  one,
  orNull,
  range,
  record,
  shape,
  type Check,
} from './guard-words.js';
import { isComparison } from './guards-comparison.js';
import type { ToHost, ToPage } from './messages.js';
import type { Comparison } from './types-comparison.js';
import type { Residue } from './types.js';

/**
 * Guards of the boundary between extension host and panel page: what does not pass is dropped by its receiver. They check
 * everything that the receiver would otherwise trip over (kinds, arrays, the fields that are always there), and leave the
 * numbers themselves alone. No library: both the page and the host import this.
 */
const candidate = shape({ text: isString, logprob: isNumber, totalLogprob: isNumber, rank: isNumber });
const guess = shape({ text: isString, prob: isNumber });

const scores = shape({
  answer: candidate,
  rivals: list(candidate),
  strongest: isNumber,
  margin: isNumber,
  failed: isBoolean,
  tau: isNumber,
  entropy: isNumber,
  top: list(guess),
});
const evidence = one('observed', 'caused');
const band = shape({ of: isString, n: isNumber, median: isNumber, p95: isNumber, sided: one('high', 'size'), p: isNumber });
const opinion = shape({ agree: isNumber, of: isNumber, by: list(shape({ name: isString, agrees: isBoolean, says: isString })) });
const headNulls = shape({ of: isString, n: isNumber, p: matrix, q: matrix });
const command = shape({
  name: isString,
  params: isPlain,
  evidence,
  findings: list(isString),
  values: record(isScalar),
  'measures?': record(shape({ unit: isString, 'evidence?': evidence })),
  curves: list(
    shape({
      title: isString,
      'evidence?': evidence,
      xLabel: isString,
      yLabel: isString,
      unit: isString,
      x: numbers,
      series: list(shape({ label: isString, y: numbers, 'spread?': numbers })),
    }),
  ),
  tables: list(
    shape({
      title: isString,
      'evidence?': evidence,
      columns: list(shape({ label: isString, 'unit?': isString })),
      rows: list(list(isScalar)),
    }),
  ),
  'nulls?': record(band),
  'opinions?': record(opinion),
});

const attribution = shape({ total: isNumber, head: matrix, mlp: numbers, attnBias: numbers, byToken: numbers });
const headMeasure = shape({ value: matrix, control: orNull(matrix), percentile: matrix });
const twin = shape({ probe: isNumber, control: isNumber });
const headVerdict = shape({
  layer: isNumber,
  head: isNumber,
  verdict: isString,
  attention: twin,
  write: twin,
  perAttention: twin,
  loss: isNumber,
  cancelledBy: list(shape({ component: isString, probe: isNumber, control: isNumber })),
  test: orNull(shape({ what: isString, effect: isNumber, null95: isNumber, confirmed: isBoolean })),
  reason: isString,
});

const run = shape({
  name: isString,
  label: one('probe', 'control', 'paraphrase'),
  vary: record(isString),
  x: isNumber,
  tokens: list(shape({ id: isNumber, text: isString })),
  bosAdded: isBoolean,
  spans: record(range),
  position: isNumber,
  'scores?': scores,
  'lens?': shape({
    answerLogprob: numbers,
    answerRank: numbers,
    rivalLogprob: matrix,
    margin: numbers,
    entropy: numbers,
    top: list(list(guess)),
  }),
  'collapse?': shape({ kind: one('none', 'lost', 'never-formed'), layer: isNumber, peak: isNumber, peakMargin: isNumber, noise: isNumber }),
  'attribution?': attribution,
  'attention?': shape({
    meanByToken: numbers,
    valueWeightedByToken: numbers,
    'rollout?': shape({ byToken: numbers, spans: record(shape({ share: isNumber, null: orNull(band) })) }),
    spans: record(shape({ attention: matrix, valueWeighted: matrix, contribution: matrix })),
    rows: list(shape({ layer: isNumber, head: isNumber, pattern: numbers })),
  }),
  'salience?': shape({
    direct: shape({ attention: numbers, mlp: numbers }),
    flow: orNull(shape({ span: isString, share: numbers })),
    causal: orNull(shape({ attention: numbers, mlp: numbers })),
  }),
  'map?': shape({
    positions: numbers,
    complete: isBoolean,
    answerLogprob: matrix,
    'answerRank?': matrix,
    'entropy?': matrix,
    'norm?': matrix,
    'nullShare?': orNull(matrix),
  }),
  'almostSaid?': list(shape({ text: isString, layer: isNumber, peakProb: isNumber, finalProb: isNumber })),
  'generation?': shape({ tokens: list(isString), text: isString, stopped: isString, answerAt: isNumber }),
  'looping?': shape({ loops: isBoolean, rep4: isNumber, period: isNumber, repeats: isNumber }),
  'commands?': list(command),
  'verification?': shape({
    ends: shape({ probe: isNumber, control: isNumber }),
    source: orNull(isString),
    curves: orNull(shape({ source: orNull(numbers), answer: numbers })),
    interval: orNull(shape({ from: isNumber, to: isNumber })),
    maps: list(shape({ at: isString, groups: list(range), complete: isBoolean, recovery: matrix })),
    heads: orNull(matrix),
    knockout: orNull(shape({ span: isString, effect: isNumber, byLayer: numbers })),
    effects: list(
      shape({
        component: isString,
        layer: isNumber,
        predicted: isNumber,
        zero: isNumber,
        mean: isNumber,
        resample: isNumber,
        repair: isPlain,
      }),
    ),
    open: list(isString),
  }),
  'nulls?': shape({
    spans: record(shape({ attention: band, flow: band, contribution: band, headAttention: headNulls, headContribution: headNulls })),
    contribution: orNull(headNulls),
  }),
  'shape?': shape({ complexity: isNumber, parts: isNumber, logitNull: isNumber }),
  'disruption?': shape({
    of: orNull(isString),
    entropy: headMeasure,
    self: headMeasure,
    local: headMeasure,
    sink: headMeasure,
    span: orNull(headMeasure),
    distance: headMeasure,
    trapped: orNull(list(range)),
  }),
  'headVerdicts?': shape({ span: isString, heads: list(headVerdict), touching: isNumber, conflict: orNull(isPlain) }),
  'nothing?': shape({ reason: isString, endOfText: orNull(shape({ token: isString, terms: attribution })), entropy: attribution }),
  'graph?': shape({
    total: isNumber,
    nodeShare: isNumber,
    edgeShare: isNumber,
    unexplained: isNumber,
    nodes: list(
      shape({ id: isString, kind: isString, layer: isNumber, head: isNumber, pos: isNumber, effect: isNumber, influence: isNumber }),
    ),
    edges: list(shape({ source: isString, target: isString, weight: isNumber, score: isNumber, tested: isNumber })),
    agreement: orNull(shape({ tested: isNumber, sameSign: isNumber, correlation: isNumber })),
  }),
  'propagation?': shape({
    epsilon: isNumber,
    seeds: isNumber,
    layers: numbers,
    noise: matrix,
    spread: matrix,
    difference: orNull(matrix),
  }),
});

const residue = shape({
  status: one('running', 'complete', 'cancelled'),
  created: isString,
  shell: shape({ id: isString, title: isString, file: orNull(isString), run: list(isPlain) }),
  provenance: shape({
    model: shape({ id: isString, layers: isNumber, heads: isNumber, files: list(isPlain) }),
    tokenizer: isPlain,
    lens: isPlain,
    engine: shape({ provider: isPlain }),
    versions: isPlain,
    seed: isNumber,
    settings: record(isScalar),
    command: isString,
  }),
  runs: list(run),
  primary: isNumber,
  control: orNull(run),
  paraphrases: list(run),
  'density?': shape({
    failing: isNumber,
    total: isNumber,
    share: isNumber,
    interval,
    byRun: list(shape({ name: isString, x: isNumber, failing: isNumber, total: isNumber, interval })),
  }),
  'nullSpace?': shape({ volume: isNumber, byRun: list(shape({ name: isString, share: isNumber })), directions: isNumber, of: isNumber }),
  'claims?': list(
    shape({
      name: isString,
      sentence: isString,
      evidence: one('observed', 'caused'),
      value: isNumber,
      unit: isString,
      null: orNull(band),
      opinion: orNull(opinion),
      holds: orNull(isBoolean),
      stable: orNull(isBoolean),
    }),
  ),
  'verdict?': shape({
    failed: isBoolean,
    sentence: isString,
    drop: isNumber,
    patterns: list(
      shape({
        name: isString,
        present: isBoolean,
        score: isNumber,
        evidence: isString,
        'null?': orNull(band),
        'opinion?': orNull(opinion),
      }),
    ),
    'patternsNotMeasured?': list(shape({ name: isString, reason: isString })),
    'diagnosis?': shape({
      kind: isString,
      layer: isNumber,
      head: isNumber,
      sentence: isString,
      evidence: one('observed', 'caused'),
      'null?': orNull(band),
      opinion: orNull(opinion),
    }),
    confirmed: list(isString),
    notChecked: list(isString),
  }),
  checks: list(shape({ name: isString, run: isString, residual: isNumber, tolerance: isNumber, passed: isBoolean })),
  expectations: list(shape({ path: isString, want: isString, passed: isBoolean, message: isString, line: isNumber })),
  notes: list(isString),
});

/** Whether a value has the structure of a residue (as the panel needs it; the full check is the JSON Schema). */
export function isResidue(value: unknown): value is Residue {
  return residue(value);
}

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const headOfRun = shape({ run: isString, layer: isCount, head: isCount });
const wholePattern = ({ data, length }: Record<string, unknown>): boolean =>
  data instanceof Float32Array && isCount(length) && data.length === (length as number) ** 2;

const toPage: Record<string, Check> = {
  residue: shape({ residue, shellUri: isString }),
  residueText: shape({ json: isString, shellUri: isString }),
  progress: shape({ stage: isString, done: Number.isFinite, total: Number.isFinite }),
  error: shape({ message: isString, place: orNull(shape({ file: isString, line: isNumber, column: isNumber })), 'file?': isBoolean }),
  empty: () => true,
  standing: shape({ standing: orNull(shape({ at: isString, cached: isBoolean, stale: orNull(isString), trend: numbers })) }),
  comparison: shape({ json: isString }),
  off: shape({ reason: orNull(isString) }),
  view: shape({ view: record(isScalar) }),
  copyLink: () => true,
  pattern: (value) => isPlain(value) && headOfRun(value) && (isString(value.reason) || wholePattern(value)),
};

const toHost: Record<string, Check> = {
  ready: () => true,
  drawn: () => true,
  run: shape({ 'verify?': isBoolean, 'graph?': isBoolean }),
  cancel: () => true,
  compare: shape({ with: one('choose', 'none') }),
  view: shape({ view: record(isScalar) }),
  reveal: shape({ line: Number.isInteger, column: Number.isInteger }),
  copy: shape({ text: isString }),
  link: shape({ view: record(isScalar) }),
  save: shape({ name: isString, mime: one('text/csv', 'image/png', 'image/svg+xml', 'application/json'), data: isString }),
  pattern: (value) =>
    headOfRun(value) &&
    shape({ tokens: list(isCount), model: shape({ layers: isCount, heads: isCount }) })(value) &&
    (value as { tokens: unknown[] }).tokens.length > 0,
  history: () => true,
  openText: () => true,
  openMethods: shape({ anchor: isString }),
};

const passes = (table: Record<string, Check>, value: unknown): boolean =>
  isPlain(value) && typeof value.type === 'string' && Object.hasOwn(table, value.type) && table[value.type]!(value);

/** Guards what the page receives. */
export function isToPage(value: unknown): value is ToPage {
  return passes(toPage, value);
}

/** A residue that came as text, as the message with the residue itself; every other message as it is. Null for text that is no JSON. */
export function unwrap(message: ToPage): unknown {
  if (message.type !== 'residueText') return message;
  try {
    return { type: 'residue', residue: JSON.parse(message.json) as unknown, shellUri: message.shellUri };
  } catch {
    return null;
  }
}

/** The comparison in a message; null for a text that holds none. */
export function comparisonIn({ json }: Extract<ToPage, { type: 'comparison' }>): Comparison | null {
  try {
    const value = JSON.parse(json) as unknown;
    return isComparison(value) ? value : null;
  } catch {
    return null;
  }
}

/** Guards what the host receives. */
export function isToHost(value: unknown): value is ToHost {
  return passes(toHost, value);
}
