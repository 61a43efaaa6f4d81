import { describe, expect, it } from 'vitest';
import { OneAtATime } from '../../src/editor/one-at-a-time.js';

describe('what grows faster than it is taken', () => {
  it('is sent one at a time, the newest next', () => {
    const sent: number[] = [];
    const outlet = new OneAtATime<number>((value) => sent.push(value));
    for (let i = 0; i < 64; i++) outlet.offer(i);
    expect(sent).toEqual([0]);
    outlet.arrived();
    expect(sent).toEqual([0, 63]);
    outlet.arrived();
    expect(sent).toEqual([0, 63]);
    outlet.offer(64);
    expect(sent).toEqual([0, 63, 64]);
  });

  it('is forgotten when it is no longer wanted', () => {
    const sent: number[] = [];
    const outlet = new OneAtATime<number>((value) => sent.push(value));
    outlet.offer(1);
    outlet.offer(2);
    outlet.clear();
    outlet.arrived();
    expect(sent).toEqual([1]);
    outlet.offer(3);
    expect(sent).toEqual([1, 3]);
  });
});
