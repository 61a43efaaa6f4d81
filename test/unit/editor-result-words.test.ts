import { describe, expect, it } from 'vitest';
import type { Residue } from '../../src/residue/types.js';
import { summarise, type RunSummary } from '../../src/editor/results/summary.js';
import {
  clock,
  commandLens,
  duration,
  expectationsLens,
  marginsOf,
  outcomeText,
  shellLens,
  sparkline,
  type Standing,
} from '../../src/editor/results/words.js';
import { residueFixture } from './residue-fixture.js';

const standing: Standing = { at: '2026-03-04T05:06:07.000Z', seconds: 2.13, cached: false, changes: [] };
const summary: RunSummary = {
  status: 'complete',
  cancelledAt: null,
  model: 'pocket',
  failed: true,
  outcome: 'lost at layer 4',
  sentence: null,
  margin: -1,
  expectations: { total: 0, failed: [] },
  commands: [],
};
const with_ = (change: Partial<RunSummary>): RunSummary => ({ ...summary, ...change });

it('the trend has the runs of all values of vary alone', () => {
  expect(marginsOf([{ summary }, { summary: with_({ doses: 'walk=30', margin: 5 }) }, { summary: with_({ margin: null }) }])).toEqual([
    -1,
    null,
  ]);
});

describe('the lens of a result', () => {
  it('says what became of the prompt, and how long that took', () => {
    expect(shellLens(summary, standing)).toBe('✗ lost at layer 4 · 2.1 s');
    expect(shellLens(with_({ failed: false, outcome: 'did not fail' }), standing)).toBe('✓ did not fail · 2.1 s');
    expect(shellLens(with_({ status: 'cancelled', outcome: 'cancelled at probe: forward' }), standing)).toBe(
      'cancelled at probe: forward · 2.1 s',
    );
    expect(shellLens(summary, { ...standing, seconds: null })).toBe('✗ lost at layer 4');
    expect(shellLens(with_({ doses: 'walk=30' }), standing)).toBe('walk=30: ✗ lost at layer 4 · 2.1 s');
    expect(outcomeText(with_({ doses: 'walk=30 or '.repeat(20) })).length).toBeLessThan(70);
  });

  it('says that it is cached, or stale and why, never both', () => {
    const now = new Date(standing.at);
    expect(shellLens(summary, { ...standing, cached: true }, now)).toMatch(/^✗ lost at layer 4 · 2\.1 s · cached, run at \d\d:\d\d$/);
    expect(shellLens(summary, { ...standing, cached: true, changes: ['model'] })).toBe(
      'stale, the model is another: ✗ lost at layer 4 · 2.1 s',
    );
  });

  it('says whether what the shell expects has come about', () => {
    const failed = { path: 'drop', message: 'drop is 2, but above 3 was expected', line: 9 };
    expect(expectationsLens(summary)).toBeUndefined();
    expect(expectationsLens(with_({ expectations: { total: 4, failed: [] } }))).toBe('✓ holds: all 4 expectations');
    expect(expectationsLens(with_({ expectations: { total: 4, failed: [failed] } }))).toBe('✗ drop is 2, but above 3 was expected');
    expect(expectationsLens(with_({ expectations: { total: 4, failed: [failed, failed] } }))).toMatch(
      /^✗ 2 of 4 expectations do not hold: drop/,
    );
    expect(expectationsLens(with_({ status: 'cancelled', expectations: { total: 4, failed: [] } }))).toBeUndefined();
  });

  it('marks a command that is stale', () => {
    const command = { index: 0, name: 'INHIBIT', mark: 'holds' as const, text: 'holds' };
    expect(commandLens(command, [])).toBe('✓ holds');
    expect(commandLens(command, ['shell'])).toBe('stale: ✓ holds');
  });

  it('writes times as people do', () => {
    expect([0.01, 2.149, 59.96, 61, 3600].map(duration)).toEqual(['0.1 s', '2.1 s', '1 min 0 s', '1 min 1 s', '60 min 0 s']);
    const at = new Date(2026, 2, 4, 5, 6);
    expect(clock(at.toISOString(), at)).toBe('05:06');
    expect(clock(at.toISOString(), new Date(2026, 2, 5))).toBe('4 Mar 05:06');
    expect(clock(at.toISOString(), new Date(2027, 2, 4))).toBe('4 Mar 2026 05:06');
    expect(clock('no time')).toBe('no time');
  });

  it('draws a trend from the lowest to the highest', () => {
    expect(sparkline([-1, 0, null, 1])).toBe('▁▅ █');
    expect(sparkline([2, 2])).toBe('▄▄');
    expect(sparkline([1, null])).toBe('');
  });
});

describe('the summary of a residue', () => {
  const residue = residueFixture();
  const changed = (change: (copy: Residue) => void): Residue => {
    const copy = structuredClone(residue);
    change(copy);
    return copy;
  };

  it('has the verdict, the margin and every expectation that failed', () => {
    const of = summarise(residue);
    expect(of.failed).toBe(residue.verdict?.failed ?? null);
    expect(of.margin).toBe(residue.runs[residue.primary]?.scores?.margin ?? null);
    expect(of.expectations.total).toBe(residue.expectations.length);
    expect(of.expectations.failed.length).toBe(residue.expectations.filter(({ passed }) => !passed).length);
  });

  it('names the layer of a collapse that was found, and none where there is none', () => {
    const collapse = (kind: 'lost' | 'never-formed' | 'none', layer: number | null): string =>
      summarise(
        changed((copy) => {
          copy.verdict!.failed = kind !== 'none';
          copy.runs[copy.primary]!.collapse = { kind, layer, peak: 0, peakMargin: 0, noise: 0, evidence: 'observed' };
        }),
      ).outcome;
    expect([collapse('lost', 4), collapse('never-formed', null), collapse('none', null)]).toEqual([
      'lost at layer 4',
      'never formed',
      'did not fail',
    ]);
  });

  it('says of a run that was stopped where, and of no verdict that it has none', () => {
    const stopped = changed((copy) => {
      copy.status = 'cancelled';
      copy.cancelledAt = 'probe: forward';
      delete copy.verdict;
    });
    expect(outcomeText(summarise(stopped))).toBe('cancelled at probe: forward');
    expect(summarise(stopped).failed).toBeNull();
  });

  it('gives each outcome to the call that was run', () => {
    const outcome = (name: string, value: number) => ({
      name,
      params: {},
      evidence: 'caused' as const,
      findings: [],
      values: { effect: value },
      measures: { effect: { unit: 'nats' } },
      curves: [],
      tables: [],
    });
    const two = changed((copy) => {
      copy.shell.run = ['ANCHOR', 'INHIBIT', 'INHIBIT'].map((name) => ({ name, params: {} }));
      copy.runs[copy.primary]!.commands = [outcome('INHIBIT', -1.2345), outcome('INHIBIT', 3)];
      copy.expectations = [{ path: 'INHIBIT.effect', want: 'below 0', got: -1.2, passed: true, message: 'INHIBIT.effect is …', line: 1 }];
    });
    expect(summarise(two, [2, 1]).commands).toEqual([
      { index: 1, name: 'INHIBIT', mark: 'holds', text: 'holds' },
      { index: 2, name: 'INHIBIT', mark: 'plain', text: 'effect 3 nats' },
    ]);
    two.expectations[0] = { ...two.expectations[0]!, passed: false, message: 'INHIBIT.effect is 1, but below 0 was expected' };
    expect(summarise(two, [1, 2]).commands[0]).toMatchObject({ mark: 'lost', text: 'effect is 1, but below 0 was expected' });
  });
});
