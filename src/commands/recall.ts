import type { Command } from './types.js';

export const recallInfo = {
  name: 'RECALL',
  summary: "Follows the answer through the layers, and asks whether the model's continuation ever says it.",
  docs: `**RECALL** reads how the answer's first token rises and falls at the answer position, and lets the model speak.

- *lens trajectory* (nats) and *rank* (0 = first): log softmax of U · N(r_l(p)) at every layer l, final norm recomputed (logit lens, nostalgebraist 2020).
- *said*: whether the answer's tokens stand in the continuation, and at which token they begin. The continuation is the shell's \`generate\`, or 40 greedy tokens.
- *looping*: rep-4, the share of 4-grams in it that repeat an earlier one (Welleck et al. 2020), and the smallest period that its tail repeats three times or more.

All of it is **read off**: nothing is changed.`,
  params: { type: 'object', additionalProperties: false, properties: {} },
  snippet: 'RECALL: {}',
  measures: {
    rank: { unit: 'rank', summary: "Rank of the answer's first token at the output; 0 is first." },
    bestRank: { unit: 'rank', summary: 'Its best rank at any layer.' },
    bestLayer: { unit: 'layer', summary: 'The first layer with that rank.' },
    logprob: { unit: 'nats', summary: "Log-probability of the answer's first token at the output." },
    said: { unit: '', summary: 'Whether the continuation says the answer.' },
    saidAt: { unit: 'token', summary: 'The generated token at which it begins, from 0.' },
    loops: { unit: '', summary: 'Whether the continuation ends in a repetition.' },
    rep4: { unit: 'share', summary: 'Share of 4-grams in the continuation that occurred before in it.' },
    period: { unit: 'tokens', summary: 'Length of what is repeated.' },
  },
} satisfies Omit<Command, 'run'>;
