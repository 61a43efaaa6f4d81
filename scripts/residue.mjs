// `npm run -s residue -- …`: the command line from the sources. Installs and builds first where something is missing or older
// than the sources, and says so on stderr: stdout belongs to the command.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureInstalled, root, say } from './setup.mjs';

const bundles = ['cli.cjs', 'engine.cjs', 'lane.cjs', 'webview.js', 'webview-rest.js', 'webview-controls.js', 'report.js'].map((name) =>
  join(root, 'dist', name),
);
const [cli] = bundles;

/** True when every bundle is there and no source is newer. */
function current() {
  if (!bundles.every((bundle) => existsSync(bundle))) return false;
  const built = Math.min(...bundles.map((bundle) => statSync(bundle).mtimeMs));
  const sources = ['src', 'webview']
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile());
  return sources.every((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs <= built);
}

ensureInstalled();
if (!current()) {
  say('Building …');
  execFileSync(process.execPath, ['esbuild.mjs', '--only=engine,lane,cli,webview,report'], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
  });
}
process.argv.splice(1, 1, cli);
createRequire(import.meta.url)(cli);
