// `npm start`: from a fresh clone to a residue and an editor. Installs what is missing, builds, runs the bundled shell on the
// bundled model, prints its report, then opens VS Code on shells/ with the extension installed. Plain Node 20, no dependency.
// `npm start -- --no-open`, and a stdout that is not a terminal, stop after the report.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, environment, newerNode, root, run, say } from './setup.mjs';

const shell = join('shells', 'v1-memtrace.shell.yaml');
const folder = join(root, 'shells');
const windows = process.platform === 'win32';

/** Runs a command on this terminal, so that its progress bar is one; resolves with the exit code. */
function onTerminal(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: environment(), stdio: 'inherit' });
    // Ctrl-C reaches the child as well: it ends by itself, and its exit code tells.
    const wait = () => undefined;
    process.on('SIGINT', wait);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', wait);
      resolve(code ?? 1);
    });
  });
}

/** The user's own `code`, or null. Its environment is the user's: without the local binaries in front of the PATH. */
function code(args, stdio = 'pipe') {
  return spawnSync('code', args, { cwd: root, stdio, encoding: 'utf8', shell: windows, timeout: 120_000 });
}

function hasCode() {
  const said = code(['--version']);
  return said.status === 0 && /^\d+\.\d+\.\d+/.test(said.stdout);
}

/** Installs the extension in the user's VS Code and opens shells/ there. False when that VS Code refuses. */
function openOwn(vsix) {
  say('Installing the extension in your VS Code (code --install-extension) …');
  const quoted = (path) => (windows ? `"${path}"` : path);
  const installed = code(['--install-extension', quoted(vsix), '--force'], ['ignore', 'ignore', 'pipe']);
  if (installed.status !== 0) {
    say(`Your VS Code did not take it: ${(installed.stderr ?? installed.error?.message ?? '').trim().split('\n').at(-1)}`);
    return false;
  }
  say('Opening shells/ in VS Code (code shells) …');
  const opened = code([quoted(folder), quoted(join(root, shell))], ['ignore', 'ignore', 'pipe']);
  if (opened.status === 0) return true;
  say(`Your VS Code did not open: ${(opened.stderr ?? opened.error?.message ?? '').trim().split('\n').at(-1)}`);
  return false;
}

/** Shows an address in the user's browser, where there is one to be had. */
function browse(url) {
  const [command, ...args] =
    process.platform === 'darwin' ? ['open', url] : windows ? ['cmd', '/c', 'start', '""', url.replaceAll('&', '^&')] : ['xdg-open', url];
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  spawn(command, args, { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}

async function serveInBrowser(vsix) {
  const { ensureCodeServer, serveEditor } = await import('./code-server.mjs');
  await ensureCodeServer();
  say('Starting VS Code for the browser …');
  const server = await serveEditor({ folder, file: join(root, shell), extensions: [vsix], data: join(root, '.vscode-test', 'start') });
  say(`VS Code is at ${server.url}`);
  say('Ctrl-C ends it.');
  browse(server.url);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => void server.stop());
  await server.exited;
  await server.stop();
}

async function main() {
  const args = process.argv.slice(2);
  const unknown = args.find((a) => a !== '--no-open');
  if (unknown !== undefined) throw new Error(`${unknown} is not an option of npm start: the one there is is --no-open.`);
  ensureInstalled();
  say('Building (esbuild) …');
  const built = await run(newerNode() ?? process.execPath, ['esbuild.mjs', '--only=engine,lane,cli'], { quiet: true });
  if (built !== 0) throw new Error('The build failed: run `npm run build` and read its output.');
  if (!existsSync(join(root, shell))) throw new Error(`${shell} is missing.`);
  say(`Running ${shell} on the bundled model …`);
  const result = await onTerminal(process.execPath, [join('dist', 'cli.cjs'), 'run', shell]);
  // 1 is a finished run with an expectation that does not hold.
  if (result > 1) return result;
  if (args.includes('--no-open') || !process.stdout.isTTY) return result;
  say('Packaging the extension …');
  const vsix = join(root, 'dist', 'symbolic-residue.vsix');
  let said = '';
  const packed = await run(newerNode() ?? process.execPath, [join('scripts', 'package.mjs'), `--out=${vsix}`], {
    quiet: true,
    onOutput: (text) => (said += text),
  });
  if (packed !== 0) throw new Error(`The extension could not be packaged:\n${said.trim()}`);
  if (!(hasCode() && openOwn(vsix))) await serveInBrowser(vsix);
  return result;
}

main().then(
  (exit) => {
    process.exitCode = exit;
  },
  (error) => {
    console.error(`▸ ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
