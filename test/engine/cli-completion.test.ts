import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { complete, wordsOf, type Choices } from '../../src/cli/complete.js';
import { cliMarkdown, commandsOf } from '../../src/cli/docs.js';
import { program } from '../../src/cli/program.js';
import { packageRoot } from '../../src/paths.js';
import { cli } from '../helpers/cli.js';
import { powershellProblems } from '../helpers/powershell.js';
import { temporaryFolder } from '../helpers/reference.js';

const choices: Choices = {
  models: () => ['pocket', 'pocket-small', 'planted:conflict'],
  commands: () => ['ANCHOR', 'RECALL', 'INHIBIT'],
  doses: (files) => files.map((file) => `${file}=1`),
};
const at = (...typed: string[]) =>
  complete(
    program(() => undefined),
    typed,
    choices,
  );
const values = (...typed: string[]) => at(...typed).candidates.map(({ value }) => value);

describe('what may stand at the cursor', () => {
  it('follows the grammar of the program', () => {
    expect(values('re')).toEqual(['report']);
    expect(values('')).toEqual(expect.arrayContaining(['run', 'models', 'mcp', 'help']));
    expect(values('')).not.toContain('complete');
    expect(values('run', '--mod')).toEqual(['--model', '--models']);
    expect(values('run', '--model', 'x', '--mod')).toEqual(['--models']);
    expect(values('run', '--model', 'pocket-')).toEqual(['pocket-small']);
    expect(values('run', '--model=pl')).toEqual(['--model=planted:conflict']);
    expect(values('run', '--models', 'pocket,po')).toEqual(['pocket,pocket-small']);
    expect(values('run', 'a.shell.yaml', '--commands', 'ANCHOR,')).toEqual(['ANCHOR,RECALL', 'ANCHOR,INHIBIT']);
    expect(values('run', 'a', 'b', '--vary', '')).toEqual(['a=1', 'b=1']);
    expect(values('run', 'a', '--vary', 'a=1', '--va')).toEqual(['--vary']);
    expect(values('models', 'ver')).toEqual(['verify']);
    expect(values('models', 'remove', 'pocket-')).toEqual(['pocket-small']);
    expect(values('completion', '')).toEqual(['bash', 'zsh', 'fish', 'powershell']);
    expect(values('run', '--', '--mod')).toEqual([]);
    expect(values('help', 'comp')).toEqual(['compare', 'completion']);
    expect(values('help', 'models', 'ver')).toEqual(['verify']);
    expect(at('check', '')).toMatchObject({ files: ['yaml', 'yml'] });
    expect(at('report', 'a')).toMatchObject({ files: ['yaml', 'yml', 'json'] });
    expect(at('run', '--out', '')).toMatchObject({ folders: true, files: null });
    expect(at('run', '--model', './')).toMatchObject({ files: [], candidates: [] });
    expect(at('probe', 'text', '--seed', '')).toEqual({ candidates: [], files: null, folders: false });
  });

  it('knows every command and option by its own words', () => {
    for (const command of commandsOf(program(() => undefined))) {
      const path = command.parent?.parent ? [command.parent.name(), command.name()] : [command.name()];
      const offered = values(...path, '--');
      for (const { long } of command.options) expect(offered, path.join(' ')).toContain(long);
    }
  });

  it('reads the words of a line as a shell does', () => {
    expect(wordsOf(`residue run 'a b' "c\\"d" e\\ f `)).toEqual(['residue', 'run', 'a b', 'c"d', 'e f', '']);
    expect(wordsOf('residue run "half')).toEqual(['residue', 'run', 'half']);
    expect(wordsOf('')).toEqual(['']);
  });
});

const scratch = temporaryFolder();
const bin = join(scratch, 'bin');
const work = join(scratch, 'work');
const has = (name: string): boolean => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;

/** What the program is then called with, once a shell has completed `typed` (each ends in a tab) at its prompt in a terminal. */
async function typedIn(shell: string, setup: string, typed: readonly string[]): Promise<string[]> {
  const child = spawn('script', ['-qec', shell, '/dev/null'], {
    cwd: work,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, PS1: '$ ', TERM: 'dumb', HOME: scratch, HISTFILE: '' },
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const until = async (pattern: RegExp): Promise<void> => {
    await expect.poll(() => said, { timeout: 40_000, interval: 50 }).toMatch(pattern);
  };
  child.stdin.write(`${setup}; echo rea""dy\r`);
  await until(/^ready/m);
  for (const [i, line] of typed.entries()) {
    child.stdin.write(line);
    // The completion asks the program, whose answer comes a little later; the line is then sent.
    await new Promise((done) => setTimeout(done, 200));
    child.stdin.write('\r');
    await until(new RegExp(`(CALLED.*[^]*){${i + 1}}`));
  }
  child.stdin.write('exit\r');
  await new Promise((done) => child.once('close', done));
  return [...said.matchAll(/CALLED<(.*)>/g)].map((match) => match[1]!);
}

describe('completion in a real shell', () => {
  beforeAll(() => {
    mkdirSync(bin);
    mkdirSync(join(work, 'folder'), { recursive: true });
    writeFileSync(join(work, 'my.shell.yaml'), '');
    writeFileSync(join(work, 'my.txt'), '');
    // The program itself for completions; else it tells what it was called with.
    const real = `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(packageRoot(), 'dist', 'cli.cjs'))} "$@"`;
    writeFileSync(join(bin, 'residue'), `#!/bin/sh\ncase "$1" in complete | completion) ${real} ;; esac\necho "CALLED<$*>"\n`);
    chmodSync(join(bin, 'residue'), 0o755);
  });

  const typed = [
    'residue che\tmy.s\t',
    'residue run my.shell.yaml --mod\t=pocket-s\t',
    'residue run my.shell.yaml --model planted:qk\t',
    'residue run --commands ANCHOR,REC\t',
    'residue run my.shell.yaml --out fol\t',
  ];
  const called = [
    /^check my\.shell\.yaml *$/,
    /^run my\.shell\.yaml --model=pocket-small *$/,
    /^run my\.shell\.yaml --model planted:qk-collapse *$/,
    /^run --commands ANCHOR,RECALL *$/,
    /^run my\.shell\.yaml --out folder\/? *$/,
  ];
  const held = (said: readonly string[]): void => {
    expect(said).toHaveLength(called.length);
    for (const [i, pattern] of called.entries()) expect(said[i]).toMatch(pattern);
  };

  // The terminal that a shell needs to complete anything is made by util-linux's `script`.
  const terminal = process.platform === 'linux';

  if (terminal)
    it('bash', async () => {
      held(await typedIn('bash --noprofile --norc -i', 'source <(residue completion bash)', typed));
    });

  if (terminal && has('zsh'))
    it('zsh', async () => {
      const setup = 'autoload -Uz compinit; compinit -u -D; source <(residue completion zsh)';
      held(await typedIn('zsh -f -i', setup, typed));
    });

  if (has('fish'))
    it('fish', () => {
      const ask = (line: string): string[] => {
        const script = `residue completion fish | source; complete -C ${JSON.stringify(line)}`;
        const { stdout } = spawnSync('fish', ['--no-config', '-c', script], {
          cwd: work,
          env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, HOME: scratch },
          encoding: 'utf8',
        });
        return stdout
          .trim()
          .split('\n')
          .map((found) => found.split('\t')[0]!);
      };
      expect(ask('residue che')).toEqual(['check']);
      expect(ask('residue check my.')).toEqual(['my.shell.yaml']);
      expect(ask('residue run --model planted:qk')).toEqual(['planted:qk-collapse']);
      expect(ask('residue run --commands ANCHOR,REC')).toEqual(['ANCHOR,RECALL']);
      expect(ask('residue run --out fol')).toEqual(['folder/']);
    });
});

describe('completion in PowerShell', () => {
  it('is asked for by a script that holds to the grammar', async () => {
    const { stdout } = await cli(['completion', 'powershell']);
    expect(powershellProblems(stdout)).toEqual([]);
    // What the check would say of a script that is broken in each of these ways.
    const broken: [from: string, to: string, why: string][] = [
      ['$what)', '$what', '( is closed by }'],
      ['param($word, ', 'param(', '$word has no value'],
      ['Where-Object {', 'Where-Objekt {', 'Where-Objekt is no cmdlet that the script may call'],
      ["'ParameterValue'", "'ParameterValue", "' is not closed"],
      ['"`t"', '"`t`"', '" is not closed'],
    ];
    for (const [from, to, why] of broken) {
      expect(stdout).toContain(from);
      expect(powershellProblems(stdout.replace(from, () => to)).join('\n'), to).toContain(why);
    }
  });

  it('completes the word at the cursor, the empty one too, which old versions do not pass on', async () => {
    const said = async (...words: string[]): Promise<string[]> =>
      (await cli(['complete', '--dotted', '--', ...words])).stdout
        .split('\n')
        .slice(1)
        .flatMap((found) => (found === '' ? [] : [found.split('\t')[0]!]));
    expect(await said('.che')).toEqual(['check']);
    expect(await said('models', '.ver')).toEqual(['verify']);
    expect(await said('models', '.')).toEqual(expect.arrayContaining(['download', 'verify']));
    expect(await said('.')).toEqual(expect.arrayContaining(['run', 'check']));
  });

  if (has('pwsh'))
    it('works in PowerShell itself', () => {
      const ask = (line: string): string[] => {
        const script = `residue completion powershell | Out-String | Invoke-Expression; [System.Management.Automation.CommandCompletion]::CompleteInput(${JSON.stringify(line)}, ${line.length}, $null).CompletionMatches | ForEach-Object CompletionText`;
        const { stdout } = spawnSync('pwsh', ['-NoProfile', '-Command', script], {
          cwd: work,
          env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, HOME: scratch },
          encoding: 'utf8',
        });
        return stdout.trim().split(/\r?\n/);
      };
      expect(ask('residue che')).toEqual(['check']);
      expect(ask('residue models ')).toContain('verify');
      expect(ask('residue run --model planted:qk')).toEqual(['planted:qk-collapse']);
      expect(ask('residue run --commands ANCHOR,REC')).toEqual(['ANCHOR,RECALL']);
    }, 120_000);
});

describe('the documentation of the command line', () => {
  it('is what the commands say', async () => {
    const path = join(packageRoot(), 'docs', 'cli.md');
    const text = cliMarkdown(program(() => undefined));
    // `node scripts/write-cli.mjs` writes it.
    expect(readFileSync(path, 'utf8')).toBe(await prettier.format(text, { ...(await prettier.resolveConfig(path)), filepath: path }));
  });

  it('has a description, an example and an exit status for every command, and help that is the same', async () => {
    for (const command of commandsOf(program(() => undefined))) {
      let help = '';
      command.configureOutput({ writeOut: (chunk) => (help += chunk) }).outputHelp();
      expect(help, command.name()).toMatch(/\nExit status: 0 /);
      expect(help, command.name()).toMatch(/\nExamples:\n {2}\$ |\n {2}\$ residue/);
    }
    const run = await cli(['help', 'run']);
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: (await cli(['run', '--help'])).stdout });
    expect((await cli(['rnu'])).stderr).toMatch(/Did you mean run\?/);
    expect((await cli(['run', 'x', '--jnuit', 'y'])).stderr).toMatch(/Did you mean --junit\?/);
    const wrong = await cli(['completion', 'bsh']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/bash, zsh, fish, powershell/);
  });
});
