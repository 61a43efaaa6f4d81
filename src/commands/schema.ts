import type { ParamSchema } from './types.js';

/** Schema of a parameter that takes the name of a span. */
export const spanSchema: ParamSchema = {
  type: 'string',
  minLength: 1,
  'x-span': true,
  description: 'Name of a span marked in the prompt: `[[fact|red]]`.',
};

/** Schema of `all` or a list of numbers from 0. Default all. */
export function indexesSchema(what: 'layer' | 'head', description: string): ParamSchema {
  return {
    type: ['string', 'array'],
    description,
    default: 'all',
    'x-expected': `all, or a list of ${what}s, such as [0, 1]`,
    allOf: [
      { if: { type: 'string' }, then: { enum: ['all'] } },
      {
        if: { type: 'array' },
        then: {
          minItems: 1,
          maxItems: 1024,
          uniqueItems: true,
          items: { type: 'integer', minimum: 0, maximum: 1023, 'x-expected': `a ${what}, counted from 0` },
        },
      },
    ],
  };
}
