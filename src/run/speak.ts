import type { Model } from '../engine/api.js';
import { InputError } from '../errors.js';
import { indexOfIds, inductionScore, repetition, tailPeriod } from '../methods/looping.js';
import type { Generation, Looping } from '../residue/types.js';
import { prefixOf } from './prefix.js';
import type { PreparedPrompt } from './types.js';
import { breathe } from './weights.js';

export interface GenerationSettings {
  tokens: number;
  temperature: number;
  seed: number;
}

/** What a command that needs a continuation gets when the shell asks for none. */
export const DEFAULT_GENERATION: GenerationSettings = { tokens: 40, temperature: 0, seed: 0 };

/** Lets the model go on after a prompt. */
export async function speak(model: Model, prompt: PreparedPrompt, settings: GenerationSettings, signal?: AbortSignal): Promise<Generation> {
  const { tokens, temperature, seed } = settings;
  const { tokenizer } = model;
  const { cache } = await prefixOf(model, prompt.ids, signal);
  const { ids, stopped } = await model.generate(prompt.ids, { maxTokens: tokens, temperature, seed, signal, cache: cache ?? undefined });
  return {
    ids: [...ids],
    tokens: ids.map((id) => tokenizer.token(id)),
    text: tokenizer.decode(ids, { continuation: true }),
    stopped,
    temperature,
    answerAt: answerAt(model, ids, prompt.answer),
  };
}

/** The generated token at which the answer begins: by its ids, else by its text in another tokenisation. */
function answerAt(model: Model, ids: readonly number[], answer: PreparedPrompt['answer']): number | null {
  const exact = indexOfIds(ids, answer.ids);
  if (exact !== null) return exact;
  const decode = (n: number): string => model.tokenizer.decode(ids.slice(0, n), { continuation: true });
  const at = answer.text.trim() === '' ? -1 : decode(ids.length).indexOf(answer.text);
  if (at < 0) return null;
  for (let n = 1; n <= ids.length; n++) if (decode(n).length > at) return n - 1;
  return null;
}

/**
 * Whether a continuation loops, and the head that carries the loop: the one with the highest induction score on prompt and
 * continuation together, over the generated tokens.
 */
export async function loopingOf(
  model: Model,
  prompt: PreparedPrompt,
  generation: Generation,
  signal?: AbortSignal,
): Promise<{ looping: Looping; note: string | null }> {
  const { ids } = generation;
  const tail = tailPeriod(ids);
  const looping: Looping = {
    loops: tail !== null,
    rep4: repetition(ids),
    period: tail?.period ?? null,
    repeats: tail?.repeats ?? 0,
    carrier: null,
  };
  if (!tail) return { looping, note: null };
  try {
    looping.carrier = await carrierOf(model, [...prompt.ids, ...ids], prompt.ids.length, signal);
    return { looping, note: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { looping, note: `The head that carries the loop was not looked for: ${error.message}` };
  }
}

async function carrierOf(model: Model, ids: readonly number[], from: number, signal?: AbortSignal): Promise<Looping['carrier']> {
  const { nLayers, nHeads } = model.spec;
  const result = await model.run(ids, { hooks: ['blocks.*.attn.hook_pattern'], logits: 'none', signal });
  const size = ids.length * ids.length;
  let best: NonNullable<Looping['carrier']> | null = null;
  for (let layer = 0; layer < nLayers; layer++) {
    await breathe(signal);
    const { data } = result.get(`blocks.${layer}.attn.hook_pattern`);
    for (let head = 0; head < nHeads; head++) {
      const score = inductionScore(data.subarray(head * size, (head + 1) * size), ids, from);
      if (!best || score > best.inductionScore) best = { layer, head, inductionScore: score };
    }
  }
  result.release();
  return best;
}
