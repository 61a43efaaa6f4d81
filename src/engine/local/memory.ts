import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';

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
