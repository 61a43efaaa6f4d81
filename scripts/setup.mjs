// Installs what a fresh clone lacks. Plain Node 20, no dependency: `npm start` and `npm test` call it before anything else.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Prints what is being done, for people who watch. */
export function say(line) {
  process.stderr.write(`▸ ${line}\n`);
}

/** True when node_modules holds exactly the versions of package-lock.json. */
function installed() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const have = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(want).every(([path, p]) => path === '' || p.optional || have[path]?.version === p.version);
}

/** Path of the Node 24 binary that the npm package `node` brings, or null where it has none. */
export function newerNode() {
  const path = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(path) ? path : null;
}

/** Environment of child tools: onnxruntime-node must not try to fetch CUDA files, local binaries first on the PATH. */
export function environment() {
  return {
    ...process.env,
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  };
}

export function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new Error(`Node ${process.versions.node} is too old: Node 20 or newer is needed.`);
  }
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = { cwd: root, stdio: ['ignore', process.stderr, process.stderr], env: environment(), shell: process.platform === 'win32' };
  if (!installed()) {
    say('Installing dependencies (npm ci) …');
    execFileSync(npm, ['ci', '--no-audit', '--no-fund'], options);
  }
  if (!newerNode()) {
    say('Placing the newer Node that some tools want (npm package `node`) …');
    execFileSync(npm, ['rebuild', 'node', '--no-audit', '--no-fund'], options);
    if (!newerNode()) throw new Error('The npm package `node` did not place its binary; run `npm rebuild node` and read its output.');
  }
}

/** Runs a command with its output passed through; resolves with the exit code. `onOutput` sees stdout as text. */
export function run(command, args, { onOutput, env = {}, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const [stream, out] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        if (!quiet) out.write(text);
        onOutput?.(text);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}
