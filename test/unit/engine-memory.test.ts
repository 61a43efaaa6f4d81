import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { shrinkHeap } from '../../src/engine/local/memory.js';

const total = (): number => getHeapStatistics().total_heap_size;

/** Grows V8's heap by about 150 MB of small objects, which nothing holds any more when it returns. */
function litter(): void {
  const tables = Array.from({ length: 400_000 }, (_, i) => ({
    token: `token ${i}`,
    pieces: [i, i + 1, i + 2],
    scores: { [`s${i % 7}`]: i },
  }));
  expect(tables.length).toBe(400_000);
}

describe('the heap after a large model was opened', () => {
  it('gives back what reading its tables has taken', () => {
    const before = total();
    litter();
    const littered = total();
    expect(littered - before).toBeGreaterThan(50e6);
    shrinkHeap();
    expect(littered - total()).toBeGreaterThan(0.7 * (littered - before));
  });
});
