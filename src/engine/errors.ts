/** Why an engine's process could not answer. */
export type EngineFailure =
  /** It did not start, or did not say it was ready. */
  | 'start'
  /** It ended while it worked: killed, out of memory, or a crash of native code. */
  | 'crashed'
  /** It took longer than the caller allowed. */
  | 'timeout'
  /** The client was disposed. */
  | 'disposed'
  /** A fault of the program inside it. */
  | 'fault';

/**
 * The engine could not answer, for a reason that is not in the caller's input. The message is one sentence, with what to do
 * where something can be done; the next request starts a new process.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineFailure;

  constructor(code: EngineFailure, message: string) {
    super(message);
    this.code = code;
  }
}
