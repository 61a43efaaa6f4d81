import { answer } from '../shell/schema-forms.js';
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

/** Schema of something that may be said at the answer position: a text, or token ids. */
export function candidateSchema(description: string): ParamSchema {
  return { ...answer(description), 'x-expected': 'text in quotes, such as " red", or {tokens: [ids…]}' };
}

/** Schema of a list of these. */
export function candidatesSchema(description: string, least: number): ParamSchema {
  return {
    type: 'array',
    minItems: least,
    maxItems: 32,
    items: answer('A text that the model may say.'),
    description,
    'x-expected': 'a list of texts, such as [" red", " blue"]',
  };
}

/** Schema of a list of factors from `least` to 100. */
export function dosesSchema(description: string, least: number): ParamSchema {
  return {
    type: 'array',
    minItems: 1,
    maxItems: 64,
    items: { type: 'number', minimum: least, maximum: 100 },
    description,
    'x-expected': 'a list of factors, such as [1, 2, 4]',
  };
}

/** Schema of where an intervention is made. */
export const whereSchema: ParamSchema = {
  type: 'string',
  enum: ['answer', 'all'],
  default: 'answer',
  description: 'Where: at the answer position alone, or at every position. Default answer.',
};
