// `npm run -s residue -- …`: the command line from the sources. Installs and builds first where something is missing or older
// than the sources, and says so on stderr: stdout belongs to the command.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureInstalled, root, say } from './setup.mjs';

const cli = join(root, 'dist', 'cli.cjs');
const engine = join(root, 'dist', 'engine.cjs');

/** True when both bundles are there and no source is newer. */
function current() {
  if (!existsSync(cli) || !existsSync(engine)) return false;
  const built = Math.min(statSync(cli).mtimeMs, statSync(engine).mtimeMs);
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return sources.every((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs <= built);
}

ensureInstalled();
if (!current()) {
  say('Building …');
  execFileSync(process.execPath, ['esbuild.mjs', '--only=engine,cli'], { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
}
process.argv.splice(1, 1, cli);
createRequire(import.meta.url)(cli);
