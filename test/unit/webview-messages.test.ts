import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isResidue, isToHost, isToPage } from '../../src/residue/guards.js';
import { generateResidue } from '../helpers/residue-generator.js';

const residue = generateResidue({ runs: 3, paraphrases: 2 });
const message = (): { type: string; residue: unknown; shellUri: string } => ({
  type: 'residue',
  residue: structuredClone(residue),
  shellUri: 'file:///a',
});

describe('messages between host and page', () => {
  it('lets every kind of message through', () => {
    expect(isToPage(message())).toBe(true);
    expect(isToPage({ type: 'progress', stage: 'x', done: 1, total: 2 })).toBe(true);
    expect(isToPage({ type: 'error', message: 'x', place: null })).toBe(true);
    expect(isToPage({ type: 'error', message: 'x', place: { file: 'a', line: 1, column: 2 } })).toBe(true);
    expect(isToPage({ type: 'empty' })).toBe(true);
    expect(isToPage({ type: 'view', view: { run: 1, prompt: 'control', open: true, head: null } })).toBe(true);
    for (const reason of [null, 'The workspace is not trusted.']) expect(isToPage({ type: 'off', reason })).toBe(true);
    for (const type of ['ready', 'drawn', 'run', 'cancel']) expect(isToHost({ type })).toBe(true);
    for (const ask of [{ verify: true }, { graph: true }, { verify: true, graph: true }])
      expect(isToHost({ type: 'run', ...ask })).toBe(true);
    expect(isToHost({ type: 'save', name: 'a.png', mime: 'image/png', data: '' })).toBe(true);
  });

  it('stops what is of no kind, of the wrong shape, or would have been run', () => {
    for (const bad of [
      null,
      1,
      'ready',
      [],
      {},
      { type: 'eval' },
      { type: '__proto__' },
      { type: 'toString' },
      { type: 'view', view: { a: {} } },
      { type: 'progress', stage: 'x', done: NaN, total: 1 },
      { type: 'error', message: 1, place: null },
      { type: 'off' },
      { type: 'off', reason: false },
    ])
      expect(isToPage(bad)).toBe(false);
    for (const bad of [
      { type: 'save', name: 'a', mime: 'text/html', data: '' },
      { type: 'reveal', line: 1.5, column: 1 },
      { type: 'copy' },
      { type: 'residue' },
      { type: 'run', verify: 'full' },
      { type: 'run', graph: { node: 1 } },
    ])
      expect(isToHost(bad)).toBe(false);
  });

  it('accepts partial residues and stops those in which something a view reads is broken', () => {
    const partial = structuredClone(residue);
    for (const run of partial.runs)
      for (const key of ['scores', 'lens', 'attribution', 'attention', 'map', 'salience', 'commands'] as const) delete run[key];
    delete partial.verdict;
    expect(isResidue(partial)).toBe(true);
    const breaks: [path: string, value: unknown][] = [
      ['runs', undefined],
      ['runs.0.tokens', 'Tom has'],
      ['runs.0.lens.margin', null],
      ['runs.0.attribution.head', [[1], 2]],
      ['runs.0.spans.fact', [1]],
      ['control', 3],
      ['status', 'done'],
      ['provenance.model', undefined],
      ['runs.0.commands.0.findings', [1]],
      ['notes', [{}]],
    ];
    for (const [path, value] of breaks) {
      const copy: unknown = structuredClone(residue);
      const keys = path.split('.');
      const last = keys.pop()!;
      const at = keys.reduce<Record<string, unknown>>((o, k) => o[k] as Record<string, unknown>, copy as Record<string, unknown>);
      expect(at).toHaveProperty(last);
      at[last] = value;
      expect(isResidue(copy), path).toBe(false);
    }
  });

  it('never throws, whatever comes (property)', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('residue', 'progress', 'error', 'view', 'save', 'reveal'), (value, type) => {
        isToPage(value);
        isToHost(value);
        isToPage({ type, residue: value, view: value, place: value, shellUri: '' });
        return true;
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
