import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';

/** Rows of equal length of ids within the vocabulary. Throws InputError. */
export function checkTokens(spec: ModelSpec, tokens: readonly number[] | readonly (readonly number[])[]): readonly (readonly number[])[] {
  const nested = tokens.length > 0 && Array.isArray(tokens[0]);
  const rows = (nested ? tokens : [tokens]) as readonly (readonly number[])[];
  const length = rows[0]?.length ?? 0;
  rows.forEach((row, r) => {
    const which = nested ? ` in row ${r}` : '';
    if (!Array.isArray(row)) throw new InputError(`The tokens${which} are not a list of ids.`, { field: 'tokens' });
    if (row.length === 0) throw new InputError(`There are no tokens${which}: give at least one.`, { field: 'tokens' });
    if (row.length !== length) {
      throw new InputError(`Row ${r} of the batch has ${row.length} tokens and row 0 has ${length}: rows of one batch have equal length.`, {
        field: 'tokens',
      });
    }
    row.forEach((id, i) => {
      if (!Number.isInteger(id) || id < 0 || id >= spec.vocabSize) {
        throw new InputError(`Token ${String(id)} at position ${i}${which} is not an id of the vocabulary (0 to ${spec.vocabSize - 1}).`, {
          field: 'tokens',
        });
      }
    });
  });
  return rows;
}

/** A prompt that does not fit the context is refused, not cut. */
export function checkContext(spec: ModelSpec, past: number, tokens: number): void {
  if (past + tokens > spec.context) {
    throw new InputError(`${past + tokens} tokens do not fit the model's context of ${spec.context}: shorten the text.`, {
      field: 'tokens',
    });
  }
}

/** A whole number in [low, high]. */
export function checkIndex(value: number, low: number, high: number, what: string, field: string): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    const range =
      high < low ? 'there is none' : low === high ? `only ${low} is possible` : `it must be a whole number from ${low} to ${high}`;
    throw new InputError(`The ${what} ${String(value)} is out of range: ${range}.`, { field });
  }
}

/** A number that is neither NaN nor infinite. */
export function checkFinite(value: number, what: string, field: string): void {
  if (!Number.isFinite(value)) throw new InputError(`The ${what} is ${String(value)}: give a finite number.`, { field });
}

/** Index of the first value that is NaN or infinite; −1 when there is none. */
export function firstNonFinite(data: Float32Array): number {
  // A sum of finite values times zero is zero; only NaN and infinities spoil it, so one pass without branches settles most arrays.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
  if (sum === 0) return -1;
  return data.findIndex((x) => !Number.isFinite(x));
}
