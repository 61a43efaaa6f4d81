// `npm run bench:stages -- [SHELL] [--verify|--verify=full|--no-verify]`: where the time of a shell's run goes, stage by stage.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureInstalled, root } from '../scripts/setup.mjs';
import { buildPrograms } from './programs.mjs';

ensureInstalled();
execFileSync(process.execPath, ['esbuild.mjs', '--production', '--only=lane'], { cwd: root, stdio: 'ignore' });
const { folder, engineEnvironment, engineFlags } = await buildPrograms('stages');
const { status } = spawnSync(
  process.execPath,
  [...engineFlags(process.versions.v8), join(folder, 'stages.mjs'), ...process.argv.slice(2)],
  { cwd: root, env: engineEnvironment(process.env), stdio: 'inherit' },
);
process.exitCode = status ?? 1;
