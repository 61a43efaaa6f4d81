// Runs the shells of test/patterns on every bundled model and writes the table of what was detected into README.md: `npm run confusion`.
// Labels are read after detection, which never sees them.
import { execFile } from 'node:child_process';
import { readdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readmeWith } from './readme.mjs';
import { ensureInstalled, root, say } from './setup.mjs';
import { importSources } from './sources.mjs';

ensureInstalled();
const { parse } = await import('yaml');
const folder = join(root, 'test', 'patterns');
const labels = parse(readFileSync(join(folder, 'labels.yaml'), 'utf8'));
const models = readdirSync(join(root, 'media', 'models')).filter((id) => existsSync(join(root, 'media', 'models', id, 'config.json')));

const { wilson } = await importSources('statistics', ['src/methods/statistics.js']);
const percent = (x) => `${Math.round(100 * x)} %`;
const share = (k, n) => {
  if (n === 0) return 'none';
  const [low, high] = wilson(k, n);
  return `${percent(k / n)} (${percent(low)} to ${percent(high)})`;
};

/** The residues of all shells on one model. Exit 1 only says that an expectation fails. */
async function residuesOf(model) {
  const args = [join(root, 'scripts', 'residue.mjs'), 'run', folder, '--json', '--model', model];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 2 ** 30 }).catch((error) => {
    if (error.code === 1 && error.stdout) return error;
    throw error;
  });
  return JSON.parse(stdout);
}

const counts = new Map();
const misses = [];
for (const model of models) {
  say(`${Object.keys(labels).length} shells on ${model} …`);
  for (const residue of await residuesOf(model)) {
    const label = labels[residue.shell.id];
    if (!label) throw new Error(`test/patterns/labels.yaml has no label for ${residue.shell.id}.`);
    const found = residue.verdict.patterns.find(({ name }) => name === label.pattern);
    const outcome = !found ? 'NM' : found.present ? (label.shows ? 'TP' : 'FP') : label.shows ? 'FN' : 'TN';
    const row = counts.get(label.pattern) ?? { TP: 0, FP: 0, FN: 0, TN: 0, NM: 0, clear: 0, without: 0 };
    row[outcome] += 1;
    if (found?.present && found.null === null) row.without += 1;
    if (found?.present && found.null && found.null.p <= 0.05) row.clear += 1;
    counts.set(label.pattern, row);
    const { failed } = residue.runs[residue.primary].scores ?? {};
    const word = outcome === 'FN' && failed === false ? 'FN: it did not fail' : outcome;
    if (outcome === 'FP' || outcome === 'FN') misses.push(`${residue.shell.id} on ${model} (${word})`);
  }
}

const rows = [...counts].map(([name, { TP, FP, FN, TN, NM, clear, without }]) => [
  `\`${name}\``,
  ...[TP, FP, FN, TN, NM].map(String),
  share(TP, TP + FP),
  share(TP, TP + FN),
  `${clear} of ${TP + FP}${without > 0 ? ` (${without}: no room for a null)` : ''}`,
]);
const head = ['pattern', 'TP', 'FP', 'FN', 'TN', 'not measured', 'precision (Wilson 95 %)', 'recall (Wilson 95 %)', 'clear their null'];
const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const words = `${Object.keys(labels).length} shells on ${models.join(', ')}, seed 0. TP: built to show the pattern and it is detected. Misses: ${misses.join(', ') || 'none'}.`;
const { path, text } = await readmeWith('confusion', `${table}\n\n${words}`);
writeFileSync(path, text);
console.log(`${table}\n\n${words}`);
