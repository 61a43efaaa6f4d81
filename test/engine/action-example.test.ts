import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../src/paths.js';
import { temporaryFolder } from '../helpers/reference.js';

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  if?: string;
  with?: Record<string, string>;
}

const text = readFileSync(join(packageRoot(), 'examples', 'shells.github.yml'), 'utf8');
const { jobs, permissions } = parse(text) as { jobs: { shells: { steps: Step[] } }; permissions: Record<string, string> };
const { steps } = jobs.shells;

const shell = (want: string): string => `format: 1
shell: wanted
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue"]
run: [{ RECALL: {} }]
verify: false
expect: [{ margin: { ${want} } }]
`;

describe('the example of a CI workflow', () => {
  it('names each action by a whole commit and its version, and asks for no more than it needs', () => {
    const uses = text.split('\n').filter((line) => line.includes('uses: '));
    expect(uses.length).toBe(steps.filter((step) => step.uses).length);
    for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w-]+(\/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    expect(permissions).toEqual({ contents: 'read', 'security-events': 'write' });
  });

  it('leaves what its later steps take, when shells hold and when they do not', () => {
    const top = temporaryFolder();
    const bin = join(top, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'residue'), `#!/bin/sh\nexec "${process.execPath}" "${join(packageRoot(), 'dist', 'cli.cjs')}" "$@"\n`);
    chmodSync(join(bin, 'residue'), 0o755);
    mkdirSync(join(top, 'shells'));
    writeFileSync(join(top, 'shells', 'a.shell.yaml'), shell('above: -50'));
    writeFileSync(join(top, 'shells', 'b.shell.yaml'), shell('below: -50'));
    const summary = join(top, 'summary.md');
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, GITHUB_STEP_SUMMARY: summary };
    const codes = steps
      .filter(({ run, name }) => run && name !== 'Install')
      .map((step) => [step.name, spawnSync('bash', ['-e', '-o', 'pipefail', '-c', step.run!], { cwd: top, env, encoding: 'utf8' }).status]);
    // The job is red, and what comes after still runs.
    expect(codes).toEqual([
      ['Run', 1],
      ['Report', 0],
    ]);
    for (const step of steps.slice(steps.findIndex(({ name }) => name === 'Run') + 1)) expect(step.if).toBe('${{ !cancelled() }}');
    for (const { with: files } of steps)
      for (const path of [files?.path, files?.sarif_file]) if (path) expect(existsSync(join(top, path)), path).toBe(true);
    expect(XMLValidator.validate(readFileSync(join(top, 'results', 'junit.xml'), 'utf8'))).toBe(true);
    const sarif = JSON.parse(readFileSync(join(top, 'results', 'shells.sarif'), 'utf8')) as {
      runs: { results: { level: string; locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }[] }[];
    };
    const errors = sarif.runs[0]!.results.filter(({ level }) => level === 'error');
    expect(errors.map(({ locations }) => locations[0]!.physicalLocation.artifactLocation.uri)).toEqual(['shells/b.shell.yaml']);
    for (const name of ['a', 'b']) expect(existsSync(join(top, 'results', 'residues', `${name}.html`))).toBe(true);
    expect(readFileSync(summary, 'utf8').match(/^## /gm)).toHaveLength(2);
  });
});
