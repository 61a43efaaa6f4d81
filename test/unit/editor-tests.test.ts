import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { outcomeOf, shellOutcome } from '../../src/editor/testing/outcomes.js';
import { shellTests, type TestNode } from '../../src/editor/testing/tree.js';
import { residueFixture } from './residue-fixture.js';

const bundled = readFileSync('shells/v1-memtrace.shell.yaml', 'utf8');

const all = (nodes: readonly TestNode[]): TestNode[] => nodes.flatMap((node) => [node, ...all(node.children)]);

describe('the tests of a shell', () => {
  it('are its vary values × commands → expectations, each at its place', () => {
    const { label, error, children } = shellTests(bundled);
    expect([label, error]).toEqual(['v1.MEMTRACE', null]);
    const lines = bundled.split('\n');
    const varied = children.filter(({ kind }) => kind === 'vary');
    expect(varied.map(({ label: one }) => one)).toEqual(['walk = 0', 'walk = 30', 'walk = 60', 'walk = 75']);
    for (const { children: commands } of varied) {
      expect(commands.map(({ label: one }) => one)).toEqual(['ANCHOR', 'RECALL', 'INHIBIT']);
      for (const { spot, label: name } of commands) expect(lines[spot!.line - 1]).toContain(name);
    }
    const expectations = all(children).filter(({ kind }) => kind === 'expectation');
    for (const { spot, label: one } of expectations) expect(lines[spot!.line - 1]).toContain(one.split(':')[0]);
    const ids = all(children).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keep their ids when something else in the file is edited', () => {
    const ids = (text: string): string[] => all(shellTests(text).children).map(({ id }) => id);
    expect(ids(bundled.replace('title: ', 'title: New '))).toEqual(ids(bundled));
  });

  it('are an error at its place for a file that is no shell', () => {
    expect(shellTests('format: 1\nshel: a\n')).toMatchObject({
      label: null,
      children: [],
      error: expect.stringMatching(/^\d+:\d+: /) as string,
    });
    expect(shellTests('').error).toBeTruthy();
  });

  it('do not grow with the product of the vary values', () => {
    const values = (name: string): string => `  ${name}: [${Array.from({ length: 30 }, (_, i) => `"${name}${i}"`).join(', ')}]`;
    const text = `format: 1\nshell: many\nfamily: memory\nprompt: "{{a}} {{b}} A:"\nanswer: " x"\nvary:\n${values('a')}\n${values('b')}\nrun:\n  - RECALL: {}\n`;
    const { error, children } = shellTests(text);
    expect(error).toBeNull();
    expect(children.length).toBe(200);
  });
});

describe('the outcome of a test', () => {
  const residue = residueFixture();
  const node = (change: Partial<TestNode>): TestNode => ({
    id: 'x',
    label: 'x',
    spot: null,
    kind: 'command',
    vary: null,
    command: null,
    expectation: null,
    children: [],
    ...change,
  });

  it('is a failure of an expectation that did not hold, with what was expected and measured', () => {
    const copy = structuredClone(residue);
    copy.expectations = [
      { path: 'drop', want: 'above 3', got: 2.5, passed: false, message: 'drop is 2.5, but above 3 was expected', line: 9 },
      { path: 'margin', want: 'below 0', got: null, passed: false, message: 'margin was not measured', line: 10 },
    ];
    const at = (line: number) => ({ line, column: 1, endLine: line, endColumn: 2 });
    const drop = node({ kind: 'expectation', label: 'drop: above 3', spot: at(9), expectation: 0 });
    expect(outcomeOf(drop, copy)).toMatchObject({ state: 'failed', failure: { expected: 'above 3', actual: '2.5', line: 9 } });
    expect(outcomeOf(node({ kind: 'expectation', label: 'margin: below 0', spot: at(10), expectation: 1 }), copy).failure?.actual).toBe(
      'not measured',
    );
    expect(outcomeOf(node({ kind: 'expectation', label: 'gone: 1', spot: at(11), expectation: 2 }), copy).state).toBe('skipped');
    // What an item has told is not told by the shell once more.
    expect([shellOutcome(copy, 0).state, shellOutcome(copy, 1).state, shellOutcome(copy, 2).state]).toEqual(['failed', 'failed', 'passed']);
    expect(shellOutcome({ ...copy, status: 'cancelled' }, 2).state).toBe('skipped');
  });

  it('is no failure of a prompt that fails: that is a finding', () => {
    const run = residue.runs[residue.primary]!;
    const failed = {
      ...residue,
      runs: residue.runs.map((one) => (one === run ? { ...run, scores: { ...run.scores!, failed: true } } : one)),
    };
    expect(outcomeOf(node({ kind: 'vary', vary: run.vary }), failed)).toMatchObject({ state: 'passed' });
    expect(outcomeOf(node({ kind: 'vary', vary: { nowhere: '1' } }), failed).state).toBe('skipped');
  });

  it('of an expectation that a run of some values cannot judge is none, and says so', () => {
    const copy = structuredClone(residue);
    copy.provenance.settings['vary'] = 'walk=30';
    copy.expectations = [];
    const expectation = node({ kind: 'expectation', label: 'margin: below 0', vary: copy.runs[copy.primary]!.vary });
    expect(outcomeOf(expectation, copy)).toEqual({ state: 'skipped', text: [expect.stringMatching(/^Not judged: only walk=30 was run/)] });
    copy.expectations = [{ path: 'margin', want: 'below 0', got: -1, passed: true, message: 'as expected', line: 9 }];
    expect(outcomeOf(expectation, copy).state).toBe('passed');
  });

  it('of an expectation is that of the headline’s run alone', () => {
    const other = { ...residue.runs[0]!, vary: { other: '1' } };
    const copy = { ...residue, runs: [residue.runs[residue.primary]!, other], primary: 0 };
    const found = outcomeOf(node({ kind: 'expectation', label: 'x: 1', vary: { other: '1' } }), copy);
    expect(found).toMatchObject({ state: 'skipped', text: [expect.stringContaining('headline') as string] });
  });
});
