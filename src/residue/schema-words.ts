/** The words in which the residue's JSON Schema is written, for its sections in schema.ts and the files beside it. */

/** A JSON Schema, as far as a residue's needs its shape. */
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

export const string: Schema = { type: 'string' };
export const number: Schema = { type: 'number' };
export const boolean: Schema = { type: 'boolean' };
export const count: Schema = { type: 'integer', minimum: 0 };
export const share: Schema = { type: 'number', minimum: 0, maximum: 1 };
/** Log-probabilities may exceed 0 by rounding of float32 sums, so they are not bounded. */
export const nats: Schema = { type: 'number' };
export const sha256: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };

export const text = (description: string): Schema => ({ type: 'string', description });
export const list = (items: Schema, description?: string): Schema => ({ type: 'array', items, ...(description ? { description } : {}) });
export const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const record = (values: Schema, description?: string): Schema => ({
  type: 'object',
  additionalProperties: values,
  ...(description ? { description } : {}),
});
export const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
export const range: Schema = { type: 'array', prefixItems: [count, count], items: false, minItems: 2, maxItems: 2 };
export const interval: Schema = { type: 'array', prefixItems: [share, share], items: false, minItems: 2, maxItems: 2 };
export const matrix = list(list(nats));

/** An object of exactly these properties; those named in `optional` may be absent. */
export function object(properties: Record<string, Schema>, optional: string[] = [], description?: string): Schema {
  return {
    type: 'object',
    ...(description ? { description } : {}),
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

export const cell: Schema = { type: ['string', 'number', 'boolean', 'null'] };
export const choice = (...values: string[]): Schema => ({ enum: values });
