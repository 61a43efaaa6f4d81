import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'residue-bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The sources in a bundle, and its size as packaged, bytes. */
function bundle(name: string): { inputs: string[]; size: number } {
  const meta = join(folder, 'meta.json');
  execFileSync(process.execPath, ['esbuild.mjs', '--production', `--only=${name}`, `--out=${join(folder, name)}`, `--metafile=${meta}`], {
    cwd: packageRoot(),
    stdio: 'ignore',
  });
  return { inputs: JSON.parse(readFileSync(meta, 'utf8')) as string[], size: statSync(join(folder, name, `${name}.cjs`)).size };
}

it('what activation reads holds no parser of shells and no command, which have a bundle of their own', () => {
  const heavy = (inputs: string[]): string[] => inputs.filter((path) => /^(node_modules|src\/commands|src\/methods|src\/run)\//.test(path));
  const extension = bundle('extension');
  expect(heavy(extension.inputs)).toEqual([]);
  expect(extension.size).toBeLessThan(200_000);
  expect(heavy(bundle('shells').inputs)).toContain('src/commands/table.ts');
});
