// `npm run bench:peers`: the patching map against TransformerLens's, on the same weights, prompts and threads; equal within 1e-3.
// By hand, for it needs Python: `pip install -r bench/peers/requirements.txt`, and PYTHON=path where it is not `python3`. `--full` runs
// every cell there, not a sample. Exit 1 when a target is missed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root, say } from '../../scripts/setup.mjs';
import { benchModel } from '../model.mjs';
import { buildPrograms } from '../programs.mjs';

const TARGET = 15;
const TOKENS = 48;
const TOLERANCE = 1e-3;

ensureInstalled();
const { folder: out, engineEnvironment, engineFlags } = await buildPrograms('map');
const folder = benchModel();
const work = mkdtempSync(join(tmpdir(), 'residue-peers-'));
const read = (program, args, env = process.env) =>
  JSON.parse(
    execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] })
      .trim()
      .split('\n')
      .at(-1),
  );
try {
  // Two prompts that have nothing in common, and two that begin alike, as a shell's prompt and its control do.
  const measured = [0, TOKENS / 4].map((shared) => {
    say(`The map here, ${shared || 'no'} tokens shared …`);
    const file = join(work, `map-${shared}.json`);
    const args = [
      ...engineFlags(process.versions.v8),
      join(out, 'map.mjs'),
      folder,
      String(TOKENS),
      '20',
      `--shared=${shared}`,
      '--out',
      file,
    ];
    const ours = read(process.execPath, args, engineEnvironment(process.env));
    say('The map in TransformerLens …');
    const cells = process.argv.includes('--full') ? ['--cells', '0'] : [];
    const theirs = read(process.env.PYTHON ?? 'python3', [join(root, 'bench', 'peers', 'patching.py'), folder, file, ...cells]);
    return { shared, ours, theirs, met: theirs.ratio >= TARGET && theirs.difference <= TOLERANCE };
  });
  const [{ theirs: peer }] = measured;
  const rows = measured.map(
    ({ shared, ours, theirs, met }) =>
      `| ${shared || 'none'} | ${(ours.map / 1000).toFixed(1)} s | ${(theirs.map / 1000).toFixed(0)} s (${theirs.cells} cells timed) | ${theirs.ratio.toFixed(1)} | ${(theirs.map / ours.floor).toFixed(1)} | ≥ ${TARGET} | ${met ? 'yes' : '**no**'} | ${theirs.difference.toExponential(1)} of margins that span ${theirs.spread.toPrecision(2)} |`,
  );
  const text = `# Against peers

Written by \`npm run bench:peers\`; do not edit. TransformerLens ${peer.transformer_lens} on PyTorch ${peer.torch}, the same weights, prompts and ${peer.threads} threads, one after the other.
Patching map of the residual stream (\`patching.get_act_patch_resid_pre\`), ${measured[0].ours.cells} cells, ${TOKENS} tokens:

| tokens that both prompts begin with | here | TransformerLens | ratio | ratio at most | target | met | largest difference |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

At most: if the map took no longer than its products with weights alone, at the best rate that onnxruntime gives on this machine (${measured.map(({ ours }) => `${((2 * ours.rate) / 1e9).toFixed(0)} GFLOP/s, ${(ours.floor / 1000).toFixed(1)} s`).join('; ')}).
`;
  writeFileSync(join(root, 'bench', 'peers', 'README.md'), text);
  execFileSync(
    process.execPath,
    [join(root, 'node_modules', 'prettier', 'bin', 'prettier.cjs'), '--write', join(root, 'bench', 'peers', 'README.md')],
    {
      stdio: 'ignore',
    },
  );
  say(text);
  process.exitCode = measured.every(({ met }) => met) ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
