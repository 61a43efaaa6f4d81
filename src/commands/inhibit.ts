import { indexes, layersSchema } from './anchor.js';
import type { Command } from './types.js';

export const inhibitInfo = {
  name: 'INHIBIT',
  summary: 'Cuts the answer position off from a span and measures what that does to the margin.',
  docs: `**INHIBIT** forbids the answer position p to attend to the span (attention knockout, Geva et al. 2023): before the softmax the scores from p to the
span's tokens are set to −∞ in the chosen layers and heads.

- *effect* (nats): margin with the knockout − margin without. Negative: the model read the answer there. Near 0: it no longer looks, or no longer needs to.
- the same for each layer alone and for each head alone.
- \`rate\` below 1: a random share \`rate\` of the chosen heads is cut, in 16 draws from the run's seed; *effect* is their mean, *spread* their standard deviation.

This is **tested by intervention**. What later tokens have already taken from the span stays, so it is a lower bound of the span's influence.`,
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: {
      span: { type: 'string', minLength: 1, 'x-span': true, description: 'Name of a span marked in the prompt: `[[fact|red]]`.' },
      layers: layersSchema('Layers to cut in, all at once. Default all.'),
      heads: { ...indexes('Heads to cut in each of these layers. Default all.', 'head'), default: 'all' },
      rate: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        default: 1,
        description: 'Share of the chosen heads that is cut. Below 1: 16 random draws, mean and spread.',
      },
    },
  },
  snippet: 'INHIBIT: { span: ${1:fact}, layers: ${2:all} }',
  measures: {
    effect: { unit: 'nats', summary: 'Margin with the knockout minus margin without (the mean over draws where rate is below 1).' },
    spread: { unit: 'nats', summary: 'Standard deviation of the effect over the draws; 0 with rate 1.' },
    margin: { unit: 'nats', summary: 'Margin with the knockout.' },
    controlEffect: { unit: 'nats', summary: 'The same effect in the control.' },
    strongestLayer: { unit: 'layer', summary: 'The layer whose knockout alone changes the margin most.' },
    strongestLayerEffect: { unit: 'nats', summary: 'The effect of that layer alone.' },
  },
} satisfies Omit<Command, 'run'>;
