// `npm test`: sets up and runs every check, prints what it does, and ends with `N passed, N failed`.
// `--only=lint,types,unit,e2e,host` runs some of the steps.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensureInstalled, newerNode, root, run, say } from './setup.mjs';

const only = process.argv
  .find((a) => a.startsWith('--only='))
  ?.slice(7)
  .split(',');
const wanted = (step) => !only || only.includes(step);
const results = join(root, 'test-results');
/** Tests in a browser that open no VS Code: of the panel's and the report's page. */
const PAGES = ['test/e2e/panel', 'test/e2e/report'];
const totals = { passed: 0, failed: 0 };
const failures = [];

function count(step, passed, failed) {
  totals.passed += passed;
  totals.failed += failed;
  if (failed > 0) failures.push(`${step}: ${failed} failed`);
  say(`${step}: ${passed} passed, ${failed} failed`);
}

/** A check that is one test by itself. */
async function check(step, command, args) {
  say(`${step} …`);
  const told = [];
  const code = await run(command, args, { onOutput: (text) => told.push(text) });
  count(step, code === 0 ? 1 : 0, code === 0 ? 0 : 1);
  // The extension host's tests are one check here, and say which of them failed.
  if (code !== 0) failures.push(...(told.join('').match(/^ {2}✗ .*$/gm) ?? []).map((line) => `${step} › ${line.slice(4)}`));
  return code === 0;
}

/** A vitest run, counted from its JSON report; a run that dies without one is a failure. */
async function vitest(step, args, env = {}) {
  say(`${step} …`);
  const report = join(results, `${step.replaceAll(/\W+/g, '-')}.json`);
  rmSync(report, { force: true });
  const command = [
    join('node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...args,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const code = await run(newerNode() ?? process.execPath, command, { env });
  if (!existsSync(report)) return count(step, 0, 1);
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, numTotalTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  // A skipped test, an empty run and a file that failed to load are failures: nothing is skipped silently.
  const silent = numPendingTests + (numTotalTests === 0 || (code !== 0 && numFailedTests === 0) ? Math.max(1, numFailedTestSuites) : 0);
  count(step, numPassedTests, numFailedTests + silent);
  for (const { name, status, message, assertionResults } of testResults) {
    for (const { status: outcome, fullName, failureMessages } of assertionResults)
      if (outcome !== 'passed') failures.push(`${relative(root, name)} › ${fullName}: ${failureMessages[0]?.split('\n')[0] ?? outcome}`);
    if (status !== 'passed' && assertionResults.length === 0) failures.push(`${relative(root, name)}: ${message.split('\n')[0]}`);
  }
}

try {
  ensureInstalled();
  mkdirSync(results, { recursive: true });
  const node = newerNode() ?? process.execPath;
  const tool = (name, args) => [process.execPath, [join('node_modules', ...name), ...args]];
  const tsc = (project) => tool(['typescript', 'bin', 'tsc'], ['-p', project]);
  const lint = async () => {
    if (wanted('lint')) await check('lint', ...tool(['eslint', 'bin', 'eslint.js'], ['.']));
  };
  // Each takes one processor: beside the linter, which takes as long as all of these.
  const rest = async () => {
    if (wanted('lint')) await check('format', ...tool(['prettier', 'bin', 'prettier.cjs'], ['--check', '--log-level=warn', '.']));
    if (wanted('types')) {
      await check('types', ...tsc('.'));
      await check('types of the panel', ...tsc('webview'));
      await check('types of the browser tests', ...tsc(join('test', 'e2e')));
    }
    return check('build', node, ['esbuild.mjs']);
  };
  const [built] = await Promise.all([rest(), lint()]);
  if (built && wanted('unit')) await vitest('unit and engine tests', [], { RESIDUE_SKIP_BUILD: '1' });
  if (built && (wanted('e2e') || wanted('host'))) {
    const { ensureChromium } = await import('./chromium.mjs');
    const { ensureCodeServer } = await import('./code-server.mjs');
    await ensureChromium();
    await ensureCodeServer();
    const { packageExtension } = await import('./package.mjs');
    const config = ['--config', join('test', 'e2e', 'vitest.config.ts')];
    const env = wanted('e2e') ? { RESIDUE_VSIX: await packageExtension() } : {};
    const host = async () => {
      if (wanted('host')) await check('tests in the extension host', node, [join('test', 'editor', 'run.mjs')]);
    };
    const windows = async () => {
      if (wanted('e2e')) await vitest('tests in a window', [...config, ...PAGES.flatMap((page) => ['--exclude', `${page}*`])], env);
    };
    const pages = async () => {
      if (wanted('e2e')) await vitest('tests of pages', [...config, ...PAGES], env);
    };
    // A window's tests wait for what VS Code shows for some seconds only, and so have the machine to themselves.
    await windows();
    await Promise.all([host(), pages()]);
  }
} catch (error) {
  console.error(`▸ ${error instanceof Error ? error.message : String(error)}`);
  failures.push('set-up');
  totals.failed += 1;
}
for (const line of failures) console.log(`✗ ${line}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
