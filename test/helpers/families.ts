import type { Model, NdArray, RunResult } from '../../src/engine/api.js';
import { FAMILIES, loadReference, referencePath } from './reference.js';
import type { Reference } from './reference.js';
import { openPath } from './shells.js';

/** Every model that has a full reference. */
export const REFERENCED = [...FAMILIES, 'stories260K'] as const;

export const PROMPTS = ['short', 'control', 'probe'] as const;
export type Prompt = (typeof PROMPTS)[number];

/** A reference model, open, next to what PyTorch gets for it. */
export async function openReferenced(name: string): Promise<{ model: Model; reference: Reference }> {
  const path = name === 'stories260K' ? referencePath(name, 'stories260K.bin') : referencePath(name);
  return { model: await openPath(path), reference: loadReference(name) };
}

/** The last row of a run's logits [batch, rows, vocab], for one batch row. */
export function lastLogits(run: RunResult, row = 0): Float32Array {
  if (!run.logits) throw new Error('The run has no logits.');
  const [, rows, vocab] = run.logits.shape as [number, number, number];
  return run.logits.data.subarray(((row + 1) * rows - 1) * vocab, (row + 1) * rows * vocab);
}

/** Natural log-softmax in double precision. */
export function logSoftmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const norm = top + Math.log(values.reduce((sum, x) => sum + Math.exp(x - top), 0));
  return values.map((x) => x - norm);
}

/** One row of an array along its second axis (position), for one batch row: [batch, pos, …] → […]. */
export function at({ data, shape }: NdArray, position: number, row = 0): Float32Array {
  const [, length, ...rest] = shape as [number, number, ...number[]];
  const width = rest.reduce((a, b) => a * b, 1);
  const start = (row * length + position) * width;
  return data.slice(start, start + width);
}

export const range = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);
