// `npm run figures`: runs the bundled shell v1.MEMTRACE and writes its dose-response into README.md, between
// `<!-- figures:v1 -->` and `<!-- /figures:v1 -->`. `--check` only compares; `--print` only prints; `--from=FILE` takes a residue that was written before.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readmeWith } from './readme.mjs';
import { ensureInstalled, root } from './setup.mjs';

const shell = 'shells/v1-memtrace.shell.yaml';

const signed = (x) => `${x < 0 ? '−' : ''}${Math.abs(x).toFixed(1)}`;
const percent = (x) => `${Math.round(x * 100)} %`;

/** The table of a residue: one row per dose, over the probe and its paraphrases. */
function tableOf(residue) {
  const counts = new Map(residue.density.byRun.map((row) => [row.name, row]));
  const rows = residue.runs.map((run) => {
    const same = (other) => Object.entries(run.vary).every(([name, value]) => other.vary[name] === value);
    const alike = [run, ...residue.paraphrases.filter(same)];
    const margins = alike.map((r) => r.scores.margin);
    const mean = margins.reduce((a, b) => a + b, 0) / margins.length;
    const right = alike.reduce((sum, r) => sum + Math.exp(r.scores.answer.logprob), 0) / alike.length;
    const { failing, total, interval } = counts.get(run.name);
    if (total !== alike.length) throw new Error(`${run.name}: ${total} counted, ${alike.length} found.`);
    const spread = `${signed(Math.min(...margins))} to ${signed(Math.max(...margins))}`;
    const dose = Object.values(run.vary).join(', ');
    return [
      dose,
      run.tokens.length,
      signed(mean),
      spread,
      right.toFixed(2),
      `${failing} of ${total}`,
      `${percent(interval[0])} to ${percent(interval[1])}`,
    ];
  });
  const { failing, total, interval } = residue.density;
  const [a, b] = [Object.keys(residue.runs[0].vary).join(', '), residue.paraphrases.length / residue.runs.length + 1];
  return [
    `| ${a} | tokens | mean margin (nats) | over the ${b} prompts | mean p(answer) | fail | Wilson 95 % |`,
    '|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    `Failure density: ${failing} of ${total} runs, ${percent(residue.density.share)} (Wilson 95 %: ${percent(interval[0])} to ${percent(interval[1])}). Model ${residue.provenance.model.id}, seed ${residue.provenance.seed}.`,
  ].join('\n');
}

ensureInstalled();
const from = process.argv.find((a) => a.startsWith('--from='))?.slice('--from='.length);
const json = from
  ? readFileSync(from, 'utf8')
  : execFileSync(process.execPath, [join(root, 'scripts', 'residue.mjs'), 'run', shell, '--json'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
const figures = tableOf(JSON.parse(json));
console.log(figures);
if (!process.argv.includes('--print')) {
  const { path, old, text } = await readmeWith('figures:v1', figures);
  if (text !== old && process.argv.includes('--check')) {
    console.error('The figures in README.md are not those of this run: run `npm run figures`.');
    process.exitCode = 1;
  } else if (text !== old) writeFileSync(path, text);
}
