import { describe, expect, it } from 'vitest';
import { summarize } from '../../src/agent/summary.js';
import { compareResidues } from '../../src/compare/compare.js';
import { summarise } from '../../src/editor/results/summary.js';
import { formatMarkdown } from '../../src/residue/markdown.js';
import { formatReport } from '../../src/residue/report.js';
import { formatSarif } from '../../src/residue/sarif.js';
import { collapseDoubts } from '../../src/residue/standing.js';
import type { Residue } from '../../src/residue/types.js';
import { marginModel } from '../../webview/model/margin.js';
import { verdictModel } from '../../webview/model/verdict.js';
import { generateResidue } from '../helpers/residue-generator.js';

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('\\', '');
const texts = (residue: Residue) => ({
  report: flat(formatReport(residue, { width: 100 })),
  markdown: flat(formatMarkdown(residue)),
  chips: verdictModel(residue).chips.map(({ text }) => text),
  agent: summarize(residue),
});
const band = { of: '32 random spans', n: 32, median: 0, p95: 1, sided: 'high' as const };

/** A lost answer of which nothing is in doubt. */
function lost(): Residue {
  const residue = generateResidue({ failed: true, runs: 1, seed: 3 });
  residue.runs[0]!.collapse = { kind: 'lost', layer: 2, peak: 1, peakMargin: 1, noise: 0, evidence: 'observed' };
  residue.claims = [
    { ...residue.claims![0]!, name: 'collapse', evidence: 'observed', null: null, opinion: null, holds: null, stable: null },
  ];
  return residue;
}

describe('what fails its null or its second opinion is marked', () => {
  it('where the answer was lost', () => {
    const told = (residue: Residue) => {
      const { report, markdown, agent } = texts(residue);
      return {
        report: /Lost at layer 2 of 6 \(([^)]*)\)/.exec(report)![1],
        chart: /◇ collapse \(([^)]*)\)/.exec(report)![1],
        markdown: /Lost at layer 2 of 6 \(([^)]*)\)/.exec(markdown)![1],
        lens: summarise(residue).outcome,
        agent: agent.collapse!.doubts,
        panel: marginModel(residue.runs[0]!, null, 6, collapseDoubts(residue, residue.runs[0]))!.collapse!.label,
        compared: /lost at layer 2 of 6 \(33 % of its depth\) \(([^)]*)\)/.exec(
          compareResidues({ residue, file: null }, { residue, file: null }, { created: '' }).findings[0]!,
        )![1],
      };
    };
    const residue = lost();
    const plain = { report: 'read off', chart: 'observed', markdown: 'read off', compared: 'read off' };
    expect(told(residue)).toEqual({ ...plain, lens: 'lost at layer 2', agent: [], panel: 'lost at layer 2' });
    residue.claims![0]!.holds = false;
    residue.claims![0]!.stable = false;
    const why = 'within its null, unstable';
    expect(told(residue)).toEqual({
      ...{ report: `read off, ${why}`, chart: `observed, ${why}`, markdown: `read off, ${why}`, compared: `read off, ${why}` },
      ...{ lens: `lost at layer 2 (${why})`, agent: ['within its null', 'unstable'], panel: `lost at layer 2 (${why})` },
    });
  });

  it('a pattern', () => {
    const residue = lost();
    const pattern = { name: 'value-competition', present: true, score: 0.5, evidence: 'two', null: { ...band, p: 0.3 } };
    residue.verdict!.patterns = [pattern];
    residue.claims!.push({
      ...{ name: 'pattern.value-competition', sentence: 'value-competition is present', evidence: 'observed', value: 0.5, unit: 'score' },
      ...{ null: pattern.null, opinion: null, holds: false, stable: null },
    });
    const { report, markdown, chips, agent } = texts(residue);
    expect(report).toContain('pattern value-competition, score 0.50; p = 0.300, within its null: two');
    expect(markdown).toContain('Pattern value-competition: score 0.50 (p = 0.300, within its null)');
    expect(chips).toContain('value-competition (score 0.5) · p = 0.300, within its null');
    expect(agent.patterns).toEqual([{ name: 'value-competition', score: 0.5, doubts: ['within its null'] }]);
    const sarif = formatSarif([{ file: 'a.shell.yaml', findings: [], residue }], { version: '0' });
    expect(sarif).toContain('value-competition is present, score 0.50 (p = 0.300, within its null): two');
  });

  it('the diagnosis, by the null of the verdict that it rests on too', () => {
    const residue = lost();
    const diagnosis = residue.verdict!.diagnosis!;
    diagnosis.opinion = { agree: 1, of: 2, by: [] };
    diagnosis.null = { ...band, p: 0.1, q: 0.3 };
    const words = 'q = 0.300, within its null; 1 of 2 other tests agree, unstable';
    const { report, markdown, chips, agent } = texts(residue);
    expect(report).toContain(`(tested by intervention; ${words})`);
    expect(markdown).toContain(`(tested by intervention; ${words})`);
    expect(chips.find((text) => text.endsWith(words))).toBeDefined();
    expect(agent.diagnosis).toMatchObject({ agree: '1 of 2', doubts: ['within its null', 'unstable'] });
  });

  it('and what was tested and brought nothing back is not called untested', () => {
    const residue = lost();
    residue.verdict!.confirmed = [];
    expect(residue.runs[0]!.verification).toBeDefined();
    const { report, markdown, agent } = texts(residue);
    expect([report, markdown].map((text) => /no cause confirmed/i.test(text))).toEqual([true, true]);
    expect(agent.caveats[0]).toBe('No cause was confirmed by intervention: what is read off only suggests.');
    delete residue.runs[0]!.verification;
    const untested = texts(residue);
    expect([untested.report, untested.markdown].map((text) => /cause not checked/i.test(text))).toEqual([true, true]);
    expect(untested.agent.caveats[0]).toBe('No cause was tested by intervention: what is read off only suggests.');
  });
});
