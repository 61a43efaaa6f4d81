import { appendFileSync } from 'node:fs';
import { extensions } from 'vscode';
import { extensionId } from './helpers.js';

/** Loaded by VS Code in the extension host (`extensionTestsPath`). Rejects when a test fails, which ends VS Code with code 1. */
export async function run(): Promise<void> {
  const report = process.env.RESIDUE_HOST_REPORT;
  if (!report) throw new Error('RESIDUE_HOST_REPORT names no file.');
  const say = (line: string): void => appendFileSync(report, `${line}\n`);
  const { default: Mocha } = await import('mocha');
  const mocha = new Mocha({ ui: 'bdd', timeout: 240_000, color: false, reporter: 'min' });
  // `node test/editor/run.mjs --grep=PATTERN`: the tests whose full titles match.
  const only = process.env.RESIDUE_HOST_GREP ? new RegExp(process.env.RESIDUE_HOST_GREP) : null;
  if (only) mocha.grep(only);
  mocha.suite.emit('pre-require', globalThis, null, mocha);
  // Before the extension is active: it watches what is made then.
  await import('./explorer-spy.js');
  await import('./mcp-spy.js');
  await import('./activation.js');
  await import('./agent.js');
  await import('./authoring.js');
  await import('./language.js');
  await import('./running.js');
  await import('./starting.js');
  await import('./results.js');
  await import('./explorer.js');
  await import('./tasks.js');
  await import('./files.js');
  // What follows the tests of activation counts on them; without them the extension is made active first.
  const activates = (title: string): boolean => title.startsWith('activation') && (only?.test(title) ?? true);
  const titles = mocha.suite.suites.flatMap(({ tests }) => tests.map((test) => test.fullTitle()));
  if (!titles.some(activates))
    mocha.suite.beforeAll('makes the extension active', async () => {
      await extensions.getExtension(extensionId)?.activate();
    });
  const counts = { passed: 0, failed: 0 };
  await new Promise<void>((done) => {
    mocha
      .run(() => done())
      .on('pass', (test) => {
        counts.passed += 1;
        say(`  ✓ ${test.fullTitle()} (${test.duration ?? 0} ms)`);
      })
      .on('pending', (test) => {
        // Nothing is skipped silently.
        counts.failed += 1;
        say(`  ✗ ${test.fullTitle()}: skipped`);
      })
      .on('fail', (test, error) => {
        counts.failed += 1;
        say(`  ✗ ${test.fullTitle()}\n${error.stack ?? error.message}`);
      });
  });
  say(`${counts.passed} passed, ${counts.failed} failed`);
  if (counts.failed > 0 || counts.passed === 0) throw new Error(`${counts.failed} tests failed.`);
}
