import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const SHELL = `format: 1
shell: reported
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
run: [{ ANCHOR: { span: fact } }, { RECALL: {} }, { INHIBIT: { span: fact, layers: all } }]
verify: false
`;

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('reports of the command line', () => {
  const residue = join(folder, 'reported.residue.json');
  beforeAll(async () => {
    const { code, stderr } = await cli(['run', file('reported.shell.yaml', SHELL), '--out', folder]);
    expect(code, stderr).toBe(0);
  });

  it('writes a residue as HTML and Markdown without a model, prints Markdown, or the report that `run` prints', async () => {
    const [html, markdown] = [join(folder, 'out', 'r.html'), join(folder, 'out', 'r.md')];
    const both = await cli(['report', residue, '--html', html, '--markdown', markdown]);
    expect(both, both.stderr).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(html, 'utf8')).toMatch(/^<!DOCTYPE html>[^]*<script type="application\/json" id="residue">\{[^]*<\/html>\n$/);
    const printed = await cli(['report', residue, '--markdown']);
    expect(printed.stdout).toBe(readFileSync(markdown, 'utf8'));
    const report = await cli(['report', residue]);
    expect(report.stdout).toMatch(/Where was it lost/);
    expect(report.stderr).toBe('');
  });

  it('runs a shell first, and says in one sentence what it cannot report', async () => {
    const fresh = await cli(['report', file('again.shell.yaml', SHELL.replace('reported', 'again')), '--markdown']);
    expect(fresh.code, fresh.stderr).toBe(0);
    expect(fresh.stdout).toContain('## again');
    for (const [subject, message] of [
      [join(folder, 'none.residue.json'), /none\.residue\.json: there is no such file\.\n$/],
      [file('not.residue.json', '{"format": 2}'), /not\.residue\.json: /],
      [file('bad.shell.yaml', 'format: 1\nshell: [\n'), /bad\.shell\.yaml:\d+:\d+: /],
      ['', /is empty/],
    ] as const) {
      const { code, stderr, stdout } = await cli(['report', subject, '--html', join(folder, 'never.html')]);
      expect(code).toBe(2);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(stdout).toBe('');
    }
    expect(existsSync(join(folder, 'never.html'))).toBe(false);
  });

  it('runs the named commands alone, and writes SARIF of what does not hold and of files that are wrong', async () => {
    const bad = file('broken.shell.yaml', SHELL.replace('prompt:', 'promt:'));
    const wrong = file('wrong.shell.yaml', `${SHELL}expect:\n  - margin: { below: -50 }\n  - failure: absent\n`);
    const sarif = join(folder, 'scan.sarif');
    const run = await cli(['run', wrong, '--commands', 'recall,anchor', '--sarif', sarif, '--json']);
    expect(run.code, run.stderr).toBe(1);
    const ran = JSON.parse(run.stdout) as {
      runs: { commands: { name: string }[] }[];
      provenance: { command: string };
    };
    expect(ran.provenance.command).toBe('residue run wrong.shell.yaml --model pocket --seed 0 --commands ANCHOR,RECALL');
    expect(ran.runs[0]!.commands.map(({ name }) => name)).toEqual(['ANCHOR', 'RECALL']);
    const results = (path: string) =>
      (JSON.parse(readFileSync(path, 'utf8')) as { runs: { results: { ruleId: string; locations: unknown[] }[] }[] }).runs[0]!.results;
    const [margin] = results(sarif).filter(({ ruleId }) => ruleId.startsWith('expectation/'));
    expect(margin).toMatchObject({
      ruleId: 'expectation/margin',
      locations: [{ physicalLocation: { region: { startLine: 10, startColumn: 5, endLine: 10 } } }],
    });
    const broken = await cli(['run', bad, wrong, '--sarif', sarif]);
    expect(broken.code).toBe(2);
    const place = { startLine: 4, startColumn: 1, endLine: 4, endColumn: 6 };
    expect(results(sarif)).toContainEqual(
      expect.objectContaining({
        ruleId: 'shell/error',
        locations: [{ physicalLocation: { artifactLocation: expect.objectContaining({ index: 0 }) as unknown, region: place } }],
      }),
    );
    const unknown = await cli(['run', wrong, '--commands', 'RECAL']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/wrong\.shell\.yaml: The shell calls no command "RECAL": did you mean "RECALL"\?/);
  });
});
