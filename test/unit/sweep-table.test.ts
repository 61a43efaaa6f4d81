import { expect, it } from 'vitest';
import { rowOf, sweepCsv, sweepMarkdown } from '../../src/sweep/table.js';
import type { Manifest } from '../../src/sweep/manifest.js';
import { generateResidue } from '../helpers/residue-generator.js';

it('marks in the table of a sweep what fails its null or its second opinion', () => {
  const residue = generateResidue({ seed: 3 });
  residue.runs[residue.primary]!.collapse = { kind: 'lost', layer: 2, peak: 1, peakMargin: 1, noise: 0, evidence: 'observed' };
  residue.claims = [
    { ...residue.claims![0]!, name: 'collapse', holds: true, stable: false },
    { ...residue.claims![0]!, name: 'failure', holds: null, stable: false },
  ];
  const band = { of: 'random spans', n: 32, median: 0, p95: 1, sided: 'high' as const };
  residue.verdict!.patterns = [
    { name: 'recursive-looping', present: true, score: 1, evidence: '', null: { ...band, p: 0.03 } },
    { name: 'value-competition', present: true, score: 1, evidence: '', null: { ...band, p: 0.3 }, opinion: { agree: 1, of: 2, by: [] } },
    { name: 'signal-attenuation', present: false, score: 0, evidence: '', null: { ...band, p: 0.3 } },
  ];
  const row = rowOf(residue);
  const unit = { unit: 'a.b', shell: 'a', model: 'b' };
  const done = [{ unit: 'a.b', key: null, content: null, error: null, row }];
  const manifest: Manifest = { format: 1, kind: 'sweep', sweep: '0'.repeat(64), shard: null, plan: [unit], done };
  const markdown = sweepMarkdown(manifest);
  expect(markdown).toContain(`lost at 2/${row.layers} (unstable)`);
  expect(markdown).toContain('; recursive-looping, value-competition (within its null, unstable) |');
  const [header, line] = sweepCsv(manifest)
    .split('\r\n')
    .map((text) => text.match(/("[^"]*"|[^,]*)(,|$)/g)!.map((cell) => cell.replaceAll(/^"|"?,?$/g, '')));
  expect(line![header!.indexOf('patterns')]).toBe('recursive-looping value-competition');
  expect(line![header!.indexOf('doubts')]).toBe('collapse: unstable; value-competition: within its null, unstable');
});
