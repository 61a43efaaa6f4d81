import type { GenerateResult, KvCache, Model } from '../engine/api.js';
import { sample } from '../engine/local/sampling.js';
import { InputError } from '../errors.js';
import { indexOfIds, inductionScore, repetition, tailPeriod } from '../methods/looping.js';
import { Random } from '../methods/random.js';
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
  const { cache } = await prefixOf(model, prompt.ids, signal);
  const said = await model.generate(prompt.ids, { maxTokens: tokens, temperature, seed, signal, cache: cache ?? undefined });
  return generationOf(model, prompt, said, temperature);
}

/**
 * Lets the model go on after several prompts of one length, side by side. Each draws random numbers of its own, so it says what it would
 * say alone.
 * @param whole Keys and values of the prompts, one row each.
 */
export async function speakTogether(
  model: Model,
  prompts: readonly PreparedPrompt[],
  whole: KvCache,
  { tokens, temperature, seed }: GenerationSettings,
  signal?: AbortSignal,
): Promise<Generation[]> {
  const stops = new Set(model.tokenizer.eosIds);
  const randoms = prompts.map(() => new Random(seed));
  const said = prompts.map((): Pick<GenerateResult, 'ids' | 'stopped'> & { open: boolean } => ({ ids: [], stopped: 'length', open: true }));
  let cache = whole.prefix(whole.length - 1);
  let next = prompts.map(({ ids }) => [ids.at(-1)!]);
  for (let step = 0; step < tokens && said.some(({ open }) => open); step++) {
    if (cache.length + 1 > model.spec.context) {
      for (const one of said) if (one.open) one.stopped = 'context';
      break;
    }
    const result = await model.run(next, { cache, keepCache: true, logits: 'last', signal });
    const { data } = result.logits!;
    const vocab = data.length / prompts.length;
    // One that has ended goes on in the batch, and what it says is thrown away.
    next = said.map((one, row) => {
      const id = sample(data.subarray(row * vocab, (row + 1) * vocab), { temperature, topK: 0, topP: 1 }, randoms[row]!);
      if (one.open && stops.has(id)) [one.open, one.stopped] = [false, 'end-of-text'];
      if (one.open) one.ids.push(id);
      return [id];
    });
    result.release();
    cache.release();
    cache = result.cache!;
  }
  cache.release();
  return said.map((one, i) => generationOf(model, prompts[i]!, one, temperature));
}

function generationOf(
  model: Model,
  prompt: PreparedPrompt,
  { ids, stopped }: Pick<GenerateResult, 'ids' | 'stopped'>,
  temperature: number,
): Generation {
  const { tokenizer } = model;
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
