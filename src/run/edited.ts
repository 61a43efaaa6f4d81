import type { Edit, Model, RunResult } from '../engine/api.js';
import { throwIfAborted } from '../errors.js';
import { logSoftmax, margin } from '../methods/lens.js';
import type { Prefix } from './prefix.js';

/** What a margin is taken between: first tokens. */
export interface Contest {
  answer: number;
  rivals: readonly number[];
}

/** Edits of one variant, without `row`. */
export type Variant = readonly Edit[];

/** Tokens of all rows of one batch, and numbers of its attention scores, at most. Fixed, so that results do not depend on the machine. */
const BATCH_TOKENS = 4096;
const BATCH_SCORES = 2 ** 24;

export interface EditedOptions {
  signal?: AbortSignal;
  /** Called after each batch with how many variants are done. */
  onProgress?: (done: number, total: number) => void;
  /** Position ids, where they are not 0…T−1. */
  positions?: readonly number[];
}

/** What is kept of one variant's logits at the last position, [vocab]: a view, to be read at once. */
export type Reading<T> = (logits: Float32Array) => T;

/**
 * The margin at the last position under each variant's edits, several variants to a batch. Positions of edits index `ids`.
 * @returns One margin per variant, nats.
 */
export function editedMargins(
  model: Model,
  ids: readonly number[],
  variants: readonly Variant[],
  contest: Contest,
  options: EditedOptions = {},
): Promise<number[]> {
  return editedOutputs(model, ids, variants, marginOf(contest), options);
}

/** `editedMargins` for anything that is read off the logits at the last position. */
export async function editedOutputs<T>(
  model: Model,
  ids: readonly number[],
  variants: readonly Variant[],
  read: Reading<T>,
  { signal, onProgress, positions }: EditedOptions = {},
): Promise<T[]> {
  return inBatches(variants, rowsPerBatch(model, ids.length), onProgress, async (batch) => {
    throwIfAborted(signal);
    const result = await model.run(
      batch.map(() => ids),
      { edits: rows(batch), logits: 'last', signal, positions },
    );
    return readRows(result, read);
  });
}

/**
 * The margin at the last position of a prompt under each of several lists of position ids, several to a batch.
 * @returns One margin per list, nats.
 */
export function repositionedMargins(
  model: Model,
  ids: readonly number[],
  positions: readonly (readonly number[])[],
  contest: Contest,
  { signal, onProgress }: Omit<EditedOptions, 'positions'> = {},
): Promise<number[]> {
  return inBatches(positions, rowsPerBatch(model, ids.length), onProgress, async (batch) => {
    throwIfAborted(signal);
    return readRows(
      await model.run(
        batch.map(() => ids),
        { positions: batch, logits: 'last', signal },
      ),
      marginOf(contest),
    );
  });
}

/**
 * `editedMargins` for edits that concern the answer position alone: only it is run again, after the cached prefix. Positions of
 * edits index `prefix.ids`; their queries and positions must be the last.
 */
export function marginsAtEnd(
  model: Model,
  prefix: Prefix,
  variants: readonly Variant[],
  contest: Contest,
  options: EditedOptions = {},
): Promise<number[]> {
  return outputsAtEnd(model, prefix, variants, marginOf(contest), options);
}

/** `marginsAtEnd` for anything that is read off the logits at the last position. */
export async function outputsAtEnd<T>(
  model: Model,
  prefix: Prefix,
  variants: readonly Variant[],
  read: Reading<T>,
  { signal, onProgress }: EditedOptions = {},
): Promise<T[]> {
  const { ids, cache } = prefix;
  if (!cache) return editedOutputs(model, ids, variants, read, { signal, onProgress });
  const past = ids.length - 1;
  // The cache of one row is spread over the batch, which costs as much as its keys and values do.
  const size = batchSize(1, 2 * model.spec.nKvHeads * model.spec.dHead * ids.length);
  return inBatches(variants, Math.min(size, 64), onProgress, async (batch) => {
    throwIfAborted(signal);
    const edits = rows(batch).map((edit) => shifted(edit, past));
    const result = await model.run(
      batch.map(() => [ids[past]!]),
      { edits, cache, logits: 'last', signal },
    );
    return readRows(result, read);
  });
}

/** Prompts of `length` tokens that are run together. */
export function rowsPerBatch(model: Model, length: number): number {
  return batchSize(length, model.spec.nHeads * length * length);
}

function batchSize(tokens: number, scores: number): number {
  return Math.max(1, Math.min(Math.floor(BATCH_TOKENS / tokens), Math.floor(BATCH_SCORES / scores)));
}

async function inBatches<V, T>(
  variants: readonly V[],
  size: number,
  onProgress: EditedOptions['onProgress'],
  work: (batch: readonly V[]) => Promise<T[]>,
): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < variants.length; from += size) {
    results.push(...(await work(variants.slice(from, from + size))));
    onProgress?.(results.length, variants.length);
  }
  return results;
}

/** Every variant's edits for its own batch row. */
const rows = (batch: readonly Variant[]): Edit[] => batch.flatMap((edits, row) => edits.map((edit) => ({ ...edit, row })));

/** The same edit with positions counted from the first token after the cache. */
function shifted(edit: Edit, past: number): Edit {
  const move = <P extends readonly number[] | 'all' | undefined>(positions: P): P =>
    (Array.isArray(positions) ? positions.map((p: number) => p - past) : positions) as P;
  if (edit.kind === 'knockout' || edit.kind === 'scale-values') return { ...edit, queries: move(edit.queries), keys: move(edit.keys) };
  return { ...edit, positions: move(edit.positions) } as Edit;
}

/** Reads the last position of each batch row, then lets the run go. */
function readRows<T>(result: RunResult, read: Reading<T>): T[] {
  const { data } = result.logits!;
  const vocab = data.length / result.batch;
  const values = Array.from({ length: result.batch }, (_, row) => read(data.subarray(row * vocab, (row + 1) * vocab)));
  result.release();
  return values;
}

const marginOf =
  ({ answer, rivals }: Contest): Reading<number> =>
  (logits) =>
    margin(logSoftmax(logits), answer, rivals);
