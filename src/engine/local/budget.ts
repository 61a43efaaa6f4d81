import { freemem } from 'node:os';
import { InputError } from '../../errors.js';
import type { HookPoint } from '../../graph/hooks.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit } from '../api.js';
import type { Extent } from './edits.js';

/** What a run is going to hold, in numbers of things. */
export interface RunSize {
  batch: number;
  tokens: number;
  past: number;
  hooks: readonly HookPoint[];
  logitRows: number;
  keepCache: boolean;
  /** Numbers in the arrays of edits. */
  edits: number;
}

/** Half of the memory that is free now, in bytes. */
export function defaultBudget(): number {
  const limit = process.constrainedMemory();
  const used = process.memoryUsage.rss();
  const free = limit > 0 && limit < 2 ** 50 ? Math.min(freemem(), Math.max(limit - used, 0)) : freemem();
  return Math.floor(free / 2);
}

/** Bytes that a run takes at its height, beyond the weights: what it keeps, and the workings of one block or of the head. */
export function bytesNeeded(spec: ModelSpec, size: RunSize): { total: number; hooks: number; logits: number; working: number } {
  const { batch, tokens, past } = size;
  const attended = past + tokens;
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  const hooks = size.hooks.reduce((sum, hook) => sum + count(hook.shape(batch, tokens, attended)), 0);
  const logits = size.logitRows * spec.vocabSize;
  const cache = size.keepCache ? 2 * spec.nLayers * batch * spec.nKvHeads * attended * spec.dHead : 0;
  // One block at work: the scores four times over (products, masked, pattern, weighted), its streams, heads and MLP.
  const scores = 4 * batch * spec.nHeads * tokens * attended;
  const perToken = 10 * spec.dModel + 6 * spec.nHeads * spec.dHead + 6 * spec.nKvHeads * spec.dHead + 4 * spec.dMlp;
  const block = scores + batch * tokens * perToken + 4 * batch * spec.nKvHeads * attended * spec.dHead;
  const mask = tokens * attended;
  const working = Math.max(block, logits + 4 * size.logitRows * spec.dModel) + mask + size.edits;
  return { total: 4 * (hooks + logits + cache + working), hooks: 4 * hooks, logits: 4 * logits, working: 4 * (cache + working) };
}

/**
 * Numbers in the arrays that edits are turned into, at most: a mask or a scale of values for each set of edits that some layers share,
 * and the vectors of one layer at a time.
 */
export function editNumbers(spec: ModelSpec, edits: readonly Edit[], extent: Extent): number {
  const { batch, tokens, past } = extent;
  const attention = edits.filter((e) => e.kind === 'knockout' || e.kind === 'scale-values');
  const sets = new Set<string>();
  for (let layer = 0; layer < spec.nLayers; layer++) {
    for (const kind of ['knockout', 'scale-values']) {
      const own = attention.flatMap((e, i) => (e.kind === kind && (e.layers === 'all' || e.layers.includes(layer)) ? [i] : []));
      if (own.length > 0) sets.add(`${kind} ${own.join()}`);
    }
  }
  const rows = attention.some((e) => e.row !== undefined) ? batch : 1;
  const heads = attention.some((e) => e.heads !== 'all') ? spec.nHeads : 1;
  const vectors = edits.length > attention.length ? 4 * batch * tokens * Math.max(spec.nHeads * spec.dHead, spec.dModel) : 0;
  return sets.size * rows * heads * tokens * (past + tokens) + vectors;
}

/** Throws InputError, with what is needed and what is allowed, when a run would take more than the budget. */
export function checkBudget(spec: ModelSpec, size: RunSize, budget: number): void {
  const needed = bytesNeeded(spec, size);
  if (needed.total <= budget) return;
  const parts = `traces ${show(needed.hooks)}, logits ${show(needed.logits)}, workings ${show(needed.working)}`;
  throw new InputError(
    `The run needs ${show(needed.total)} of memory (${parts}; ${size.batch} × ${size.tokens} tokens) and ${show(budget)} are allowed: ask for fewer hooks or rows, shorten the text, or raise the memory budget.`,
    { field: 'memoryBudget' },
  );
}

const show = (bytes: number): string => (bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`);
