/** `ArrayBuffer.prototype.transfer` (ES2024; not in Node 20). */
type Transferable = ArrayBufferLike & { transfer?: (length: number) => unknown };

/**
 * Gives the memory of arrays back at once: their buffers are moved into nothing, which detaches them. An array that is only a part of its
 * buffer is left alone, for others may lie beside it. Without `transfer` all are left to the garbage collector.
 */
export function giveBack(arrays: Iterable<Float32Array>): void {
  const seen = new Set<ArrayBufferLike>();
  for (const { buffer, byteOffset, byteLength } of arrays) {
    if (byteOffset === 0 && byteLength === buffer.byteLength && byteLength > 0) seen.add(buffer);
  }
  for (const buffer of seen) (buffer as Transferable).transfer?.(0);
}
