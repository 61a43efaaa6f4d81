import { execFileSync } from 'node:child_process';

/** Engine and CLI tests drive the bundles users get, so they are built first. */
export default function setup(): void {
  if (process.env.RESIDUE_SKIP_BUILD) return;
  execFileSync(process.execPath, ['esbuild.mjs', '--only=engine,cli'], { stdio: 'ignore' });
}
