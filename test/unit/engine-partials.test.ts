import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Partials } from '../../src/engine/partials.js';
import type { Residue } from '../../src/residue/types.js';
import { residueFixture } from './residue-fixture.js';

const residue = residueFixture();

describe('partial residues of a run', () => {
  const sent: string[] = [];
  /** Has the text that is on its way leave. */
  let leave: () => void;
  let made = 0;
  let partials: Partials;
  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = made = 0;
    partials = new Partials(({ json }) => {
      sent.push((JSON.parse(json) as Residue).created);
      return new Promise((resolve) => (leave = resolve));
    });
  });
  afterEach(() => void vi.useRealTimers());
  const grow = (name: string, milliseconds = 0): void =>
    partials.offer(() => {
      made++;
      vi.setSystemTime(Date.now() + milliseconds);
      vi.advanceTimersByTime(milliseconds);
      return { ...residue, created: name };
    });
  const arrive = async (): Promise<void> => {
    leave();
    await vi.advanceTimersByTimeAsync(0);
  };

  it('are sent one at a time, and then the newest', async () => {
    for (let i = 0; i < 60; i++) {
      grow(`dose ${i}`);
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(sent).toEqual(['dose 0']);
    await arrive();
    expect(sent).toEqual(['dose 0', 'dose 59']);
    // What was not sent was not made.
    expect(made).toBe(2);
  });

  it('are a few a second at most, and the last is not left out', async () => {
    for (let i = 0; i < 100; i++) {
      grow(`dose ${i}`);
      await vi.advanceTimersByTimeAsync(20);
      await arrive();
    }
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.length).toBeLessThanOrEqual(6);
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent.at(-1)).toBe('dose 99');
    expect(made).toBe(sent.length);
  });

  it('are the fewer the longer one takes to make', async () => {
    grow('first', 300);
    await arrive();
    grow('second');
    await vi.advanceTimersByTimeAsync(2900);
    expect(sent).toEqual(['first']);
    await vi.advanceTimersByTimeAsync(200);
    expect(sent).toEqual(['first', 'second']);
  });

  it('are none once the run has ended', async () => {
    grow('first');
    await arrive();
    grow('second');
    partials.end();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(['first']);
  });

  it('go on after one that could not be sent', async () => {
    let failed = 0;
    const failing = new Partials(() => Promise.reject(new Error(`gone ${++failed}`)));
    failing.offer(() => residue);
    await vi.advanceTimersByTimeAsync(1000);
    failing.offer(() => residue);
    await vi.advanceTimersByTimeAsync(1000);
    expect(failed).toBe(2);
  });
});
