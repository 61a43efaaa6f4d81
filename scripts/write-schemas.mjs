// Writes the published JSON Schemas from the sources that define them: `node scripts/write-schemas.mjs`; `--check` only compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import prettier from 'prettier';
import { root } from './setup.mjs';

/** Module, its export (a schema, or a function that makes one), and the file. */
const schemas = [
  ['src/residue/schema.ts', 'residueSchema', 'media/schemas/residue.schema.json'],
  ['src/residue/comparison-schema.ts', 'comparisonSchema', 'media/schemas/comparison.schema.json'],
  ['src/shell/published.ts', 'shellSchema', 'media/schemas/shell.schema.json'],
];

let stale = 0;
for (const [source, name, target] of schemas) {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${name} as schema } from './${source}';`, resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'esm',
    // The module is imported from memory: it has no place of its own.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, source)).href) },
    banner: {
      js: `import { createRequire as __cr } from 'node:module'; const require = __cr(${JSON.stringify(join(root, 'package.json'))});`,
    },
    write: false,
  });
  const module = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const schema = typeof module.schema === 'function' ? module.schema() : module.schema;
  const path = join(root, target);
  const text = await prettier.format(JSON.stringify(schema), { ...(await prettier.resolveConfig(path)), parser: 'json' });
  let old = '';
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    // It is written below.
  }
  if (old === text) continue;
  if (process.argv.includes('--check')) {
    stale += 1;
    console.error(`${target} is not what ${source} says: run \`node scripts/write-schemas.mjs\`.`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${target}`);
  }
}
process.exitCode = stale > 0 ? 1 : 0;
