import { createContext, Script } from 'node:vm';

/**
 * Work whose running time a file decides (a tokenizer's patterns, a chat template) is stopped after a limit: V8 ends it
 * even inside a regular expression that backtracks for ever, which no check in our own code could do.
 */
const script = new Script('slot.work()');
let sandbox: { slot: { work: () => unknown } } | undefined;

/** Runs `work` to its end, or throws what `onTimeout` makes once `milliseconds` are over. Not for nested use. */
export function withTimeLimit<T>(milliseconds: number, work: () => T, onTimeout: () => Error): T {
  if (sandbox === undefined) {
    sandbox = { slot: { work: () => undefined } };
    createContext(sandbox);
  }
  sandbox.slot.work = work;
  try {
    return script.runInContext(sandbox, { timeout: milliseconds }) as T;
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw onTimeout();
    throw error;
  } finally {
    sandbox.slot.work = () => undefined;
  }
}
