// Writes the language-model tools of package.json from the schemas that `residue mcp` publishes: `node scripts/write-tools.mjs`; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { importSources } from './sources.mjs';

const { contributedTools } = await importSources('tools', ['src/mcp/contributed.ts']);
const path = join(root, 'package.json');
const old = readFileSync(path, 'utf8');
const manifest = JSON.parse(old);
manifest.contributes.languageModelTools = contributedTools();
const text = `${JSON.stringify(manifest, null, 2)}\n`;
if (text !== old && process.argv.includes('--check')) {
  console.error("package.json's languageModelTools are not those of src/mcp/contributed.ts: run `node scripts/write-tools.mjs`.");
  process.exitCode = 1;
} else if (text !== old) {
  writeFileSync(path, text);
  console.log('wrote package.json');
}
