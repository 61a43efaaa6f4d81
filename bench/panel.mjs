// The panel's page in a real browser: its first paint with a finished residue, and a frame of a 1,024-token attention pattern. Both by
// the clock and as the processor time of the page's main thread, for a clock also tells what else the machine is doing.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { root } from '../scripts/setup.mjs';
import { median } from './measure.mjs';

/** Milliseconds: { first, firstBusy, frame, frameBusy, bytes } of so many fresh pages. */
export async function panel(pages) {
  // Not at the top: on a fresh clone it is there only once `ensureInstalled` has run.
  const { build } = await import('esbuild');
  // With the harness of the tests, which shows the page as VS Code does.
  const program = join(root, 'dist', 'bench', 'panel.mjs');
  await build({
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    entryPoints: [join(root, 'test', 'e2e', 'panel-harness', 'times.ts')],
    // Sources use it to find the package.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'src', 'paths.ts')).href) },
    outfile: program,
  });
  const { measurePanel } = await import(pathToFileURL(program).href);
  const all = await measurePanel(pages);
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, median(all.map((one) => one[key]))]));
}
