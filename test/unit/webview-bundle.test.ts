import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'residue-bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('the panel’s scripts and style sheet, as packaged, take at most 600 KB', () => {
  execFileSync(process.execPath, ['esbuild.mjs', '--production', '--only=webview', `--out=${folder}`], {
    cwd: packageRoot(),
    stdio: 'ignore',
  });
  const sizes = ['webview.js', 'webview-rest.js', 'webview-controls.js', 'webview.css'].map((name) => statSync(join(folder, name)).size);
  expect(Math.min(...sizes)).toBeGreaterThan(1000);
  // What is read before the first paint: no chart.js, no d3.
  expect(sizes[0]).toBeLessThan(100_000);
  expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(600 * 1024);
});
