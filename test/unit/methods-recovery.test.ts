import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causedInterval, hasDrop, LEAST_DROP, recovery } from '../../src/methods/recovery.js';
import { loadReference, FAMILIES } from '../helpers/reference.js';

describe('recovery', () => {
  it.each(FAMILIES)("is PyTorch's for %s", (family) => {
    const { arrays } = loadReference(family);
    const [control, probe] = arrays('patch/base').data as unknown as [number, number];
    const patched = arrays('patch/resid_pre.logit_diff').data;
    const want = arrays('patch/resid_pre.recovery').data;
    expect(patched.length).toBeGreaterThan(0);
    patched.forEach((value, i) => expect(recovery(value, { probe, control })).toBeCloseTo(want[i]!, 4));
  });

  it('is 0 at the probe, 1 at the control and linear between', () => {
    const value = fc.double({ min: -20, max: 20, noNaN: true });
    fc.assert(
      fc.property(
        value,
        fc.double({ min: LEAST_DROP, max: 30, noNaN: true }),
        fc.double({ min: -1, max: 2, noNaN: true }),
        (probe, drop, share) => {
          const ends = { probe, control: probe + drop };
          // The sum may round to a drop that is a hair smaller.
          fc.pre(hasDrop(ends));
          expect(recovery(probe, ends)).toBe(0);
          expect(recovery(ends.control, ends)).toBe(1);
          expect(recovery(probe + share * drop, ends)).toBeCloseTo(share, 9);
        },
      ),
      { seed: 1 },
    );
  });

  it('has no scale where the control does not lead', () => {
    expect(recovery(1, { probe: 1, control: 1 })).toBeNull();
    expect(recovery(1, { probe: 1, control: 0 })).toBeNull();
    expect(recovery(1, { probe: 1, control: 1 + LEAST_DROP / 2 })).toBeNull();
  });
});

describe('the caused collapse interval', () => {
  it('reaches from the last row at which the source recovers to the first at which the answer position does', () => {
    expect(causedInterval([1, 0.9, 0.6, 0.2, 0], [0, 0.1, 0.2, 0.5, 1])).toEqual({ from: 2, to: 3 });
    expect(causedInterval([1, 0.2, 0.7, 0.2, 0], [0, 0.6, 0.1, 0.5, 1])).toEqual({ from: 2, to: 1 });
  });

  it('has an open end where a curve never recovers, or there is no source', () => {
    expect(causedInterval([0, 0, 0], [0, 0, 1])).toEqual({ from: null, to: 2 });
    expect(causedInterval(null, [0, 1])).toEqual({ from: null, to: 1 });
    expect(causedInterval([1, 0], [0, 0.4])).toEqual({ from: 0, to: null });
  });
});
