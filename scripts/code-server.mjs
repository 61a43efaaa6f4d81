// A real VS Code without a download of VS Code: code-server from the npm registry, which carries VS Code's own server.
// `ensureCodeServer()` installs it under .vscode-test/, `serveEditor()` serves it on localhost, for `npm start` and for tests.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { environment, newerNode, root, say } from './setup.mjs';

const version = '4.139.1';
const home = join(root, '.vscode-test', `code-server-${version}`);
const vscode = join(home, 'node_modules', 'code-server', 'lib', 'vscode');
const serverMain = join(vscode, 'out', 'server-main.js');
/** Written last, so that an interrupted installation is started over. */
const complete = join(home, 'complete');

/** Node 24, which VS Code's server wants. */
function node() {
  const path = newerNode();
  if (!path)
    throw new Error('The npm package `node` has not placed its binary: run `npm rebuild node` (its install script must be allowed).');
  return path;
}

function npm(args, cwd) {
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  try {
    execFileSync(command, [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd,
      env: environment(),
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    });
  } catch {
    throw new Error(`npm ${args[0]} failed while installing code-server ${version}: is the npm registry reachable? Nothing was kept.`);
  }
}

/** Installs code-server where it is missing; resolves with the path of VS Code's server. No install script is run. */
export async function ensureCodeServer() {
  if (existsSync(complete)) return serverMain;
  const binary = node();
  say(`Installing code-server ${version} (VS Code in the browser) under .vscode-test/ …`);
  mkdirSync(join(root, '.vscode-test'), { recursive: true });
  const staging = mkdtempSync(join(root, '.vscode-test', 'installing-'));
  try {
    writeFileSync(join(staging, 'package.json'), '{ "private": true }\n');
    npm(['install', `code-server@${version}`], staging);
    npm(['install', '--omit=dev'], join(staging, 'node_modules', 'code-server', 'lib', 'vscode'));
    rmSync(home, { recursive: true, force: true });
    renameSync(staging, home);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  const said = execFileSync(binary, [serverMain, '--version'], { encoding: 'utf8' });
  if (!/^\d+\.\d+\.\d+/.test(said))
    throw new Error(`code-server ${version} was installed but does not start: it printed ${JSON.stringify(said)}.`);
  writeFileSync(complete, said);
  say(`code-server ${version} is ready (VS Code ${said.split('\n')[0]}).`);
  return serverMain;
}

/** Version of VS Code that the installed code-server carries. */
export function editorVersion() {
  return JSON.parse(readFileSync(join(vscode, 'product.json'), 'utf8')).version ?? readFileSync(complete, 'utf8').split('\n')[0];
}

/** Settings that keep the window to what is being shown: no welcome pages, no chat, no telemetry, no updates. */
export const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.enableExperiments': false,
  'chat.commandCenter.enabled': false,
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  'security.workspace.trust.startupPrompt': 'never',
};

/**
 * Serves a folder in VS Code on 127.0.0.1.
 *
 * @param {object} options
 * @param {string} options.folder            Folder to open.
 * @param {string} [options.file]           File to show at the start.
 * @param {string[]} [options.extensions]    Paths of `.vsix` files to install.
 * @param {number} [options.port]            Default: any free one.
 * @param {string} [options.data]            Folder for settings, storage and extensions, kept. Default: a temporary one, removed by `stop`.
 * @param {Record<string, unknown>} [options.settings]  User settings over the quiet ones; written when `data` has none yet.
 * @param {Record<string, unknown>} [options.machineSettings]  Settings of the machine that runs the extension: those of scope `machine` hold only from there.
 * @param {boolean} [options.trust]          False: workspace trust is asked for, so the folder opens in Restricted Mode. Default true.
 * @param {{developmentPath: string, testsPath: string}} [options.tests]  Runs a test module in the extension host.
 * @param {(text: string) => void} [options.onOutput]
 * @returns {Promise<{url: string, port: number, data: string, pid: number, exited: Promise<number>, stop: () => Promise<void>}>}
 */
export async function serveEditor(options) {
  const main = await ensureCodeServer();
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'residue-editor-'));
  const forget = () => {
    if (!options.data) rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  };
  const folders = [
    '--user-data-dir',
    join(data, 'user'),
    '--server-data-dir',
    join(data, 'server'),
    '--extensions-dir',
    join(data, 'extensions'),
  ];
  try {
    const settings = join(data, 'user', 'User', 'settings.json');
    if (!existsSync(settings)) {
      mkdirSync(join(data, 'user', 'User'), { recursive: true });
      writeFileSync(settings, JSON.stringify({ ...quietSettings, ...options.settings }, null, 2));
      mkdirSync(join(data, 'user', 'Machine'), { recursive: true });
      writeFileSync(join(data, 'user', 'Machine', 'settings.json'), JSON.stringify(options.machineSettings ?? {}, null, 2));
    }
    for (const vsix of options.extensions ?? []) {
      execFileSync(node(), [main, ...folders, '--accept-server-license-terms', '--install-extension', resolve(vsix), '--force'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    }
    const child = spawn(
      node(),
      [
        main,
        ...['--host', '127.0.0.1', '--port', String(options.port ?? 0), '--without-connection-token', '--accept-server-license-terms'],
        ...['--disable-telemetry', '--log', 'warn', ...folders],
        ...((options.trust ?? true) ? ['--disable-workspace-trust'] : []),
        ...(options.tests ? ['--enable-smoke-test-driver'] : []),
      ],
      // A group of its own: the extension host and what it starts go with the server.
      { stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32', env: { ...process.env, NODE_OPTIONS: '' } },
    );
    const exited = new Promise((done) => child.once('close', (code) => done(code ?? 1)));
    const signal = (name) => {
      try {
        if (process.platform === 'win32') execFileSync('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore' });
        else process.kill(-child.pid, name);
        return true;
      } catch {
        return false;
      }
    };
    const stop = async () => {
      signal('SIGTERM');
      const later = setTimeout(() => signal('SIGKILL'), 3000);
      await exited;
      clearTimeout(later);
      signal('SIGKILL');
      forget();
    };
    const port = await listening(child, options.onOutput).catch(async (error) => {
      await stop();
      throw error;
    });
    const url = new URL(`http://127.0.0.1:${port}/`);
    url.searchParams.set('folder', resolve(options.folder));
    const remote = (path) => `vscode-remote://127.0.0.1:${port}${resolve(path)}`;
    const payload = [];
    if (options.file) payload.push(['openFile', remote(options.file)]);
    if (options.tests) {
      payload.push(
        ['extensionDevelopmentPath', remote(options.tests.developmentPath)],
        ['extensionTestsPath', remote(options.tests.testsPath)],
      );
    }
    if (payload.length > 0) url.searchParams.set('payload', JSON.stringify(payload));
    return { url: url.href, port, data, pid: child.pid, exited, stop };
  } catch (error) {
    forget();
    throw error;
  }
}

/** Resolves with the port once the server says that it listens. */
function listening(child, onOutput) {
  return new Promise((done, fail) => {
    let said = '';
    const timer = setTimeout(() => fail(new Error(`VS Code's server did not start within 60 s; it said: ${said.slice(-2000)}`)), 60_000);
    const read = (text) => {
      onOutput?.(text);
      if (said.length < 100_000) said += text;
      const port = /Extension host agent listening on (\d+)/.exec(said)?.[1];
      if (port) {
        clearTimeout(timer);
        done(Number(port));
      }
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read);
    child.once('error', fail);
    child.once('close', (code) => {
      clearTimeout(timer);
      fail(new Error(`VS Code's server ended with code ${code}: ${said.slice(-2000)}`));
    });
  });
}
