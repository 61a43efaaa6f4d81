import { describe, expect, it } from 'vitest';
import { tickStep, ticksWithin } from '../../webview/model/ticks.js';

describe('ticks of an axis', () => {
  it('are round numbers that take in both ends', () => {
    expect(ticksWithin(-1.4, 3.2, 7)).toEqual([-2, -1, 0, 1, 2, 3, 4]);
    expect(ticksWithin(-0.11, 0.31, 7)).toEqual([-0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4]);
    expect(ticksWithin(0, 1, 6)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticksWithin(-21, 37, 7)).toEqual([-40, -20, 0, 20, 40]);
  });

  it('are never more than asked for, evenly apart, and two at least', () => {
    for (let i = 0; i < 400; i++) {
      // Ranges of every size, at every place.
      const size = 10 ** ((i % 20) - 10);
      const low = Math.sin(i * 7.3) * size * 3;
      const high = low + Math.abs(Math.sin(i * 3.1)) * size;
      const ticks = ticksWithin(low, high, 7);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThanOrEqual(7);
      const step = ticks[1]! - ticks[0]!;
      expect(ticks[0]!).toBeLessThanOrEqual(low + 1e-6 * step);
      expect(ticks.at(-1)!).toBeGreaterThanOrEqual(high - 1e-6 * step);
      ticks.forEach((tick, k) => k > 0 && expect(Math.abs(tick - ticks[k - 1]! - step)).toBeLessThan(1e-6 * step));
    }
    expect(ticksWithin(2, 2, 7).length).toBeGreaterThan(1);
  });

  it('of whole numbers are 1, 2 or 5 times a power of ten apart', () => {
    expect([0.2, 1, 1.1, 2, 3.4, 6, 48].map(tickStep)).toEqual([1, 1, 2, 2, 5, 10, 50]);
  });
});
