// Writes docs/cli.md from the commands of the command line: `node scripts/write-cli.mjs`; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { root } from './setup.mjs';
import { importSources } from './sources.mjs';

const { cliMarkdown, program } = await importSources('cli-docs', ['src/cli/docs.ts', 'src/cli/program.ts']);
const path = join(root, 'docs', 'cli.md');
const text = await prettier.format(cliMarkdown(program(() => undefined)), { ...(await prettier.resolveConfig(path)), filepath: path });
let old = '';
try {
  old = readFileSync(path, 'utf8');
} catch {
  // It is written below.
}
if (old !== text && process.argv.includes('--check')) {
  console.error('docs/cli.md is not what the commands say: run `node scripts/write-cli.mjs`.');
  process.exitCode = 1;
} else if (old !== text) {
  writeFileSync(path, text);
  console.log('wrote docs/cli.md');
}
