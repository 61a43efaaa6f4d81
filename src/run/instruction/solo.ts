import { InputError } from '../../errors.js';
import type { Model, RunResult } from '../../engine/api.js';
import { logSoftmax } from '../../methods/lens.js';
import { rowAt } from '../trace.js';
import type { PreparedPrompt, TracedRun } from '../types.js';

/** Where the tokens that remain stand: at their own places, or closed up. */
export type Placing = 'kept' | 'closed';

/** A prompt without some of its tokens. */
export interface Reduced {
  ids: number[];
  positions: number[];
}

/** The tokens outside these spans (half-open, may overlap), with the position ids they had or closed up. */
export function withoutSpans(ids: readonly number[], spans: readonly (readonly [number, number])[], placing: Placing): Reduced {
  const kept = ids.flatMap((_, i) => (spans.some(([start, end]) => i >= start && i < end) ? [] : [i]));
  return { ids: kept.map((i) => ids[i]!), positions: placing === 'kept' ? kept : kept.map((_, i) => i) };
}

/** Two instructions of one prompt, by the names of their spans. */
export interface Pair {
  a: string;
  b: string;
}

/** Throws InputError where the two cannot be told apart, or one holds the answer position. */
export function checkPair(
  { ids, spans }: PreparedPrompt,
  { a, b }: Pair,
  command: string,
  keys: readonly [string, string] = ['a', 'b'],
): void {
  const field = (key: string): { field: string } => ({ field: `${command}.${key}` });
  if (a === b) throw new InputError(`${command} compares two instructions, and both are the span "${a}".`, field(keys[1]));
  const [first, second] = [spans[a], spans[b]];
  for (const [name, span, key] of [
    [a, first, keys[0]],
    [b, second, keys[1]],
  ] as const) {
    if (span?.[1] === ids.length) {
      throw new InputError(
        `The span "${name}" holds the prompt's last token, where the answer is read; an instruction must end before it.`,
        field(key),
      );
    }
  }
  if (first && second && first[0] < second[1] && second[0] < first[1]) {
    throw new InputError(`The spans "${a}" and "${b}" share a token, so neither instruction can be taken out alone.`, field(keys[1]));
  }
}

/** What one of the runs leaves at the answer position. */
export interface AtAnswer {
  /** Log-probabilities, [vocab]. */
  logprobs: Float64Array;
  /** Residual rows 0 … L, [d_model] each. */
  rows: Float32Array[];
}

/** Both instructions, each alone, and neither; each a prompt of its own. */
export interface Solo {
  both: AtAnswer;
  a: AtAnswer;
  b: AtAnswer;
  neither: AtAnswer;
}

const hooksOf = (layers: number): string[] => ['blocks.*.hook_resid_pre', `blocks.${layers - 1}.hook_resid_post`];

/** The last position's log-probabilities and residual rows. */
function atAnswer(model: Model, result: RunResult): AtAnswer {
  const { nLayers } = model.spec;
  const last = result.length - 1;
  const row = (hook: string): Float32Array => rowAt(result.get(hook), last).slice();
  return {
    logprobs: logSoftmax(result.logits!.data),
    rows: [...Array.from({ length: nLayers }, (_, l) => row(`blocks.${l}.hook_resid_pre`)), row(`blocks.${nLayers - 1}.hook_resid_post`)],
  };
}

/** Solo runs of a prompt, kept for as long as its arrays are: three commands ask for the same. */
const known = new WeakMap<TracedRun, Map<string, Solo>>();

/** Runs a traced prompt without either of two spans, without each, and reads it as it is. The spans must be there and pass `checkPair`. */
export async function runSolo(model: Model, run: TracedRun, { a, b }: Pair, placing: Placing, signal?: AbortSignal): Promise<Solo> {
  const kept = known.get(run) ?? new Map<string, Solo>();
  known.set(run, kept);
  const key = JSON.stringify([a, b, placing]);
  const old = kept.get(key);
  if (old) return old;
  const { ids, spans } = run.prompt;
  const reduced = async (...out: string[]): Promise<AtAnswer> => {
    const { ids: left, positions } = withoutSpans(
      ids,
      out.map((name) => spans[name]!),
      placing,
    );
    const result = await model.run(left, { positions, hooks: hooksOf(model.spec.nLayers), signal });
    const read = atAnswer(model, result);
    result.release();
    return read;
  };
  const solo = {
    both: atAnswer(model, run.result),
    a: await reduced(b),
    b: await reduced(a),
    neither: await reduced(a, b),
  };
  kept.set(key, solo);
  return solo;
}
