import type { JsonSchema } from './schema.js';

export const MAX_TEXT = 1024 * 1024;
export const name = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';

/** Chooses by the value's type, so that an error is told for the form that was meant. */
export function byType(forms: readonly (readonly [type: string, schema: JsonSchema])[], expected: string): JsonSchema {
  const types = forms.map(([type]) => type);
  return {
    type: types,
    'x-expected': expected,
    allOf: forms.map(([type, schema]) => ({ if: { type }, then: schema })),
  };
}

export const text = (description?: string): JsonSchema => ({
  type: 'string',
  maxLength: MAX_TEXT,
  ...(description ? { description } : {}),
});

const tokenId: JsonSchema = { type: 'integer', minimum: 0, maximum: 4194303, 'x-expected': 'a token id (a whole number from 0)' };

const ids: JsonSchema = { type: 'array', minItems: 1, maxItems: 131072, items: tokenId, 'x-expected': 'a list of token ids' };

export const tokenPrompt: JsonSchema = {
  type: 'object',
  required: ['tokens'],
  additionalProperties: false,
  properties: {
    tokens: { ...ids, description: 'Token ids, read as they are: nothing is added to them, BOS neither.' },
    spans: {
      type: 'object',
      description: 'Spans by name: the first token and the one after the last.',
      'x-expected': 'spans by name, such as {fact: [1, 3]}',
      maxProperties: 64,
      propertyNames: { pattern: name, 'x-expected-name': 'a span' },
      additionalProperties: {
        type: 'array',
        minItems: 2,
        maxItems: 2,
        items: { type: 'integer', minimum: 0, 'x-expected': 'a token position (a whole number from 0)' },
        'x-expected': 'two token positions, [start, end)',
      },
    },
  },
};

export const chat: JsonSchema = {
  type: 'array',
  minItems: 1,
  maxItems: 1000,
  items: {
    type: 'object',
    required: ['role', 'content'],
    additionalProperties: false,
    'x-expected': 'a message, {role, content}',
    properties: {
      role: { type: 'string', minLength: 1, maxLength: 64, description: 'Who speaks: system, user or assistant.' },
      content: text('What is said. Spans and placeholders as in a text prompt.'),
    },
  },
};

export const PROMPT = 'text, token ids ({tokens: […]}) or a list of messages ({role, content})';

export const prompt = (description: string): JsonSchema => ({
  description,
  ...byType(
    [
      ['string', { minLength: 1, maxLength: MAX_TEXT }],
      ['object', tokenPrompt],
      ['array', chat],
    ],
    PROMPT,
  ),
});

const answerTokens: JsonSchema = { required: ['tokens'], additionalProperties: false, properties: { tokens: ids } };

export const answer = (description: string): JsonSchema => ({
  description,
  ...byType(
    [
      ['string', { minLength: 1, maxLength: 10000 }],
      ['object', answerTokens],
    ],
    'text in quotes, such as " red", or {tokens: [ids…]}',
  ),
});

export const rivals: JsonSchema = {
  type: 'array',
  maxItems: 64,
  items: answer('A text that the model may say instead.'),
  description:
    "What the model may say instead of the answer, written with the space in front of it. Without this list: the model's own top tokens.",
  'x-expected': 'a list of texts, such as [" blue", " green"]',
};

const varyValue = byType(
  [
    ['string', { maxLength: MAX_TEXT }],
    ['number', {}],
    ['object', { minProperties: 1, maxProperties: 1, additionalProperties: text() }],
  ],
  'a text, a number, or a named text ({near: "…"})',
);

export const vary: JsonSchema = {
  type: 'object',
  maxProperties: 8,
  propertyNames: { pattern: name, 'x-expected-name': 'a placeholder' },
  description: 'The shell is run once for each value: a dose-response curve. `{{name}}` in a prompt becomes the value.',
  'x-expected': 'values by name, such as {walk: [0, 1, 2]}',
  additionalProperties: {
    ...byType(
      [
        ['array', { minItems: 1, maxItems: 1000, items: varyValue }],
        [
          'object',
          {
            minProperties: 1,
            maxProperties: 1000,
            // A map with `repeat` or `times` is a repeat; any other is values by their names.
            if: { anyOf: [{ required: ['repeat'] }, { required: ['times'] }] },
            then: {
              required: ['repeat', 'times'],
              additionalProperties: false,
              properties: {
                repeat: { ...text('The text that is written so many times.'), minLength: 1 },
                times: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 1000,
                  items: { type: 'integer', minimum: 0, maximum: 1000000 },
                  description: 'How often the text is written, once per run.',
                  'x-expected': 'a list of whole numbers, such as [0, 20, 40]',
                },
              },
            },
            else: { additionalProperties: text() },
          },
        ],
      ],
      'a list of values, {repeat: text, times: [numbers]}, or texts by name',
    ),
  },
};
