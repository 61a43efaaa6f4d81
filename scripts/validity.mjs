// `npm run validity`: plants causes in models, has them looked for blind, and writes docs/validity.md and docs/validity.tsv. `--check` only
// compares, and ends with 1 where they differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root, say } from './setup.mjs';
import { importSources } from './sources.mjs';

ensureInstalled();
const { default: prettier } = await import('prettier');
const { lookBlind, missed, reportOf, settingsOf, tableOf, tryAll } = await importSources(
  'validity',
  ['validity', 'validity-report', 'blind'].map((name) => `src/planted/${name}.js`),
);

const started = Date.now();
let told = started;
const trials = await tryAll(settingsOf(), lookBlind, ({ kind, noise }, done, total) => {
  if (done < total && Date.now() - told < 10_000) return;
  told = Date.now();
  say(`${done} of ${total} models (${kind}, noise ${noise}), ${Math.round((told - started) / 1000)} s`);
});
const page = join(root, 'docs', 'validity.md');
const files = [
  [page, await prettier.format(reportOf(trials), { ...(await prettier.resolveConfig(page)), filepath: page })],
  [join(root, 'docs', 'validity.tsv'), tableOf(trials)],
];
let stale = 0;
for (const [path, text] of files) {
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    stale += 1;
    say(`${path} is not what the command writes today: run \`npm run validity\`.`);
  }
}
for (const sentence of missed(trials)) say(`Missed: ${sentence}.`);
console.log(`${trials.length} models tried; ${missed(trials).length === 0 ? 'the target is met' : 'the target is missed'}`);
process.exitCode = stale > 0 ? 1 : 0;
