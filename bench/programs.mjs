// The benchmarks' programs that are TypeScript, bundled into dist/bench.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../scripts/setup.mjs';

/** Builds programs of bench/ by their names; their folder, and how the engine's process is started, which they are started like. */
export async function buildPrograms(...names) {
  // Not at the top: on a fresh clone it is there only once `ensureInstalled` has run.
  const { build } = await import('esbuild');
  const folder = join(root, 'dist', 'bench');
  await build({
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    entryPoints: {
      ...Object.fromEntries(names.map((name) => [name, join(root, 'bench', `${name}.ts`)])),
      flags: join(root, 'src', 'engine', 'flags.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
  });
  return { folder, ...(await import(pathToFileURL(join(folder, 'flags.mjs')).href)) };
}
