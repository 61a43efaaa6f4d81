import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CircuitTracerGraph } from '../../src/residue/circuit-tracer.js';
import { cli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const PROMPT = "Tom has a red ball. Q: What color is Tom's ball? A:";

describe('residue graph', () => {
  it('of a text prints the graph as JSON alone, writes the same, and keeps to the caps', async () => {
    const file = join(temporaryFolder(), 'graph.json');
    const args = [
      'graph',
      PROMPT,
      '--answer',
      ' red',
      '--rivals',
      ' blue',
      '--max-nodes',
      '8',
      '--max-edges',
      '12',
      '--json',
      '--out',
      file,
    ];
    const { code, stdout } = await cli(args);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(stdout);
    const { nodes, links, metadata } = JSON.parse(stdout) as CircuitTracerGraph;
    expect(metadata.prompt).toContain('Tom has a red ball.');
    expect(links.length).toBeGreaterThan(0);
    expect(links.length).toBeLessThanOrEqual(12);
    expect(nodes.filter(({ feature_type }) => feature_type !== 'embedding').length).toBeLessThanOrEqual(9);
    expect(nodes.find(({ is_target_logit }) => is_target_logit)?.clerp).toContain('" red"'.slice(1, -1));
  });

  it('of a shell tells predicted and observed, and of its residue the same without a model', async () => {
    const folder = temporaryFolder();
    const shell = join(folder, 'short.shell.yaml');
    writeFileSync(shell, `format: 1\nshell: short\nfamily: memory\nprompt: "${PROMPT}"\nanswer: " red"\nrivals: [" blue"]\ngraph: true\n`);
    const fresh = await cli(['graph', shell]);
    expect(fresh.code).toBe(0);
    expect(fresh.stdout).toMatch(/Tested by intervention: \d+ of \d+ edges/);
    expect(fresh.stdout).toMatch(/edge +predicted +observed/);
    const run = await cli(['run', shell, '--out', folder]);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('Attribution graph');
    const again = await cli(['graph', join(folder, 'short.residue.json')]);
    expect(again.stdout).toBe(fresh.stdout);
    // What it has no use for is refused, not left out in silence.
    const other = await cli(['graph', join(folder, 'short.residue.json'), '--node-threshold', '0.5', '--model', 'pocket-gpt2']);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toMatch(
      /short\.residue\.json: it is a residue, whose graph is shown as it was made; leave --model and --node-threshold out\.\s*$/,
    );
    const answered = await cli(['graph', shell, '--answer', ' blue']);
    expect(answered).toMatchObject({ code: 2, stdout: '' });
    expect(answered.stderr).toMatch(/short\.shell\.yaml: it is a shell, which names its own; leave --answer out\.\s*$/);
  });

  it.each<[string, string[], RegExp]>([
    ['a shell that is not there', ['missing.shell.yaml'], /missing\.shell\.yaml: There is no such file/],
    ['nothing', [''], /empty; give a shell, a residue, or what the model is to read/],
    ['a threshold above 1', [PROMPT, '--node-threshold', '2'], /must be a number from 0 to 1/],
    ['no nodes', [PROMPT, '--max-nodes', '0'], /whole number from 1/],
  ])('refuses %s in a sentence', async (_, args, sentence) => {
    const { code, stdout, stderr } = await cli(['graph', ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence);
  });
});
