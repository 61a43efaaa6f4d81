import { CancelledError } from '../errors.js';
import { HubUnreachable } from './faults.js';

/** How often and how long a server that fails is tried again. */
export interface Patience {
  /** Tries in a row that may fail. Default 5. */
  tries?: number;
  /** Milliseconds before the second try; doubled before each further one, up to 30 s. Default 1,000. */
  pause?: number;
  /** Longest wait, in seconds, that a server may ask for. Default 300. */
  longest?: number;
  /** A wait has begun: why, and for how many milliseconds. */
  onWait?: (why: string, milliseconds: number) => void;
}

/**
 * Waits before the next try, or throws `fault` when it is not worth one: it is of another kind, there were enough tries, or the
 * server asks for more patience than there is.
 * @param failures How many tries have failed in a row, this one included.
 */
export async function waitOrThrow(fault: unknown, failures: number, patience: Patience, signal?: AbortSignal): Promise<void> {
  const { tries = 5, pause = 1000, longest = 300, onWait } = patience;
  if (!(fault instanceof HubUnreachable) || failures >= tries) throw fault;
  if ((fault.retryAfter ?? 0) > longest) throw fault;
  const wait = Math.max(Math.min(pause * 2 ** (failures - 1), 30_000), (fault.retryAfter ?? 0) * 1000);
  onWait?.(fault.message, wait);
  await sleep(wait, signal);
}

/** Does `work` until it succeeds or is not worth another try. */
export async function patiently<T>(work: () => Promise<T>, patience: Patience, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (fault) {
      await waitOrThrow(fault, failures, patience, signal);
    }
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new CancelledError());
    };
    if (signal?.aborted) return reject(new CancelledError());
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
