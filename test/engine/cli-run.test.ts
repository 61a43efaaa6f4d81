import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { parseResidue, readResidue } from '../../src/residue/read.js';
import type { Residue } from '../../src/residue/types.js';
import { childrenOf, cli, isAlive, startCli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const shell = (name: string, rest = '') => `format: 1
shell: ${name}
family: memory
prompt: "Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
vary:
  walk: { repeat: "They walk for a while. ", times: [0, 8] }
run: [{ ANCHOR: { span: fact } }, { RECALL: {} }, { INHIBIT: { span: fact, layers: all } }]
${rest}`;

/** Takes several seconds, so that it can be stopped in the middle. */
const LONG = shell('long').replace('times: [0, 8]', `times: [${Array.from({ length: 60 }, (_, i) => i + 20).join(', ')}]`);

const folder = temporaryFolder();
const file = (name: string, content: string): string => {
  const path = join(folder, `${name}.shell.yaml`);
  writeFileSync(path, content);
  return path;
};
const timeless = (residue: Residue): Residue => ({ ...residue, created: '' });

describe('run', () => {
  it('ends with 0 when every expectation holds; stdout is the residue alone, stderr plain lines', async () => {
    const { code, stdout, stderr } = await cli([
      'run',
      file('holds', shell('holds', 'expect: [{ failure: absent }, { INHIBIT.effect: { below: 0 } }]')),
      '--json',
    ]);
    expect(code, stderr).toBe(0);
    const residue = parseResidue(stdout);
    expect(residue.status).toBe('complete');
    expect(residue.expectations.map((e) => e.passed)).toEqual([true, true]);
    expect(stdout.startsWith('{\n')).toBe(true);
    expect(stdout.endsWith('}\n')).toBe(true);
    expect(stderr).not.toContain('\r');
    expect(stderr).not.toContain('\u001b');
    expect(stderr.split('\n').length).toBeGreaterThan(3);
  });

  it('ends with 1 when one fails, and JUnit says which', async () => {
    const path = file('fails', shell('fails', 'expect: [{ failure: absent }, { failure: present }]'));
    const junit = join(folder, 'reports', 'junit.xml');
    const { code, stdout, stderr } = await cli(['run', path, '--junit', junit]);
    expect(code, stderr).toBe(1);
    expect(stdout).toMatch(/✓ .*\(line 11\)/);
    expect(stdout).toMatch(/✗ .*\(line 11\)/);
    const xml = readFileSync(junit, 'utf8');
    expect(XMLValidator.validate(xml)).toBe(true);
    const parsed = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(xml) as {
      testsuites: Record<string, unknown>;
    };
    expect(parsed.testsuites).toMatchObject({ tests: '2', failures: '1', errors: '0' });
    expect(readdirSync(join(folder, 'reports'))).toEqual(['junit.xml']);
  });

  it('calls what a part of the shell cannot judge skipped, in JUnit', async () => {
    const path = file('part', shell('part', 'expect: [{ margin: { above: -50 } }, { density.share: { between: [0, 1] } }]'));
    const junit = join(folder, 'part.xml');
    const { code, stderr } = await cli(['run', path, '--vary', 'walk=8', '--junit', junit]);
    expect(code, stderr).toBe(0);
    const xml = readFileSync(junit, 'utf8');
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(xml).toContain('tests="3" failures="0" errors="0" skipped="2"');
    expect(xml).toContain('<skipped message="density.share was not judged: only a part of the shell was run."/>');
  });

  it('gives an array for several files, a residue file each with --out, and the same bytes twice but for the time', async () => {
    const files = [file('one', shell('one')), file('two', shell('two'))];
    const first = await cli(['run', ...files, '--json', '--out', join(folder, 'out1')]);
    const second = await cli(['run', ...files, '--json', '--out', join(folder, 'out2'), '--threads', '1']);
    expect([first.code, second.code], first.stderr).toEqual([0, 0]);
    const array = JSON.parse(first.stdout) as Residue[];
    expect(array.map((r) => r.shell.id)).toEqual(['one', 'two']);
    expect(readdirSync(join(folder, 'out1')).sort()).toEqual(['one.residue.json', 'two.residue.json']);
    const kept = readResidue(join(folder, 'out1', 'one.residue.json'));
    expect(kept).toEqual(array[0]);
    const again = await cli(['run', ...files, '--json']);
    expect((JSON.parse(again.stdout) as Residue[]).map(timeless)).toEqual(array.map(timeless));
  });

  it('prints a report without --json, coloured only when forced', async () => {
    const path = file('report', shell('report'));
    const { code, stdout, stderr } = await cli(['run', path]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/Did not fail/);
    expect(stdout).toMatch(/INHIBIT .*\(tested by intervention\)/);
    expect(stdout).not.toContain('\u001b');
    expect((await cli(['run', path], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[1m');
    expect((await cli(['run', path, '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain('\u001b');
    expect((await cli(['run', path], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b');
  });

  it('goes on after a shell that fails at run time, and ends with 2', async () => {
    const over = file('over', shell('over').replace('times: [0, 8]', 'times: [0, 200]'));
    const junit = join(folder, 'over.xml');
    const { code, stdout, stderr } = await cli(['run', over, file('fine', shell('fine')), '--json', '--junit', junit]);
    expect(code).toBe(2);
    const arrays = join(folder, 'over-arrays');
    expect((await cli(['run', over, '--npz', arrays])).code).toBe(2);
    expect(existsSync(arrays)).toBe(false);
    expect((JSON.parse(stdout) as Residue[]).map((r) => r.shell.id)).toEqual(['fine']);
    expect(stderr).toMatch(/over\.shell\.yaml.*512/);
    expect(readFileSync(junit, 'utf8')).toMatch(/errors="1"/);
  });

  it('says so in one sentence when a result has nowhere to go', async () => {
    const path = file('nowhere', shell('nowhere'));
    for (const option of [
      ['--out', path],
      ['--sarif', folder],
      ['--junit', join(path, 'x.xml')],
      ['--npz', path],
      // A folder that can hold none, even for root.
      ...(process.platform === 'linux' ? ['--out', '--npz'].map((option) => [option, '/proc/none/x']) : []),
    ]) {
      const { code, stderr } = await cli(['run', path, ...option]);
      expect(code).toBe(2);
      // Nothing has been run for it.
      expect(stderr).toMatch(/^[^\n]+ cannot be written: .*; choose another place\.\n$/);
    }
  });
});

describe('probe and models', () => {
  it("makes an overview of a text with the model's own tokens, or with those asked for", async () => {
    const text = "Anna has a blue cup. Q: What color is Anna's cup? A:";
    const own = parseResidue((await cli(['probe', text, '--json'])).stdout);
    expect(own.runs[0]?.scores?.answer.text).toBe(' blue');
    expect(own.runs[0]?.scores?.rivalsFromModel).toBe(true);
    const asked = await cli(['probe', text, '--answer', ' red', '--rivals', ' blue', ' green']);
    expect(asked.code, asked.stderr).toBe(0);
    expect(asked.stdout).toMatch(/Failed/);
    expect(asked.stdout).toMatch(/answer +" red"/);
  });

  it('lists the bundled model and the providers', async () => {
    const { code, stdout } = await cli(['models']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pocket +llama +6 +1\.3 M +\S+ +512 +822 /m);
    expect(stdout).toMatch(/providers of onnxruntime \d+\.\d+.*: .*cpu/);
  });
});

describe('being stopped', () => {
  it.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s: ends with %i, no file, no engine', async (signal, exit) => {
    const out = join(folder, `stopped-${signal}`);
    mkdirSync(out);
    const run = startCli(['run', file('long', LONG), '--json', '--npz', join(out, 'npz'), '--out', out, '--junit', join(out, 'junit.xml')]);
    await run.says(/walk=2\d: /);
    const engines = childrenOf(run.child.pid ?? 0);
    expect(engines).toHaveLength(1);
    run.child.kill(signal);
    const { code, stdout, stderr } = await run.ended;
    // Doses that were still to come are not begun.
    expect(stderr).not.toMatch(/walk=7\d: /);
    expect(code, stderr).toBe(exit);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/^\s+at |Error/m);
    expect(readdirSync(out)).toEqual(existsSync(join(out, 'npz')) ? ['npz'] : []);
    if (existsSync(join(out, 'npz'))) expect(readdirSync(join(out, 'npz'))).toEqual([]);
    expect(engines.filter(isAlive)).toEqual([]);
  });

  it('a killed engine is told in one sentence', async () => {
    const run = startCli(['run', file('killed', LONG), '--json']);
    await run.says(/walk=2\d: /);
    for (const pid of childrenOf(run.child.pid ?? 0)) process.kill(pid, 'SIGKILL');
    const { code, stdout, stderr } = await run.ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/The engine was killed/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it.skipIf(!existsSync('/dev/full'))('a disk that is full is told in one sentence, with 2', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [join(packageRoot(), 'dist', 'cli.cjs'), 'check', file('full', shell('full'))], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(status).toBe(2);
    expect(stderr).toBe('stdout: cannot be written: the disk is full; choose another place.\n');
  });

  it('a reader that goes away is no error, and the engine goes too', async () => {
    const run = startCli(['run', file('piped', shell('piped'))]);
    await run.says(/./);
    const engines = childrenOf(run.child.pid ?? 0);
    run.child.stdout?.destroy();
    const { code, stderr } = await run.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
    expect(engines.filter(isAlive)).toEqual([]);
  });
});
