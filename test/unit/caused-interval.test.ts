import { describe, expect, it } from 'vitest';
import { causedWords } from '../../src/residue/interval.js';
import { formatReport } from '../../src/residue/report.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { causeClaims, causeWords } from '../../src/run/verify/claims.js';
import { marginModel } from '../../webview/model/margin.js';
import { recoveryModel } from '../../webview/model/cause.js';
import { generateResidue } from '../helpers/residue-generator.js';

/** A failing run whose interval is layers 1 to 2, with a control that has `control` nats. */
function failing(control: number, agree = 2): { residue: Residue; run: RunTrace } {
  const residue = generateResidue({ failed: true, runs: 1, seed: 3 });
  const run = residue.runs[residue.primary]!;
  const { verification } = run;
  verification!.ends.control = control;
  verification!.interval = { from: 1, to: 2, opinion: { agree, of: 2, by: [] } };
  return { residue, run };
}
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
const cause = (run: RunTrace): string => causeClaims(run).find(({ name }) => name === 'cause')!.sentence;

describe('the caused interval', () => {
  it('is the cause of the failure where the control does not fail', () => {
    const { residue, run } = failing(3);
    expect(causeWords(run)).toBe('; cause confirmed in layers 1–2');
    expect(cause(run)).toMatch(/^the failure is caused in layers 1–2: the control's answer can be patched back in at /);
    expect(flat(formatReport(residue))).toContain('The answer is lost in layers 1–2: patched from the control it still comes back at');
  });

  it('is no cause where the control fails too: there is no answer to bring back', () => {
    const { residue, run } = failing(-0.5);
    expect(causeWords(run)).toBe('; cause not confirmed');
    expect(cause(run)).toMatch(
      /^what the control is ahead of the prompt by comes about in layers 1–2: half of it or more can be patched in at /,
    );
    expect(flat(formatReport(residue))).toContain('What the control is ahead of the prompt by comes about in layers 1–2:');
    run.verification!.interval!.from = null;
    expect(cause(run)).not.toContain('has the answer');
    expect(flat(formatReport(residue))).not.toMatch(/the answer comes back|The answer is lost in/);
  });

  it('is marked wherever it is drawn when its second opinion is not of one mind', () => {
    const { run } = failing(3, 1);
    const words = 'cause confirmed in layers 1–2 (unstable)';
    expect(causedWords(run)).toBe(words);
    expect(causeWords(run)).toBe(`; ${words}`);
    expect(marginModel(run, null, 6)!.causedWords).toBe(words);
    expect(recoveryModel(run)!.aria).toContain(`; ${words}.`);
  });
});
