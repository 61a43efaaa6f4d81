import { entropy, margin } from '../methods/lens.js';
import { argmax, topIndexes } from '../methods/statistics.js';
import type { CommandOutcome } from '../residue/types.js';
import type { Contest } from '../run/edited.js';
import { spanSchema } from './schema.js';
import type { ParamSchema } from './types.js';

export interface PairParams {
  a: string;
  b: string;
  positions?: 'kept' | 'closed';
}

export const positionsSchema: ParamSchema = {
  type: 'string',
  enum: ['kept', 'closed'],
  default: 'kept',
  description: 'Position ids of the tokens that remain once an instruction is taken out: those they had, or closed up.',
};

/** Schema of two instructions, each a span. */
export const pairParams: ParamSchema = {
  type: 'object',
  required: ['a', 'b'],
  additionalProperties: false,
  properties: {
    a: { ...spanSchema, description: 'The span of one instruction.' },
    b: { ...spanSchema, description: 'The span of the other.' },
    positions: positionsSchema,
  },
};

/** Tokens shown of a distribution. */
const TOP = 5;

/** What a distribution comes to, with the names of its tokens. */
export function describeOutput(logprobs: ArrayLike<number>, { answer, rivals }: Contest, token: (id: number) => string) {
  const id = argmax(logprobs);
  return {
    says: token(id),
    probability: Math.exp(logprobs[id]!),
    entropy: entropy(logprobs),
    margin: margin(logprobs, answer, rivals),
  };
}

/** The likeliest tokens of several outputs side by side: one row for each that is among the first five of any. */
export function topTable(
  title: string,
  outputs: readonly { label: string; logprobs: ArrayLike<number> }[],
  token: (id: number) => string,
): CommandOutcome['tables'][number] {
  const ids = [...new Set(outputs.flatMap(({ logprobs }) => topIndexes(logprobs, TOP)))];
  return {
    title,
    columns: [{ label: 'token' }, ...outputs.map(({ label }) => ({ label, unit: 'probability' }))],
    rows: ids.map((id) => [token(id), ...outputs.map(({ logprobs }) => Math.exp(logprobs[id]!))]),
  };
}
