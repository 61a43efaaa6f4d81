import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { cli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const GOOD = `format: 1
shell: good
family: memory
prompt: "Tom has a [[fact|red]] ball. Tom's ball is"
answer: " red"
`;

const folder = temporaryFolder();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

/** Every complaint is on stderr, in lines of one sentence, with no trace of the program's inside. */
function expectSentences(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toMatch(/node:internal|Error:|\bundefined\b|\[object/);
  expect(stderr.trim()).not.toBe('');
}

describe('malformed arguments end with 2 and a sentence', () => {
  const good = file('good.shell.yaml', GOOD);
  mkdirSync(join(folder, 'empty'));
  it.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: residue/],
    ['an unknown command', ['rum'], /unknown command 'rum'[\s\S]*run/],
    ['an unknown option', ['run', good, '--jsn'], /unknown option '--jsn'[\s\S]*--json/],
    ['no files', ['run'], /missing required argument 'files'/],
    ['an option without its value', ['run', good, '--model'], /argument missing/],
    ['a seed that is no number', ['run', good, '--seed', 'x'], /'--seed <n>' argument 'x' is invalid\. It must be a whole number/],
    ['a fractional seed', ['run', good, '--seed', '1.5'], /whole number/],
    ['a negative seed', ['run', good, '--seed=-1'], /whole number from 0/],
    ['a seed beyond 32 bits', ['run', good, '--seed', '4294967296'], /to 4294967295/],
    ['no threads', ['run', good, '--threads', '0'], /from 1 to 256/],
    ['too many threads', ['run', good, '--threads', '257'], /from 1 to 256/],
    ['hexadecimal threads', ['run', good, '--threads', '0x2'], /whole number/],
    ['an empty model', ['run', good, '--model', ''], /not be empty/],
    ['an empty provider', ['run', good, '--provider='], /not be empty/],
    ['a file that is not there', ['run', join(folder, 'none.shell.yaml')], /none\.shell\.yaml: there is no such file or folder\./],
    ['an empty file name', ['run', ''], /"": there is no such file or folder\./],
    ['a folder without shells', ['run', join(folder, 'empty')], /empty: holds no \*\.shell\.yaml file\./],
    ['a glob without matches', ['run', join(folder, '*.nothing')], /matches no file\./],
    ['a device', ['run', '/dev/null'], /neither a file nor a folder/],
    ['one bad file among good ones', ['run', good, join(folder, 'gone')], /gone: there is no such file/],
    ['check without files', ['check'], /missing required argument/],
    ['check of what is not there', ['check', join(folder, 'gone'), good], /gone: there is no such file/],
    ['probe without a text', ['probe'], /missing required argument 'text'/],
    ['probe with an empty text', ['probe', ''], /^The text to probe is empty/m],
    ['probe with two texts', ['probe', 'a', 'b'], /too many arguments/],
    ['probe with an empty answer', ['probe', 'a', '--answer', ''], /not be empty/],
    ['models with an argument', ['models', 'x'], /too many arguments/],
  ])('%s', async (_name, args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect(stderr).toMatch(message);
    expectSentences(stderr);
    expect(code).toBe(2);
    if (args[0] !== 'check') expect(stdout).toBe('');
  });
});

describe('bad shells end with 2 and file:line:column', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['an unknown key', GOOD.replace('answer:', 'anwser:'), /:5:1: .*answer/],
    ['no answer', GOOD.replace(/answer.*\n/, ''), /: .*`answer`/],
    ['a span that never closes', GOOD.replace('red]]', 'red'), /:4:\d+: /],
    ['a command that is none', `${GOOD}run: [{ ANCOR: { span: fact } }]\n`, /:6:\d+: .*ANCHOR/],
    ['a span that no prompt has', `${GOOD}run: [{ ANCHOR: { span: fakt } }]\n`, /:6:\d+: .*fact/],
    ['not YAML', 'format: [1\n', /:\d+:\d+: /],
    ['an empty file', '', /: /],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
        .join('\n')}\n`,
      /: /,
    ],
    ['another format', GOOD.replace('format: 1', 'format: 2'), /:1:\d+: /],
    [
      'bytes that are not UTF-8',
      Uint8Array.from([0x66, 0xff, 0xfe, 0x00]),
      /:1:2: The byte 0xFF here is not UTF-8; save the file as UTF-8\./,
    ],
    ['a file over 1 MiB', `${GOOD}#${'x'.repeat(1 << 20)}\n`, /: the file has 1,048,\d+ bytes; a shell has at most 1 MiB\./],
  ])('%s', async (name, content, message) => {
    const path = file(`${name.replaceAll(/\W/g, '-')}.shell.yaml`, content);
    for (const command of ['check', 'run']) {
      const { code, stdout, stderr } = await cli([command, path]);
      expect(stderr).toMatch(message);
      expect(stderr.startsWith(path), stderr).toBe(true);
      expectSentences(stderr);
      expect([code, stdout]).toEqual([2, '']);
    }
  });

  it('a model that is not there, and a prompt over its context', async () => {
    const good = join(folder, 'good.shell.yaml');
    const missing = await cli(['run', good, '--model', join(folder, 'no-model')]);
    expect(missing.stderr).toMatch(/no-model.*\.$/m);
    expectSentences(missing.stderr);
    expect([missing.code, missing.stdout]).toEqual([2, '']);
    const long = file('long.shell.yaml', GOOD.replace('Tom has', `${'They walk for a while. '.repeat(200)}Tom has`));
    const ended = await cli(['run', long, '--json']);
    expect(ended.stderr).toMatch(/512/);
    expectSentences(
      ended.stderr
        .split('\n')
        .filter((line) => line.startsWith(long))
        .join('\n'),
    );
    expect([ended.code, ended.stdout]).toEqual([2, '']);
  });

  it('ends with 2 also where the engine that was started for it does not go, and holds its stderr open', async () => {
    const home = join(folder, 'slow');
    mkdirSync(join(home, 'dist'), { recursive: true });
    for (const name of ['package.json', 'dist/cli.cjs']) cpSync(join(packageRoot(), name), join(home, name));
    writeFileSync(
      join(home, 'dist', 'engine.cjs'),
      `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 4000)'], { stdio: ['ignore', 'ignore', 'inherit'] });
setInterval(() => undefined, 1000);`,
    );
    const bad = file('slow.shell.yaml', GOOD.replace('format: 1', 'format: 9'));
    expect(await cli(['run', bad], { bundle: join(home, 'dist', 'cli.cjs') })).toMatchObject({ code: 2, stdout: '' });
  });

  it('runs nothing when one of several cannot be run, and says so of each', async () => {
    const bad = file('bad.shell.yaml', GOOD.replace('format: 1', 'format: 9'));
    const ended = await cli(['run', join(folder, 'good.shell.yaml'), bad, join(folder, 'an-unknown-key.shell.yaml'), '--json']);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/bad\.shell\.yaml:1:/);
    expect(ended.stderr).toMatch(/an-unknown-key\.shell\.yaml:5:/);
  });
});

describe('check', () => {
  it('needs neither engine nor model: it works where there are none', async () => {
    // A package of the command line alone; anything that reached for the engine's program or a model would fail.
    const home = join(folder, 'alone');
    mkdirSync(join(home, 'dist'), { recursive: true });
    cpSync(join(packageRoot(), 'package.json'), join(home, 'package.json'));
    cpSync(join(packageRoot(), 'dist', 'cli.cjs'), join(home, 'dist', 'cli.cjs'));
    const bundle = join(home, 'dist', 'cli.cjs');
    const good = file('good.shell.yaml', GOOD);
    const checked = await cli(['check', good, join(packageRoot(), 'shells')], { bundle });
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(/good\.shell\.yaml: ok\n[\s\S]*v1-memtrace\.shell\.yaml: ok\n/);
    const run = await cli(['run', good], { bundle });
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/engine/);
  });

  it('takes a folder and a glob alike, each file once', async () => {
    mkdirSync(join(folder, 'many', 'deep'), { recursive: true });
    for (const name of ['a', 'deep/b']) writeFileSync(join(folder, 'many', `${name}.shell.yaml`), GOOD);
    writeFileSync(join(folder, 'many', 'notes.yaml'), 'not a shell');
    const { stdout, code } = await cli(['check', join(folder, 'many'), join(folder, 'many', '**', '*.shell.yaml')]);
    expect(stdout.trim().split('\n').slice(-1)).toEqual(['2 ok, 0 with errors']);
    expect(code).toBe(0);
  });
});

describe('help and version', () => {
  it.each([['--help'], ['run', '--help'], ['probe', '--help'], ['check', '--help'], ['models', '--help'], ['help', 'run']])(
    '%s %s',
    async (...args) => {
      const { code, stdout, stderr } = await cli(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/Usage: residue/);
      expect(stdout).toMatch(/Examples:\n {2}\$ residue /);
    },
  );

  it("the version is the package's", async () => {
    const { stdout, code } = await cli(['--version']);
    expect([stdout.trim(), code]).toEqual(['0.1.0', 0]);
  });
});
