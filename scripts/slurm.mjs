// A Slurm of one node in a folder of its own, on 127.0.0.1, for tests: munged, slurmctld, slurmd. Needs root and Debian's slurm-wlm.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`], { env: paths() }).status === 0;
const paths = () => ({ ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` });

/** Installs Debian packages that are missing, where apt-get is there. False where they cannot be. */
export function ensurePackages(programs, packages, say) {
  if (programs.every(has)) return true;
  if (!has('apt-get') || process.getuid?.() !== 0) return false;
  say(`Installing ${packages.join(', ')} …`);
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-qq'], options);
  return (
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options).status === 0 && programs.every(has)
  );
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts it; resolves with its environment and an end, or throws with the reason why it does not start. */
export async function startSlurm(folder) {
  if (process.getuid?.() !== 0) throw new Error('only root can start slurmd');
  for (const name of ['state', 'spool', 'munge']) mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
  const munge = join(folder, 'munge');
  const key = join(munge, 'munge.key');
  writeFileSync(key, randomBytes(128), { mode: 0o400 });
  chownSync(key, 0, 0);
  const socket = join(munge, 'socket');
  const [controller, node] = [await freePort(), await freePort()];
  const name = hostname().split('.')[0];
  const conf = join(folder, 'slurm.conf');
  const lines = [
    'ClusterName=residue',
    `SlurmctldHost=${name}(127.0.0.1)`,
    'SlurmUser=root',
    `AuthType=auth/munge`,
    `AuthInfo=socket=${socket}`,
    'CredType=cred/munge',
    `SlurmctldPort=${controller}`,
    `SlurmdPort=${node}`,
    `StateSaveLocation=${join(folder, 'state')}`,
    `SlurmdSpoolDir=${join(folder, 'spool')}`,
    `SlurmctldPidFile=${join(folder, 'slurmctld.pid')}`,
    `SlurmdPidFile=${join(folder, 'slurmd.pid')}`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'MpiDefault=none',
    'ReturnToService=2',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    `NodeName=${name} NodeAddr=127.0.0.1 CPUs=${availableParallelism()} State=UNKNOWN`,
    'PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
  ];
  writeFileSync(conf, `${lines.join('\n')}\n`);
  const env = { ...paths(), SLURM_CONF: conf };
  const children = [];
  const start = (program, args) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => (said = (said + text).slice(-400)));
    children.push(child);
    return () => (child.exitCode === null ? null : `${program} ended: ${said.trim().split('\n').at(-1)}`);
  };
  const end = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    }
  };
  try {
    const watches = [
      start('munged', [
        '-F',
        '-f',
        `--key-file=${key}`,
        `--socket=${socket}`,
        `--pid-file=${join(munge, 'pid')}`,
        `--log-file=${join(munge, 'log')}`,
        `--seed-file=${join(munge, 'seed')}`,
      ]),
    ];
    for (let i = 0; i < 50 && !existsSync(socket); i++) await new Promise((r) => setTimeout(r, 100));
    watches.push(start('slurmctld', ['-D', '-f', conf]), start('slurmd', ['-D', '-f', conf, '-N', name]));
    for (let i = 0; i < 60; i++) {
      const ended = watches.map((watch) => watch()).find(Boolean);
      if (ended) throw new Error(ended);
      const { stdout } = spawnSync('sinfo', ['-h', '-o', '%T'], { env, encoding: 'utf8', timeout: 5000 });
      if (/^idle/.test(stdout ?? '')) return { env, end };
      await new Promise((r) => setTimeout(r, 500));
    }
    throw new Error('its node did not come up within 30 seconds');
  } catch (error) {
    await end();
    throw error;
  }
}

/** Submits a job script and waits for it. Returns its exit code. */
export function sbatch(env, args) {
  try {
    execFileSync('sbatch', ['--wait', '--quiet', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'], timeout: 600_000 });
    return 0;
  } catch (error) {
    return error.status ?? 1;
  }
}
