import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Tokenizer } from '../../model/types.js';
import type { Scores } from '../../residue/types.js';
import type { PreparedPrompt } from '../types.js';
import { quote } from '../words.js';

/** What may be said at the answer position. */
export interface Candidate {
  text: string;
  ids: readonly number[];
}

/** A candidate as a shell writes it. */
export type CandidateSpec = string | { tokens: number[] };

/** Candidates that a command compares at most; of more, the most probable. */
export const MOST_CANDIDATES = 32;

/** Ids of a text that follows a prompt: those of both together without the prompt's; of the text by itself where it would join the prompt's last token. */
export function followingIds(prompt: PreparedPrompt, text: string, tokenizer: Tokenizer): number[] {
  const encode = (whole: string, addSpecial: boolean): number[] => tokenizer.encode(whole, { addSpecial }).map(({ id }) => id);
  if (prompt.text !== null) {
    for (const addSpecial of [true, false]) {
      const ids = encode(prompt.text + text, addSpecial);
      if (ids.length > prompt.ids.length && prompt.ids.every((id, i) => id === ids[i])) return ids.slice(prompt.ids.length);
    }
  }
  return encode(text, false);
}

/** A candidate of a shell, tokenised after a prompt. Throws InputError for one that the model cannot say there. */
export function candidateOf(
  spec: CandidateSpec,
  prompt: PreparedPrompt,
  tokenizer: Tokenizer,
  { vocabSize, context }: ModelSpec,
  field: string,
): Candidate {
  const ids = typeof spec === 'string' ? followingIds(prompt, spec, tokenizer) : [...spec.tokens];
  const text = typeof spec === 'string' ? spec : ids.map((id) => tokenizer.token(id)).join('');
  const wrong = ids.find((id) => id >= vocabSize);
  if (wrong !== undefined)
    throw new InputError(`A candidate has the token id ${wrong}, but the model's vocabulary ends at ${vocabSize - 1}.`, { field });
  if (ids.length === 0) throw new InputError(`The candidate ${quote(text)} has no tokens.`, { field });
  if (prompt.ids.length + ids.length - 1 > context) {
    throw new InputError(
      `The prompt and the candidate ${quote(text)} have ${prompt.ids.length + ids.length} tokens together, but the model's context holds ${context}.`,
      { field },
    );
  }
  return { text, ids };
}

/** The candidates of a shell's list, tokenised after a prompt. Throws InputError where two of them are the same. */
export function candidatesOf(
  specs: readonly CandidateSpec[],
  prompt: PreparedPrompt,
  tokenizer: Tokenizer,
  spec: ModelSpec,
  field: string,
): Candidate[] {
  const all = specs.map((one) => candidateOf(one, prompt, tokenizer, spec, field));
  const twice = all.find((one, i) => all.slice(0, i).some((other) => sameIds(one, other)));
  if (twice) throw new InputError(`The candidate ${quote(twice.text)} is named twice.`, { field });
  return all;
}

/** The answer and its rivals as candidates: the answer, then the most probable rivals in their order. */
export function namedCandidates({ answer, rivals }: Scores, most = MOST_CANDIDATES): Candidate[] {
  const best = [...rivals].sort((a, b) => b.logprob - a.logprob).slice(0, most - 1);
  return [answer, ...rivals.filter((rival) => best.includes(rival))].map(({ text, ids }) => ({ text, ids }));
}

export const sameIds = (a: Candidate, b: Candidate): boolean => a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i]);
