import type { Schema } from './schema.js';

/**
 * The JSON Schema of `*.comparison.json`, draft 2020-12, published as media/schemas/comparison.schema.json (written by
 * scripts/write-schemas). Its types are in types-comparison.ts.
 */

/** Also the `$schema` of every comparison. */
export const COMPARISON_SCHEMA_ID =
  'https://raw.githubusercontent.com/symbolic-residue/symbolic-residue/main/media/schemas/comparison.schema.json';

const string: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const boolean: Schema = { type: 'boolean' };
const count: Schema = { type: 'integer', minimum: 0 };
const share: Schema = { type: 'number', minimum: 0, maximum: 1 };
const list = (items: Schema): Schema => ({ type: 'array', items });
const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const record = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });
const pair = (item: Schema): Schema => ({ type: 'array', prefixItems: [item, item], items: false, minItems: 2, maxItems: 2 });
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const choice = (...values: string[]): Schema => ({ enum: values });

/** An object of exactly these properties; those named in `optional` may be absent. */
function object(properties: Record<string, Schema>, optional: string[] = []): Schema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

const evidence = choice('observed', 'caused');
const sections: Record<string, Schema> = {
  NullBand: object({ of: string, n: count, median: number, p95: number, sided: choice('high', 'size'), p: share, q: share, over: string }, [
    'q',
    'over',
  ]),
  Claim: object({
    sentence: string,
    evidence,
    value: number,
    unit: string,
    null: nullable(ref('NullBand')),
    agreement: nullable(object({ agree: count, of: count })),
    holds: nullable(boolean),
    stable: nullable(boolean),
  }),
  Side: object({
    label: string,
    file: nullable(string),
    shell: object({ id: string, title: string, sha256: string }),
    model: object({
      id: string,
      family: string,
      dtype: string,
      layers: count,
      heads: count,
      parameters: count,
      weights: nullable(string),
    }),
    run: string,
    answer: string,
    rival: nullable(string),
    says: nullable(string),
    failed: boolean,
    margin: number,
    collapse: object({ kind: choice('none', 'lost', 'never-formed'), layer: nullable(count), depth: nullable(share) }),
    density: nullable(object({ failing: count, total: count, interval: pair(share) })),
    tokens: list(object({ id: count, text: string })),
    spans: record(pair(count)),
  }),
  Curve: object({ x: list(share), y: list(number) }),
  Test: object({
    over: choice('wordings', 'values of vary', 'all runs'),
    design: choice('pairs', 'groups'),
    n: pair(count),
    mean: number,
    p: share,
    smallest: share,
    q: share,
  }),
  Head: object({
    layer: count,
    head: count,
    depth: share,
    attention: nullable(number),
    contribution: number,
    relative: { type: 'number', minimum: -1, maximum: 1 },
  }),
  Dose: object({ margin: number, failed: boolean }),
  Pattern: object({ present: boolean, score: share }),
};

/** Schema of a whole comparison file. */
export const comparisonSchema: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: COMPARISON_SCHEMA_ID,
  title: 'Symbolic Residue: two residues compared (format 1)',
  description: 'Every difference is B − A. Depth is relative: row l of L layers stands at l / L.',
  ...object(
    {
      $schema: string,
      format: { const: 1 },
      kind: { const: 'comparison' },
      created: string,
      a: ref('Side'),
      b: ref('Side'),
      same: object({ shell: boolean, prompt: boolean, weights: boolean, tokenizer: boolean, seed: boolean }),
      design: choice('pairs', 'groups'),
      curves: list(
        object({ name: string, label: string, unit: string, evidence, a: ref('Curve'), b: ref('Curve'), difference: ref('Curve') }),
      ),
      differences: list(
        object(
          {
            name: string,
            label: string,
            unit: string,
            evidence,
            a: nullable(number),
            b: nullable(number),
            difference: nullable(number),
            test: nullable(ref('Test')),
            untested: string,
            wording: nullable(object({ pairs: count, p95: number, beyond: boolean })),
            nulls: object({ a: nullable(ref('NullBand')), b: nullable(ref('NullBand')) }),
          },
          ['untested', 'nulls'],
        ),
      ),
      heads: nullable(
        object({
          by: choice('index', 'role'),
          spans: object({ a: nullable(string), b: nullable(string) }),
          pairs: list(
            object({
              a: ref('Head'),
              b: ref('Head'),
              distance: nullable(number),
              chance: nullable(share),
              test: nullable(ref('Test')),
            }),
          ),
          unmatched: object({ a: list(ref('Head')), b: list(ref('Head')) }),
        }),
      ),
      doses: list(
        object({
          vary: record(string),
          x: nullable(number),
          a: ref('Dose'),
          b: ref('Dose'),
          difference: number,
          test: nullable(ref('Test')),
        }),
      ),
      tokens: object({
        pairs: list(pair(count)),
        onlyA: count,
        onlyB: count,
        rows: list(object({ a: count, b: count, text: string, contribution: pair(number), attention: pair(number) })),
      }),
      patterns: list(object({ name: string, a: nullable(ref('Pattern')), b: nullable(ref('Pattern')) })),
      claims: list(object({ name: string, a: nullable(ref('Claim')), b: nullable(ref('Claim')) })),
      tests: count,
      findings: list(string),
      notes: list(string),
    },
    ['claims'],
  ),
  $defs: sections,
};
