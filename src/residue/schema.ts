/**
 * The JSON Schema of `*.residue.json`, draft 2020-12. It is published as media/schemas/residue.schema.json (written by
 * scripts/write-schemas) and it is what `parseResidue` validates with. test/unit/residue-schema.test.ts holds it to the
 * interfaces of types.ts, property by property.
 */

/** A JSON Schema, as far as this file needs its shape. */
export interface Schema {
  $schema?: string;
  $id?: string;
  $ref?: string;
  $defs?: Record<string, Schema>;
  title?: string;
  description?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema | false;
  prefixItems?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  format?: string;
}

/** Also the `$schema` of every residue. */
export const RESIDUE_SCHEMA_ID =
  'https://raw.githubusercontent.com/symbolic-residue/symbolic-residue/main/media/schemas/residue.schema.json';

const string: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const boolean: Schema = { type: 'boolean' };
const count: Schema = { type: 'integer', minimum: 0 };
const share: Schema = { type: 'number', minimum: 0, maximum: 1 };
/** Log-probabilities may exceed 0 by rounding of float32 sums, so they are not bounded. */
const nats: Schema = { type: 'number' };
const sha256: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };

const text = (description: string): Schema => ({ type: 'string', description });
const list = (items: Schema, description?: string): Schema => ({ type: 'array', items, ...(description ? { description } : {}) });
const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const record = (values: Schema, description?: string): Schema => ({
  type: 'object',
  additionalProperties: values,
  ...(description ? { description } : {}),
});
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const range: Schema = { type: 'array', prefixItems: [count, count], items: false, minItems: 2, maxItems: 2 };
const interval: Schema = { type: 'array', prefixItems: [share, share], items: false, minItems: 2, maxItems: 2 };
const matrix = list(list(nats));

/** An object of exactly these properties; those named in `optional` may be absent. */
function object(properties: Record<string, Schema>, optional: string[] = [], description?: string): Schema {
  return {
    type: 'object',
    ...(description ? { description } : {}),
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

const cell: Schema = { type: ['string', 'number', 'boolean', 'null'] };
const choice = (...values: string[]): Schema => ({ enum: values });

const sections: Record<string, Schema> = {
  ShellInfo: object({
    id: string,
    title: string,
    family: string,
    motivation: string,
    file: nullable(text('Base name of the file; null for a probe made without one.')),
    sha256,
    run: list(object({ name: string, params: record({}) }), 'The commands as written, in order.'),
  }),
  Provenance: object({
    model: object({
      id: string,
      family: string,
      dtype: string,
      parameters: count,
      layers: count,
      dModel: count,
      heads: count,
      kvHeads: count,
      dHead: count,
      vocab: count,
      context: count,
      files: list(object({ role: string, name: string, bytes: count, sha256 })),
    }),
    tokenizer: object({ kind: string, addsBos: boolean, sha256 }),
    lens: object({ convention: { const: 'final-norm-recomputed' }, attribution: { const: 'final-norm-scale-frozen' } }),
    engine: object({
      onnxruntime: string,
      provider: object({ asked: string, used: string, note: string }, ['note']),
      threads: count,
    }),
    versions: object({ symbolicResidue: string, format: { const: 1 } }),
    seed: { type: 'integer' },
    settings: record(cell),
    command: text('A command that reproduces this file.'),
  }),
  TokenInfo: object({ id: count, text: string }),
  Candidate: object({ text: string, ids: list(count), logprob: nats, totalLogprob: nats, rank: count }),
  RunTrace: object(
    {
      name: text('`probe`, `control`, `probe.walk=40`, `paraphrase.3`'),
      label: choice('probe', 'control', 'paraphrase'),
      vary: record(string),
      x: nullable(number),
      tokens: list(ref('TokenInfo')),
      bosAdded: boolean,
      spans: record(range, 'Half-open token ranges.'),
      position: { ...count, description: 'Answer position: index of the last prompt token.' },
      scores: ref('Scores'),
      lens: ref('LensSection'),
      collapse: ref('Collapse'),
      attribution: ref('Attribution'),
      attention: ref('AttentionSection'),
      salience: ref('Salience'),
      map: ref('LensMap'),
      almostSaid: list(ref('AlmostSaid')),
      generation: ref('Generation'),
      looping: ref('Looping'),
      commands: list(ref('CommandOutcome')),
    },
    ['scores', 'lens', 'collapse', 'attribution', 'attention', 'salience', 'map', 'almostSaid', 'generation', 'looping', 'commands'],
  ),
  Scores: object({
    answer: ref('Candidate'),
    rivals: list(ref('Candidate')),
    rivalsFromModel: boolean,
    strongest: nullable(count),
    margin: { ...nats, description: 'log p(answer) − max log p(rival), nats.' },
    failed: boolean,
    tau: number,
    entropy: number,
    top: list(object({ id: count, text: string, prob: share, logprob: nats })),
  }),
  LensSection: object(
    {
      answerLogprob: list(nats),
      answerRank: list(count),
      rivalLogprob: matrix,
      margin: list(nats),
      entropy: list(number),
      top: list(list(object({ id: count, text: string, prob: share }))),
    },
    [],
    'The logit lens at the answer position, layers + 1 rows each.',
  ),
  Collapse: object({
    kind: choice('none', 'lost', 'never-formed'),
    layer: nullable(count),
    peak: count,
    peakMargin: nats,
    noise: number,
    evidence: { const: 'observed' },
  }),
  Attribution: object({
    rival: nullable(object({ text: string, id: count })),
    total: nats,
    embed: nats,
    posEmbed: nats,
    head: { ...matrix, description: '[layer][head], nats toward the answer.' },
    attnBias: list(nats),
    mlp: list(nats),
    lnFinalBias: nats,
    unembedBias: nats,
    residual: { type: 'number', minimum: 0, description: '|total − sum of all parts|' },
    byToken: list(nats),
  }),
  AttentionSection: object({
    meanByToken: list(share),
    valueWeightedByToken: list(share),
    spans: record(object({ attention: matrix, valueWeighted: matrix, contribution: matrix })),
    rows: list(object({ layer: count, head: count, pattern: list(share) })),
  }),
  Salience: object({
    direct: object({ attention: list(nats), mlp: list(nats) }),
    flow: nullable(object({ span: string, share: list(share) })),
    causal: nullable(object({ attention: list(nats), mlp: list(nats) })),
  }),
  LensMap: object({ positions: list(count), complete: boolean, answerLogprob: matrix }),
  AlmostSaid: object({
    id: count,
    text: string,
    layer: count,
    peakProb: share,
    finalProb: share,
    endedBy: nullable(object({ component: string, contribution: nats })),
  }),
  Generation: object({
    ids: list(count),
    tokens: list(string),
    text: string,
    stopped: choice('end-of-text', 'length', 'context'),
    temperature: { type: 'number', minimum: 0 },
    answerAt: nullable(count),
  }),
  Looping: object({
    loops: boolean,
    rep4: share,
    period: nullable(count),
    repeats: { type: 'number', minimum: 0 },
    carrier: nullable(object({ layer: count, head: count, inductionScore: number })),
  }),
  CommandOutcome: object({
    name: string,
    params: record({}),
    evidence: { ...choice('observed', 'caused'), description: 'observed: read off a run. caused: tested by intervention.' },
    findings: list(string),
    values: record(cell),
    curves: list(
      object({
        title: string,
        xLabel: string,
        yLabel: string,
        unit: string,
        x: list(number),
        series: list(object({ label: string, y: list(nullable(number)), spread: list(nullable(number)) }, ['spread'])),
      }),
    ),
    tables: list(object({ title: string, columns: list(object({ label: string, unit: string }, ['unit'])), rows: list(list(cell)) })),
  }),
  FailureDensity: object({
    failing: count,
    total: count,
    share,
    interval,
    byRun: list(object({ name: string, x: nullable(number), failing: count, total: count, interval })),
  }),
  Verdict: object({
    failed: boolean,
    sentence: string,
    drop: nullable(nats),
    controlSucceeded: nullable(boolean),
    patterns: list(object({ name: string, present: boolean, score: share, evidence: string })),
    confirmed: list(string, 'Claims that an intervention has tested.'),
    notChecked: list(string),
  }),
  IdentityCheck: object({
    name: choice('pattern-rows-sum-to-1', 'no-attention-to-the-future', 'contributions-sum-to-margin', 'lens-last-layer-equals-logits'),
    run: string,
    residual: { type: 'number', minimum: 0 },
    tolerance: { type: 'number', minimum: 0 },
    passed: boolean,
  }),
  ExpectationResult: object({
    path: string,
    want: string,
    got: cell,
    passed: boolean,
    message: string,
    line: { type: 'integer', minimum: 1 },
  }),
};

/** Schema of a whole residue file. Property order is the order in which files are written. */
export const residueSchema: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: RESIDUE_SCHEMA_ID,
  title: 'Symbolic Residue: what running a shell leaves (format 1)',
  description:
    'Log-probabilities, margins and contributions in nats; shares in [0, 1]. Arrays over residual rows have layers + 1 entries: row l enters block l, the last row leaves the last block.',
  ...object(
    {
      $schema: string,
      format: { const: 1 },
      status: choice('running', 'complete', 'cancelled'),
      cancelledAt: text('What was being computed when the run was cancelled.'),
      created: {
        type: 'string',
        format: 'date-time',
        description: 'The only field that differs between two runs of the same shell, model and settings.',
      },
      shell: ref('ShellInfo'),
      provenance: ref('Provenance'),
      runs: list(ref('RunTrace')),
      primary: count,
      control: nullable(ref('RunTrace')),
      paraphrases: list(ref('RunTrace')),
      density: ref('FailureDensity'),
      verdict: ref('Verdict'),
      checks: list(ref('IdentityCheck')),
      expectations: list(ref('ExpectationResult')),
      notes: list(string),
    },
    ['cancelledAt', 'density', 'verdict'],
  ),
  $defs: sections,
};
