// Scripts that use the product's own code, which is TypeScript.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './setup.mjs';

/** What modules under src/ export, by their paths from the repository's root; bundled as dist/<name>.mjs. */
export async function importSources(name, modules) {
  // Not at the top: on a fresh clone it is there only once `ensureInstalled` has run.
  const { build } = await import('esbuild');
  const outfile = join(root, 'dist', `${name}.mjs`);
  mkdirSync(join(root, 'dist'), { recursive: true });
  await build({
    stdin: { contents: modules.map((path) => `export * from './${path}';`).join('\n'), resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}
