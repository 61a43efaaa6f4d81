#!/usr/bin/env node
// Takes VS Code's own flags and runs extension tests in VS Code's server (scripts/code-server.mjs), its window in a headless
// Chromium: a stand-in for the `code` executable that @vscode/test-electron starts, where no VS Code can be downloaded.
import { chromium } from 'playwright-core';
import { chromiumArguments, ensureChromium } from '../../scripts/chromium.mjs';
import { serveEditor } from '../../scripts/code-server.mjs';

const argv = process.argv.slice(2);
const flag = (name) => argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
const folder = argv.find((argument) => !argument.startsWith('--'));
const developmentPath = flag('extensionDevelopmentPath');
const testsPath = flag('extensionTestsPath');
if (!folder || !developmentPath || !testsPath) {
  console.error('code.mjs needs a folder, --extensionDevelopmentPath and --extensionTestsPath.');
  process.exit(2);
}

let server;
let browser;
let code = 1;
const limit = Number(process.env.RESIDUE_HOST_TEST_SECONDS ?? 1200);
try {
  server = await serveEditor({ folder, tests: { developmentPath, testsPath } });
  browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  code = await new Promise((done, fail) => {
    setTimeout(() => fail(new Error(`The tests in the extension host did not end within ${limit} s.`)), limit * 1000).unref();
    void server.exited.then((exit) => fail(new Error(`VS Code's server ended (${exit}) before the tests did.`)));
    page.on('crash', () => fail(new Error("VS Code's window crashed.")));
    void (async () => {
      await page.exposeFunction('codeAutomationExit', (exit) => done(exit));
      // The window's own log; the suite writes its results to a file of its own.
      await page.exposeFunction('codeAutomationLog', () => undefined);
      await page.goto(server.url);
    })().catch(fail);
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  await browser?.close();
  await server?.stop();
}
process.exit(code);
