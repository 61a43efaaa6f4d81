import type { Command } from './types.js';

export const anchorInfo = {
  name: 'ANCHOR',
  summary: 'Declares the source span and follows what the answer position takes from it.',
  docs: `**ANCHOR** declares the span that holds the answer and measures what the answer position p takes from it, by layer and head.

- *attention* (share): Σ over the span of α(p, k), the attention pattern's row at p.
- *value-weighted flow* (share): ‖α(p, k) · v_k · W_O‖ summed over the span's tokens, divided by the same sum over all tokens (Kobayashi et al. 2020).
- *contribution* (nats): what the heads write at p from the span's tokens toward the margin, final norm's scale frozen (Elhage et al. 2021).

These are **read off**. With \`inject: {layers, scale}\` the span's own residual is added again at p, entering each of these layers in turn:
r_l(p) + scale · mean over the span of r_l. The margin is measured again: that is **tested by intervention**. A positive effect says
that the answer is still readable from the span at that layer, and only did not arrive.

\`layers\` counts blocks from 0; \`scale\` has no unit.`,
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: {
      span: { type: 'string', minLength: 1, 'x-span': true, description: 'Name of a span marked in the prompt: `[[fact|red]]`.' },
      inject: {
        type: 'object',
        required: ['layers'],
        additionalProperties: false,
        description: "Adds the span's residual again at the answer position, one layer at a time, and measures the margin.",
        'x-expected': 'layers and a scale, such as {layers: all, scale: 1}',
        properties: {
          layers: layersSchema('Layers to inject before, each in a run of its own.'),
          scale: {
            type: 'number',
            minimum: -100,
            maximum: 100,
            default: 1,
            description: 'Times the mean residual of the span. Default 1.',
          },
        },
      },
    },
  },
  snippet: 'ANCHOR: { span: ${1:fact} }',
  measures: {
    attention: { unit: 'share', summary: 'Attention of the answer position to the span, mean over all heads.' },
    attentionMax: { unit: 'share', summary: 'The same, in the head that attends to it most.' },
    flow: { unit: 'share', summary: "Share of the attention's value-weighted output that comes from the span, mean over layers." },
    contribution: { unit: 'nats', summary: "What all heads write from the span's tokens toward the margin." },
    contributionDrop: { unit: 'nats', summary: "The control's contribution minus the probe's." },
    injectEffect: { unit: 'nats', summary: 'Largest gain of the margin when the residual of the span is added at the answer position.' },
    injectLayer: { unit: 'layer', summary: 'The layer of that gain.' },
  },
} satisfies Omit<Command, 'run'>;

/** Schema of a parameter that chooses layers: `all` or a list of block numbers. */
export function layersSchema(description: string): Record<string, unknown> {
  return { ...indexes(description, 'layer'), default: 'all' };
}

/** Schema of `all` or a list of numbers from 0. */
export function indexes(description: string, what: 'layer' | 'head'): Record<string, unknown> {
  return {
    type: ['string', 'array'],
    description,
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
