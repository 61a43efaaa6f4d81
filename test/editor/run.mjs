// Runs test/editor/suite inside a real extension host: `node test/editor/run.mjs` in VS Code's server and a headless browser,
// `--desktop` in a VS Code that @vscode/test-electron downloads. The suite is the same; `--grep=PATTERN` runs the tests whose titles match. Exit code 1 when a test fails.
import { build } from 'esbuild';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { ensureCodeServer } from '../../scripts/code-server.mjs';
import { ensureInstalled, root, say } from '../../scripts/setup.mjs';

const grep = process.argv.find((argument) => argument.startsWith('--grep='))?.slice('--grep='.length);
const desktop = process.argv.includes('--desktop');
const results = join(root, 'test-results');
const report = join(results, 'extension-host.log');
const bundle = join(root, '.vscode-test', 'host-tests', 'index.cjs');
const scratch = mkdtempSync(join(tmpdir(), 'residue-host-'));
const folder = join(scratch, 'workspace');

try {
  ensureInstalled();
  if (!desktop) await ensureCodeServer();
  mkdirSync(folder);
  mkdirSync(results, { recursive: true });
  writeFileSync(report, '');
  await build({
    entryPoints: [join(root, 'test', 'editor', 'suite', 'index.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  say(desktop ? 'Starting VS Code (downloaded where it is missing) …' : "Starting VS Code's server and a headless browser …");
  await runTests({
    ...(desktop ? {} : { vscodeExecutablePath: join(root, 'test', 'editor', 'code.mjs') }),
    extensionDevelopmentPath: root,
    extensionTestsPath: bundle,
    launchArgs: [folder, `--user-data-dir=${join(scratch, 'user')}`, ...(desktop ? ['--disable-extensions'] : [])],
    extensionTestsEnv: { RESIDUE_HOST_REPORT: report, RESIDUE_ROOT: root, ...(grep ? { RESIDUE_HOST_GREP: grep } : {}) },
  });
} catch (error) {
  if (error?.name !== 'Error' || !/^Test run/.test(error.message))
    appendFileSync(report, `${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
const text = readFileSync(report, 'utf8');
process.stdout.write(text);
// A host that never came to its tests, or ran none, has failed.
if (!/^[1-9]\d* passed, 0 failed$/m.test(text)) process.exitCode = 1;
