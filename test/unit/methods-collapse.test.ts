import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collapsePoint, formedAt, pairNoise } from '../../src/methods/collapse.js';

const none = { noise: 0, control: null };

describe('collapsePoint', () => {
  it('finds no collapse where nothing failed', () => {
    expect(collapsePoint([-1, 2, -0.5, 3], { ...none, failed: false })).toEqual({ kind: 'none', layer: null, peak: 3, peakMargin: 3 });
  });

  it('is lost at the first row after the peak from which it stays behind', () => {
    // Row 3 dips below and recovers at 4: the collapse is at 5.
    const margins = [-1, 0.2, 3, -0.1, 0.4, -0.2, -2];
    expect(collapsePoint(margins, { ...none, failed: true })).toEqual({ kind: 'lost', layer: 5, peak: 2, peakMargin: 3 });
  });

  it('counts a lead within the noise as none', () => {
    const margins = [-1, 0.2, 3, -0.1];
    expect(collapsePoint(margins, { failed: true, noise: 2.9, control: null }).kind).toBe('lost');
    const control = [-2, 1, -1, 2];
    expect(collapsePoint(margins, { failed: true, noise: 3, control })).toEqual({ kind: 'never-formed', layer: 3, peak: 2, peakMargin: 3 });
    expect(collapsePoint(margins, { failed: true, noise: 3, control: null }).layer).toBeNull();
    expect(collapsePoint(margins, { failed: true, noise: 3, control: [1, 2, -1, -2] }).layer).toBeNull();
  });

  it('takes what the control has within the noise for no answer yet, where it has more later', () => {
    const control = [0.4, 0.6, 0.3, 5, 4];
    const margins = [0.2, 0.1, -0.2, -3, -3];
    expect(collapsePoint(margins, { failed: true, noise: 1, control })).toMatchObject({ kind: 'never-formed', layer: 3 });
    expect(collapsePoint(margins, { failed: true, noise: 6, control })).toMatchObject({ kind: 'never-formed', layer: 0 });
    // Without any noise, a tenth of a nat is still no lead.
    expect(collapsePoint([0.09, -2], { failed: true, noise: 0, control: [0.09, 3] })).toMatchObject({ kind: 'never-formed', layer: 1 });
    expect(collapsePoint([0.11, -2], { failed: true, noise: 0, control: [0.09, 3] })).toMatchObject({ kind: 'lost', layer: 1 });
  });

  it('keeps its definition on any margins', () => {
    const margin = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(fc.array(margin, { minLength: 2, maxLength: 12 }), fc.double({ min: 0, max: 3, noNaN: true }), (margins, noise) => {
        const failed = margins.at(-1)! < 0;
        const { kind, layer, peak, peakMargin } = collapsePoint(margins, { failed, noise, control: null });
        expect(peakMargin).toBe(Math.max(...margins));
        expect(kind === 'none').toBe(!failed);
        expect(kind === 'lost').toBe(failed && peakMargin > Math.max(noise, 0.1));
        if (kind !== 'lost' || layer === null) return;
        expect(layer).toBeGreaterThan(peak);
        expect(margins.slice(layer).every((m) => m < 0)).toBe(true);
        expect(margins[layer - 1]!).toBeGreaterThanOrEqual(0);
      }),
      { seed: 5, numRuns: 1000 },
    );
  });

  it('forms where the margin stays ahead', () => {
    expect(formedAt([1, -1, 0, 2, 3])).toBe(3);
    expect(formedAt([1, 2])).toBe(0);
    expect(formedAt([1, 0])).toBeNull();
  });
});

describe('pairNoise', () => {
  const vocab = 400;
  const frequency = Float64Array.from({ length: vocab }, (_, id) => -id / 40);
  const exclude = new Set<number>();

  it('is 0 where all tokens are alike and grows with the row', () => {
    const flat = new Float64Array(vocab).fill(-5);
    expect(pairNoise(flat, frequency, { answer: 50, rival: 300, exclude }, 1)).toBe(0);
    const noisy = Float64Array.from({ length: vocab }, (_, id) => ((id * 7919) % 101) / 50 - 1);
    const twice = noisy.map((x) => 2 * x);
    const noise = pairNoise(noisy, frequency, { answer: 50, rival: 300, exclude }, 1);
    expect(noise).toBeGreaterThan(0.5);
    expect(noise).toBeLessThanOrEqual(2);
    expect(pairNoise(twice, frequency, { answer: 50, rival: 300, exclude }, 1)).toBeCloseTo(2 * noise, 12);
    expect(pairNoise(noisy, frequency, { answer: 50, rival: 300, exclude }, 1)).toBe(noise);
  });

  it('draws only tokens of like frequency, and never the pair itself or an excluded one', () => {
    // Only ids 34…66 (16 ranks about 50) and 284…316 differ from 0; the answer, the rival and an excluded token are extreme.
    const row = new Float64Array(vocab);
    row[50] = 100;
    row[300] = -100;
    row[51] = 100;
    for (let id = 0; id < vocab; id++) if (Math.abs(id - 50) > 17 && Math.abs(id - 300) > 17) row[id] = 50;
    const tokens = { answer: 50, rival: 300 };
    expect(pairNoise(row, frequency, { ...tokens, exclude: new Set([51]) }, 1)).toBe(0);
    for (let id = 40; id < 50; id++) row[id] = 30;
    expect(pairNoise(row, frequency, { ...tokens, exclude: new Set([51]) }, 1)).toBe(30);
  });

  it('ends where there is nothing to draw from', () => {
    expect(pairNoise([0, 1], [0, 1], { answer: 0, rival: 1, exclude }, 1)).toBe(0);
    expect(pairNoise([0, 1, 5], [0, 1, 2], { answer: 0, rival: 1, exclude }, 1)).toBe(0);
  });
});
