import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Engine and CLI tests drive the bundles users get, so they are built first. Everything temporary goes under one folder, which is
 * removed at the end: a worker that is ended by its pool has no say in it.
 */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'residue-tests-'));
  process.env.TMPDIR = folder;
  process.env.TEMP = folder;
  process.env.XDG_CACHE_HOME = folder;
  // The user's own models are none of the tests' business, and a proxy of the machine is not to come between them and their servers.
  process.env.RESIDUE_MODELS = join(folder, 'models');
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'HF_ENDPOINT', 'HF_TOKEN']) {
    delete process.env[name];
    delete process.env[name.toLowerCase()];
  }
  if (!process.env.RESIDUE_SKIP_BUILD)
    execFileSync(process.execPath, ['esbuild.mjs', '--only=engine,lane,cli,hub,webview,report,residues'], { stdio: 'ignore' });
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
