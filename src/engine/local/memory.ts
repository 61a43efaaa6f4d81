import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext, runInThisContext } from 'node:vm';

/** `ArrayBuffer.prototype.transfer` (ES2024; not in Node 20). */
type Transferable = ArrayBufferLike & { transfer?: (length: number) => unknown };

/** Takes a buffer's memory away from it and frees it; null where neither the language nor V8 offers that. */
const detach = ((): ((buffer: ArrayBufferLike) => void) | null => {
  if ('transfer' in ArrayBuffer.prototype) return (buffer) => void (buffer as Transferable).transfer?.(0);
  try {
    // What `transfer` does to the old buffer is there in older V8s too, as a function for their own tests.
    setFlagsFromString('--allow-natives-syntax');
    const own = runInThisContext('(buffer) => %ArrayBufferDetach(buffer)') as (buffer: ArrayBufferLike) => void;
    const trial = new ArrayBuffer(8);
    own(trial);
    return trial.byteLength === 0 ? own : null;
  } catch {
    return null;
  }
})();

/**
 * Gives the memory of arrays back at once: their buffers are detached from it. An array that is only a part of its buffer is left alone,
 * for others may lie beside it. Where that cannot be done all are left to the garbage collector.
 */
export function giveBack(arrays: Iterable<Float32Array>): void {
  if (!detach) return;
  const seen = new Set<ArrayBufferLike>();
  for (const { buffer, byteOffset, byteLength } of arrays) {
    if (byteOffset === 0 && byteLength === buffer.byteLength && byteLength > 0) seen.add(buffer);
  }
  seen.forEach(detach);
}

interface Collection {
  type: 'minor' | 'major';
  /** `last-resort` gives the pages of a heap that has shrunk back to the system. */
  flavor?: 'regular' | 'last-resort';
}

/** V8's collector; does nothing where it cannot be had. */
const collect = ((): ((how: Collection) => void) => {
  try {
    setFlagsFromString('--expose-gc');
    // Only a context made after the flag has it.
    return runInNewContext('gc') as (how: Collection) => void;
  } catch {
    return () => undefined;
  }
})();

/** A heap that reading a tokenizer's tables has made larger than this many bytes is worth the tenth of a second that shrinking it takes. */
const LARGE_HEAP = 2 ** 26;

/** Gives back what V8's heap has grown by while a large model was opened: it would lie beside the weights for as long as they do. */
export function shrinkHeap(): void {
  if (getHeapStatistics().total_heap_size > LARGE_HEAP) collect({ type: 'major', flavor: 'last-resort' });
}

/** Bytes of messages that may lie about before they are collected. */
const MOST_SENT = 2 ** 24;
let sent = 0;

/** Counts bytes that have left in messages: V8 lets the copies that were made of them lie until they are many more than a trace. */
export function countSent(bytes: number): void {
  sent += bytes;
  if (sent < MOST_SENT) return;
  sent = 0;
  collect({ type: 'minor' });
}
