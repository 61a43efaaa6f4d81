// `npm run test:long`: what takes longer than a check after each change. Prints what it does, and ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ciMatrix } from './ci-matrix.mjs';
import { ensureInstalled, environment, root, run, say } from './setup.mjs';
import { trainerTests } from './python.mjs';
import { ensurePackages, sbatch, startSlurm } from './slurm.mjs';

const cli = join(root, 'dist', 'cli.cjs');
const job = join(root, 'examples', 'sweep.slurm.sh');
const residue = (...args) => run(process.execPath, [cli, ...args], { quiet: true });

/** Files of a folder, residues without their time stamp, as one text. */
const contents = (folder) =>
  JSON.stringify(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8').replace(/"created": "[^"]*"/, '')]),
  );

/** The array job of docs/scale.md, on a Slurm of one node, or under GNU parallel where that cannot start. */
async function slurmSweep(check) {
  const folder = mkdtempSync(join(tmpdir(), 'residue-slurm-'));
  const at = (...parts) => join(folder, ...parts);
  const models = `pocket,${join(root, 'test', 'reference', 'stories260K', 'stories260K.bin')}`;
  const shells = join(root, 'test', 'unit', 'shells', 'good-minimal.shell.yaml');
  const words = [job, at('out'), models, shells];
  let slurm = null;
  try {
    mkdirSync(at('out'));
    try {
      if (!ensurePackages(['slurmctld', 'slurmd', 'munged', 'sbatch'], ['slurm-wlm', 'munge'], say))
        throw new Error('it is not installed, and could not be');
      slurm = await startSlurm(at('slurm'));
      say('Slurm of one node is up.');
    } catch (error) {
      say(`Slurm could not start (${error.message}): the same script runs under GNU parallel.`);
      if (!ensurePackages(['parallel'], ['parallel'], say))
        throw new Error('neither Slurm nor GNU parallel could be installed', { cause: error });
    }
    const env = { ...environment(), ...slurm?.env, RESIDUE: `${process.execPath} ${cli}`, SHARDS: '2' };
    /** Runs tasks of the array. */
    const tasks = (list) => {
      if (slurm) return sbatch(env, [`--array=${list}`, `--output=${at('task-%a.log')}`, ...words]);
      return spawnSync('parallel', ['SLURM_ARRAY_TASK_ID={} ' + words.map((w) => `'${w}'`).join(' '), ':::', ...list.split(',')], {
        env,
        stdio: 'inherit',
      }).status;
    };
    check(
      'the unsplit sweep runs',
      [0, 1].includes(await residue('run', shells, '--models', models, '--threads', '1', '--out', at('whole'), '--table', at('whole.csv'))),
    );
    check('the array job runs', tasks('1,2') === 0);
    rmSync(at('out', 'shard-2'), { recursive: true, force: true });
    let said = '';
    const code = await run(process.execPath, [cli, 'merge', at('out', 'shard-1'), '--out', at('lost')], {
      quiet: true,
      onOutput: (text) => (said += text),
    });
    check('a lost shard is named', code === 2 && said.includes('Shard 2/2 is missing'));
    check('the lost task runs again', tasks('2') === 0);
    check(
      'the shards merge',
      [0, 1].includes(
        await residue('merge', at('out', 'shard-1'), at('out', 'shard-2'), '--out', at('merged'), '--table', at('merged.csv')),
      ),
    );
    check('merged and unsplit are the same', contents(at('merged')) === contents(at('whole')));
    check('their tables are the same', readFileSync(at('merged.csv'), 'utf8') === readFileSync(at('whole.csv'), 'utf8'));
  } finally {
    await slurm?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The whole of docs/validity.md, which `npm test` checks a part of. */
async function validityIsCurrent(check) {
  check(
    'docs/validity.md and docs/validity.tsv are what the command writes today',
    (await run(process.execPath, ['scripts/validity.mjs', '--check'])) === 0,
  );
}

/** One line per long test: its name, and what it does with `check(what, held)`. */
const STEPS = [
  ['a sweep as a Slurm array job', slurmSweep],
  ['a sweep as a CI matrix', (check) => ciMatrix(check, contents)],
  ['the trainer of the bundled models', trainerTests],
  ['the diagnosis of 1,050 models with a known cause', validityIsCurrent],
];

const totals = { passed: 0, failed: 0 };
const failures = [];
const check = (what, held) => {
  totals[held ? 'passed' : 'failed'] += 1;
  if (!held) failures.push(what);
  say(`${held ? '✓' : '✗'} ${what}`);
};
try {
  ensureInstalled();
  check('build', (await run(process.execPath, ['esbuild.mjs', '--only=cli,engine,lane'], { quiet: true })) === 0);
  for (const [name, step] of STEPS) {
    say(`${name} …`);
    try {
      await step(check);
    } catch (error) {
      check(`${name}: ${error instanceof Error ? error.message : String(error)}`, false);
    }
  }
} catch (error) {
  check(error instanceof Error ? error.message : String(error), false);
}
for (const line of failures) console.log(`✗ ${line}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
