// The CI matrix of docs/scale.md, run here: the commands of examples/sweep.github.yml as they stand, each job in a folder of its own.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, root } from './setup.mjs';

/** Shells of the little sweep; one more than there are jobs, so that the parts differ in size. */
const SHELLS = 5;

/** Runs every job of the matrix and the one that merges, and holds the result to an unsplit sweep. */
export async function ciMatrix(check, contents) {
  // Not at the top: on a fresh clone it is there only once `ensureInstalled` has run.
  const { parse } = await import('yaml');
  const { jobs } = parse(readFileSync(join(root, 'examples', 'sweep.github.yml'), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'residue-ci-'));
  const cli = join(root, 'dist', 'cli.cjs');
  /** A checkout, as far as the commands see: the shells, and the script that they call. */
  const checkout = (name) => {
    const at = join(folder, name);
    mkdirSync(join(at, 'shells'), { recursive: true });
    const text = readFileSync(join(root, 'test', 'unit', 'shells', 'good-minimal.shell.yaml'), 'utf8');
    for (let i = 1; i <= SHELLS; i++) writeFileSync(join(at, 'shells', `shell-${i}.shell.yaml`), text);
    const script = `"${process.execPath}" "${cli}"`;
    writeFileSync(join(at, 'package.json'), JSON.stringify({ name: 'checkout', version: '1.0.0', scripts: { residue: script } }));
    return at;
  };
  /** The commands of a job's steps, under the shell that a runner uses. */
  const run = (job, at, shard) =>
    job.steps
      .filter((step) => step.run)
      .map((step) => step.run.replaceAll('${{ matrix.shard }}', String(shard)))
      .every(
        (text) => spawnSync('bash', ['-e', '-o', 'pipefail', '-c', text], { cwd: at, env: environment(), stdio: 'ignore' }).status === 0,
      );
  try {
    const shards = jobs.shard.strategy.matrix.shard;
    const places = shards.map((shard) => checkout(`job-${shard}`));
    check(
      `each of ${shards.length} jobs runs its shard`,
      shards.every((shard, i) => run(jobs.shard, places[i], shard)),
    );
    const merge = checkout('merge');
    shards.forEach((shard, i) => cpSync(join(places[i], `shard-${shard}`), join(merge, `shard-${shard}`), { recursive: true }));
    check('the last job merges them', run(jobs.merge, merge));
    const whole = checkout('whole');
    const args = [
      cli,
      'run',
      'shells',
      '--models',
      'pocket',
      '--threads',
      '2',
      '--out',
      'merged',
      '--table',
      'map.md',
      '--table',
      'map.csv',
    ];
    const { status } = spawnSync(process.execPath, args, { cwd: whole, env: environment(), stdio: 'ignore' });
    check('the unsplit sweep runs', status === 0 || status === 1);
    check('merged and unsplit are the same', contents(join(merge, 'merged')) === contents(join(whole, 'merged')));
    const tables = readdirSync(merge).filter((name) => name.startsWith('map.'));
    const same = tables.every((name) => readFileSync(join(merge, name), 'utf8') === readFileSync(join(whole, name), 'utf8'));
    check('their tables are the same', tables.length === 2 && same);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
