/** Where in a user's file something is wrong. Lines and columns count from 1. */
export interface Place {
  file?: string;
  line?: number;
  column?: number;
  /** End of the offending range (exclusive column). */
  endLine?: number;
  endColumn?: number;
  /** The field, tensor or option concerned, such as `run[1].INHIBIT.span` or `model.layers.0.mlp.up_proj.weight`. */
  field?: string;
}

/**
 * Bad input, told in one sentence: where, what is wrong, what would be right.
 * Only its message reaches a user; anything else that is thrown is a fault of the program.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly place: Place;

  constructor(message: string, place: Place = {}) {
    super(message);
    this.place = place;
  }

  /** `file:line:column: message`, with what is known of the place. */
  format(): string {
    const { file, line, column } = this.place;
    const where = [file, line, line === undefined ? undefined : column].filter((x) => x !== undefined).join(':');
    if (!where) return this.message;
    // Many a message names its file, for where it is told without its place.
    const own = `${file?.split(/[\\/]/).at(-1) ?? ''}: `;
    return `${where}: ${this.message.startsWith(own) ? this.message.slice(own.length) : this.message}`;
  }
}

/** Whether something thrown is an InputError, also one of another bundle, which has its own copy of the class. */
export const isInputError = (error: unknown): error is InputError => error instanceof Error && error.name === 'InputError';

/** The user (or a caller's AbortSignal) stopped the work. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
  constructor(message = 'Cancelled.') {
    super(message);
  }
}

/** Throws CancelledError if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CancelledError();
}
