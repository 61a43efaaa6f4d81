// The trainer's own tests, with the Python packages that it names, in an environment that is kept between runs.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, root, run, say } from './setup.mjs';

/** Python with training/requirements.txt; installed once for each content of that file. Throws where there is no Python or the packages cannot be had. */
async function python() {
  const requirements = join(root, 'training', 'requirements.txt');
  const name = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `symbolic-residue-training-${name}`);
  const program = join(folder, 'bin', 'python');
  if (existsSync(program)) return program;
  say('Installing PyTorch and transformers for the trainer (once) …');
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  try {
    // An environment names its own folder, so only the packages move with it: they are run through `python -m`.
    if ((await run('python3', ['-m', 'venv', making], { quiet: true })) !== 0)
      throw new Error('python3 -m venv failed: the trainer needs Python 3.11 or newer with venv');
    if ((await run(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '-r', requirements], { quiet: true })) !== 0)
      throw new Error('pip could not install training/requirements.txt');
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return program;
}

/** Every test under training/: layouts, stored logits, look-back heads, and twenty steps that are interrupted and resume. */
export async function trainerTests(check) {
  const program = await python();
  let said = '';
  const code = await run(program, ['-m', 'unittest', 'discover', '-s', join(root, 'training'), '-v'], {
    env: { ...environment(), PYTHONDONTWRITEBYTECODE: '1', TQDM_DISABLE: '1', TRANSFORMERS_VERBOSITY: 'error' },
    quiet: true,
    onOutput: (text) => (said += text),
  });
  const tests = [...said.matchAll(/^(test_\w+) .*?\.\.\. (?:.*?\n)??(ok|FAIL|ERROR)$/gm)];
  for (const [, name, result] of tests) check(name.replaceAll('_', ' '), result === 'ok');
  if (tests.length === 0 || code !== 0) {
    say(said.trim().split('\n').slice(-12).join('\n'));
    check('the trainer\u2019s tests end well', code === 0);
  }
}
