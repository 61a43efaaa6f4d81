import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, parse, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { placeInside, savePlace, usable } from '../../src/agent/places.js';
import { MOST_CHARACTERS, SECTIONS, sectionsOf } from '../../src/agent/sections.js';
import { summarize } from '../../src/agent/summary.js';
import { contributedTools } from '../../src/mcp/contributed.js';
import { answerOutput } from '../../src/mcp/schemas.js';
import { generateResidue } from '../helpers/residue-generator.js';
import { temporaryFolder } from '../helpers/reference.js';
import manifest from '../../package.json' with { type: 'json' };
import { residueFixture } from './residue-fixture.js';

describe('the summary for an agent', () => {
  it('fits its published schema and a small context, whatever the residue', () => {
    const output = z.strictObject(answerOutput);
    for (const residue of [
      generateResidue({ runs: 40, paraphrases: 12, layers: 12, heads: 12, length: 100 }),
      generateResidue({ control: false, failed: false }),
      residueFixture(),
      residueFixture({ status: 'cancelled', cancelledAt: 'probe', runs: [], control: null, paraphrases: [] }),
    ]) {
      const answer = { summary: summarize(residue), saved: null };
      expect(output.safeParse(answer).error?.issues ?? []).toEqual([]);
      expect(JSON.stringify(answer).length).toBeLessThan(16_000);
    }
    const bare = residueFixture();
    for (const run of bare.runs) for (const name of ['scores', 'lens', 'collapse', 'attribution', 'attention'] as const) delete run[name];
    delete bare.verdict;
    expect(output.safeParse({ summary: summarize(bare), saved: null }).success).toBe(true);
  });

  it('says what must be known before it is believed', () => {
    const residue = residueFixture();
    residue.verdict = { ...residue.verdict!, failed: true, confirmed: [], controlSucceeded: false, notChecked: ['the cause'] };
    residue.checks = [{ name: 'pattern-rows-sum-to-1', run: 'probe', residual: 1, tolerance: 1e-6, passed: false }];
    const { caveats } = summarize(residue);
    for (const words of [
      /No cause was tested/,
      /control failed too/,
      /Not checked: the cause/,
      /identity check pattern-rows-sum-to-1 does not hold/,
    ])
      expect(
        caveats.some((one) => words.test(one)),
        String(words),
      ).toBe(true);
  });

  it('gives sections as they stand in the file, as far as there is room', () => {
    const residue = generateResidue({ runs: 2, length: 1024, layers: 30, heads: 12 });
    const { sections, omitted, run } = sectionsOf(residue, ['lens', 'map', 'attention', 'provenance'], 'probe.walk=0');
    expect(run).toBe('probe.walk=0');
    expect(JSON.stringify(sections).length).toBeLessThan(MOST_CHARACTERS + 100);
    expect(Object.keys(sections)).toContain('lens');
    expect(omitted.map(({ section }) => section)).toContain('attention');
    expect(() => sectionsOf(residue, ['lens'], 'probe.walk=1')).toThrow(/no run "probe\.walk=1": did you mean "probe\.walk=0"/);
    expect(SECTIONS).toEqual(expect.arrayContaining(['tokens', 'lens', 'headVerdicts', 'verification', 'claims', 'provenance']));
    expect(SECTIONS).not.toContain('runs');
  });
});

describe('places', () => {
  const top = realpathSync(temporaryFolder());
  const root = join(top, 'root');
  mkdirSync(join(root, 'in'), { recursive: true });
  mkdirSync(join(top, 'rooted'));
  writeFileSync(join(root, 'in', 'a.residue.json'), '{}');
  symlinkSync(top, join(root, 'up'));

  it('finds files in the folders alone, links followed', () => {
    expect(placeInside('in/a.residue.json', [root])).toBe(join(root, 'in', 'a.residue.json'));
    expect(placeInside('in/../in', [root])).toBe(join(root, 'in'));
    for (const path of ['..', '../rooted', join(top, 'rooted'), 'up/rooted', 'up', `up${sep}new`, 'in/../../x'])
      expect(() => placeInside(path, [root]), path).toThrow(/outside of the folders/);
    expect(() => placeInside('a', [])).toThrow(/no folder/);
    expect(() => placeInside('a\0', [root])).toThrow(/NUL/);
    expect(usable([parse(root).root, root])).toEqual([root]);
  });

  it('saves new residues alone', () => {
    expect(savePlace('in/b/c.residue.json', [root])).toBe(join(root, 'in', 'b', 'c.residue.json'));
    expect(() => savePlace('in/a.residue.json', [root])).toThrow(/already a file/);
    expect(() => savePlace('in/b.json', [root])).toThrow(/ends in/);
  });

  it('never gives a path outside, whatever is asked', () => {
    const part = fc.constantFrom('..', '.', 'in', 'up', 'rooted', 'new', '', 'a.residue.json');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), fc.boolean(), (parts, absolute) => {
        let place: string;
        try {
          place = placeInside(`${absolute ? `${root}/` : ''}${parts.join('/')}`, [root]);
        } catch {
          return;
        }
        expect(place === root || place.startsWith(root + sep)).toBe(true);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe('language-model tools of the extension', () => {
  it('are those that the command line serves', () => {
    // `node scripts/write-tools.mjs` writes them.
    expect(manifest.contributes.languageModelTools).toEqual(JSON.parse(JSON.stringify(contributedTools())));
  });
});
