import { InputError } from '../errors.js';

export type Json = Record<string, unknown>;

/** Above every id; no vocabulary comes near. */
export const MAX_TOKENS = 1 << 22;
/** Depth of sequences in sequences. */
export const MAX_NESTING = 16;

/** Typed access to untrusted JSON; every refusal names the file and the field. */
export class Checker {
  constructor(readonly file: string) {}

  fail(field: string, message: string): InputError {
    return new InputError(message, { file: this.file, field: field || undefined });
  }

  object(value: unknown, field: string): Json {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.fail(field, `${field ? `\`${field}\` of the tokenizer` : 'The tokenizer'} must be a JSON object, not ${describe(value)}.`);
    }
    return value as Json;
  }

  list(value: unknown, field: string): unknown[] {
    if (!Array.isArray(value)) throw this.fail(field, `\`${field}\` of the tokenizer must be a list, not ${describe(value)}.`);
    return value;
  }

  string(value: unknown, field: string): string {
    if (typeof value !== 'string') throw this.fail(field, `\`${field}\` of the tokenizer must be a string, not ${describe(value)}.`);
    return value;
  }

  /** `place` makes the field's name: of tens of thousands of ids none is wrong as a rule. */
  id(value: unknown, place: string | (() => string)): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= MAX_TOKENS) {
      const field = typeof place === 'string' ? place : place();
      throw this.fail(field, `\`${field}\` of the tokenizer must be a whole number from 0 to ${MAX_TOKENS - 1}, not ${describe(value)}.`);
    }
    return value;
  }
}

export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = String(value);
  return typeof value === 'string' ? `"${text.slice(0, 40)}"` : text.slice(0, 40);
}
