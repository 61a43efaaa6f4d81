import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { parseResidue } from '../../src/residue/read.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { cli, type Ended } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const SHELL = 'shells/v1-memtrace.shell.yaml';

describe('the bundled shell v1.MEMTRACE on Pocket', () => {
  let ended: Ended;
  let residue: Residue;
  beforeAll(async () => {
    ended = await cli(['run', SHELL, '--json']);
    residue = parseResidue(ended.stdout);
  });
  const margin = (run: RunTrace | null | undefined): number => run?.scores?.margin ?? NaN;

  it('ends with 0: everything it expects is so', () => {
    expect(ended.code, ended.stderr).toBe(0);
    expect(residue.expectations.length).toBeGreaterThanOrEqual(4);
    expect(residue.status).toBe('complete');
  });

  it('gives the same bytes with one thread as with threads that share the passes, but for the time and their number', async () => {
    const alone = await cli(['run', SHELL, '--json', '--threads', '1']);
    const without = (text: string): string => text.replace(/"(created|threads)": *("[^"]*"|\d+|null)/g, '"$1"');
    expect(without(alone.stdout)).toBe(without(ended.stdout));
  });

  it('shows the effect: the control wins, and every prompt loses margin with the distance', () => {
    expect(margin(residue.control)).toBeGreaterThan(2);
    expect(residue.control?.scores?.top[0]?.text).toBe(' yellow');
    expect(residue.verdict?.failed).toBe(true);
    const doses = residue.runs.map((run) => run.x ?? NaN);
    expect(doses).toEqual([...doses].sort((a, b) => a - b));
    const prompts = residue.paraphrases.length / doses.length;
    expect(prompts).toBeGreaterThanOrEqual(6);
    const firstHalf = residue.runs.length >> 1;
    for (const near of [residue.runs[0], ...residue.paraphrases.filter((p) => p.x === doses[0])]) {
      const id = /^paraphrase\.\d+/.exec(near?.name ?? '')?.[0] ?? 'probe';
      const all = [...residue.runs, ...residue.paraphrases]
        .filter((r) => r.name.startsWith(`${id}.`))
        .sort((a, b) => (a.x ?? 0) - (b.x ?? 0));
      expect(all).toHaveLength(doses.length);
      expect(margin(all.at(-1)), id).toBeLessThan(margin(all[firstHalf - 1]));
      expect(margin(near), id).toBeGreaterThan(0);
    }
  });

  it('fails more often the farther the fact is', () => {
    const failing = residue.density?.byRun.map((row) => row.failing) ?? [];
    expect(failing).toEqual([...failing].sort((a, b) => a - b));
    expect(failing[0]).toBe(0);
    expect(failing.at(-1)).toBeGreaterThan((residue.density?.byRun.at(-1)?.total ?? Infinity) / 2);
  });

  it('takes its prompts from the world in order: other names, other things, other colours', () => {
    const texts = [...residue.runs, ...residue.paraphrases].filter((r) => r.x === 0).map((r) => r.tokens.map((t) => t.text).join(''));
    const facts = texts.map((text) => /(\w+) has a (\w+) (\w+)\./.exec(text)?.slice(1) ?? []);
    for (const part of [0, 1, 2]) expect(new Set(facts.map((fact) => fact[part])).size).toBe(texts.length);
  });

  it('passes every identity check, and the README holds its figures', () => {
    expect(residue.checks.length).toBeGreaterThan(4);
    expect(residue.checks.filter((check) => !check.passed)).toEqual([]);
    const file = join(temporaryFolder(), 'v1.residue.json');
    writeFileSync(file, ended.stdout);
    const printed = execFileSync(process.execPath, [join(packageRoot(), 'scripts', 'figures.mjs'), '--check', `--from=${file}`], {
      encoding: 'utf8',
    });
    expect(printed).toContain('Wilson 95 %');
  });
});
