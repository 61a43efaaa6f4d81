// `node training/world.mjs OUT [seed] [scale]`: writes the tokenizer and the token files that training/train.py reads.
// `node training/world.mjs items OUT [seed] [count]`: writes the questions that training/evaluate.py asks.
import { build } from 'esbuild';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const items = process.argv[2] === 'items';
const outfile = join(here, '..', 'dist', items ? 'world-items.mjs' : 'world.mjs');
if (items) process.argv.splice(2, 1);
await build({
  entryPoints: [join(here, 'world', items ? 'write-items.ts' : 'write.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
});
await import(pathToFileURL(outfile).href);
