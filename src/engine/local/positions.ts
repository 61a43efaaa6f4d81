import { InputError } from '../../errors.js';
import { inverseFrequencies, ropeTables } from '../../graph/rope.js';
import type { ModelSpec } from '../../model/spec.js';
import type { RunOptions } from '../api.js';
import { floatTensor } from './sessions.js';
import type { Feeds } from './sessions.js';

/** Position ids of a run: one row for all batch rows, or one per row. */
export interface Positions {
  rows: Int32Array[];
}

/** Largest position id that float32 angles still tell apart from its neighbours. */
const MAX_POSITION = 2 ** 24;

/** Checks or makes the position ids of `tokens` tokens after `past` cached ones. Throws InputError. */
export function resolvePositions(spec: ModelSpec, asked: RunOptions['positions'], batch: number, tokens: number, past: number): Positions {
  const limit = spec.position.kind === 'learned' ? spec.position.count : MAX_POSITION;
  if (asked === undefined) {
    const row = Int32Array.from({ length: tokens }, (_, i) => past + i);
    if (past + tokens > limit) fail(`the tokens reach position ${past + tokens - 1} and the model has learned positions 0 to ${limit - 1}`);
    return { rows: [row] };
  }
  const rows = (isRows(asked) ? asked : [asked]) as readonly (readonly number[])[];
  if (rows.length !== 1 && rows.length !== batch)
    fail(`there are ${rows.length} rows for a batch of ${batch}: give one row, or one per batch row`);
  return {
    rows: rows.map((row) => {
      if (row.length !== tokens) fail(`there are ${row.length} ids for ${tokens} tokens`);
      for (const id of row) {
        if (!Number.isInteger(id) || id < 0 || id >= limit) fail(`${id} is not a whole number from 0 to ${limit - 1}`);
      }
      return Int32Array.from(row);
    }),
  };
}

function isRows(asked: NonNullable<RunOptions['positions']>): asked is readonly (readonly number[])[] {
  return asked.length > 0 && Array.isArray(asked[0]);
}

function fail(what: string): never {
  throw new InputError(`The position ids do not fit: ${what}.`, { field: 'positions' });
}

/** Feeds `cos` and `sin` [rows, T, 1, rotary_dim / 2] of a model with RoPE; none for learned positions. */
export function ropeFeeds(spec: ModelSpec, positions: Positions): Feeds {
  if (spec.position.kind !== 'rope') return {};
  const frequencies = inverseFrequencies(spec.position);
  const tokens = positions.rows[0]?.length ?? 0;
  const all = new Int32Array(positions.rows.length * tokens);
  positions.rows.forEach((row, i) => all.set(row, i * tokens));
  const { cos, sin } = ropeTables(spec.position, frequencies, all);
  const dims = [positions.rows.length, tokens, 1, frequencies.length];
  return { cos: floatTensor(cos, dims), sin: floatTensor(sin, dims) };
}
