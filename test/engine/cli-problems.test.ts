import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../helpers/cli.js';

interface Pattern {
  name: string;
  regexp: string;
  file: number;
  line: number;
  column: number;
  severity: number;
  message: number;
}

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  contributes: { problemPatterns: Pattern[]; problemMatchers: { name: string; pattern: string }[] };
};
const pattern = contributes.problemPatterns.find(({ name }) => name === 'residue')!;
const regexp = new RegExp(pattern.regexp);

/** What VS Code's problem matcher finds in the lines of an output. */
const problems = (output: string): { file: string; line: number; column: number; severity: string | undefined; message: string }[] =>
  output.split(/\r?\n/).flatMap((text) => {
    const match = regexp.exec(text);
    if (!match) return [];
    const at = (group: number): string => match[group] ?? '';
    return [
      {
        file: at(pattern.file),
        line: +at(pattern.line),
        column: +at(pattern.column),
        severity: match[pattern.severity],
        message: at(pattern.message),
      },
    ];
  });

const good = `format: 1
shell: good
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
rivals: [" blue"]
run:
  - ANCHOR: { span: fact }
`;

describe('the problem matcher $residue', () => {
  let folder: string;
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  beforeAll(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'residue-problems-')), 'a folder: with a colon');
    mkdirSync(folder);
  });
  afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('finds what `check` says of several files, at its place and of its kind, and nothing in what is well', async () => {
    const bad = file('bad.shell.yaml', good.replace('span: fact', 'span: fatc'));
    const odd = file('odd: name.shell.yaml', good.replace('rivals: [" blue"]', 'rivals: ["blue"]'));
    const well = file('good.shell.yaml', good);
    const { code, stdout, stderr } = await cli(['check', bad, odd, well], { cwd: folder });
    expect(code).toBe(2);
    const found = problems(`${stdout}\n${stderr}`);
    const line = good.split('\n').findIndex((text) => text.includes('ANCHOR')) + 1;
    expect(found.filter((one) => one.file === bad)).toEqual([
      {
        file: bad,
        line,
        column: good.split('\n')[line - 1]!.indexOf('fact') + 1,
        severity: undefined,
        message: expect.stringContaining('fatc') as string,
      },
    ]);
    for (const one of found.filter((other) => other.file === odd)) expect(['warning', 'info']).toContain(one.severity);
    expect(found.filter((one) => one.file === well)).toEqual([]);
    expect(found.length).toBe(stderr.trim().split('\n').length);
  });

  it('finds each expectation of a run that did not hold, at its line, and nothing else in the report', async () => {
    const text = `${good}expect:\n  - margin: { above: 1000 }\n  - margin: { below: 1000 }\n  -   INHIBIT.effect: { below: 0 }\n`;
    const path = file(
      'unmet.shell.yaml',
      text.replace('span: fact }', 'span: fact }\n  - INHIBIT: { span: fact, layers: all }').replace('below: 0', 'below: -1000'),
    );
    const { code, stdout, stderr } = await cli(['run', path], { cwd: folder, env: { COLUMNS: '60' } });
    expect(code, stderr).toBe(1);
    const lines = readFileSync(join(folder, path), 'utf8').split('\n');
    const at = (what: string): number => lines.findIndex((line) => line.includes(what)) + 1;
    expect(problems(`${stdout}\n${stderr}`)).toEqual([
      {
        file: path,
        line: at('margin:'),
        column: 3,
        severity: undefined,
        message: expect.stringMatching(/^margin is .*, but above 1000 was expected$/) as string,
      },
      {
        file: path,
        line: at('INHIBIT.effect'),
        column: 3,
        severity: undefined,
        message: expect.stringMatching(/^INHIBIT\.effect is .* was expected$/) as string,
      },
    ]);
  });

  it('finds an error of the run that has a place in the shell', async () => {
    const path = file('long.shell.yaml', good.replace('Tom has a', `${'Tom has a cat. '.repeat(200)}Tom has a`));
    const { code, stderr } = await cli(['run', path], { cwd: folder });
    expect(code).toBe(2);
    expect(problems(stderr)).toEqual([
      expect.objectContaining({ file: path, message: expect.stringMatching(/\d+ tokens/) as string }) as object,
    ]);
  });

  it('finds its way through what a terminal draws over', () => {
    expect(problems('\r━━━╌╌  40 % probe: forward\rC:\\shells\\a.shell.yaml:3:5: warning: The x.')).toEqual([
      { file: 'C:\\shells\\a.shell.yaml', line: 3, column: 5, severity: 'warning', message: 'The x.' },
    ]);
    expect(problems('a.shell.yaml:3:5: information: The x.')[0]?.severity).toBe('info');
  });
});
