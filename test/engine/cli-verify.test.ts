import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseResidue } from '../../src/residue/read.js';
import { cli } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const folder = temporaryFolder();
/** A prompt whose fact is never told fails; `walks` makes it long. */
const shell = (name: string, fact: string, walks = 0): string => {
  const path = join(folder, `${name}.shell.yaml`);
  writeFileSync(
    path,
    `format: 1
shell: ${name}
family: memory
prompt: "Tom has a [[fact|${fact}]] ball. ${'They walk for a while. '.repeat(walks)}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. ${'They walk for a while. '.repeat(walks)}Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
`,
  );
  return path;
};
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await cli(['run', '--json', ...args]);
  expect(code, stderr).toBe(0);
  const residue = parseResidue(stdout);
  return { residue, verification: residue.runs[residue.primary]!.verification };
};

describe('causal verification from the command line', () => {
  it('is made of a prompt that fails, unless --no-verify leaves it out, which the residue says', async () => {
    const failing = shell('fails', 'blue');
    const { residue, verification } = await run(failing);
    expect(residue.verdict!.failed).toBe(true);
    expect(verification!.interval).not.toBeNull();
    expect(residue.verdict!.sentence).toMatch(/cause (not )?confirmed/);
    expect(residue.provenance.settings).not.toHaveProperty('verify');
    const without = await run(failing, '--no-verify');
    expect(without.verification).toBeUndefined();
    expect(without.residue.verdict!.sentence).not.toMatch(/cause/);
    expect(without.residue.verdict!.notChecked.join()).toMatch(/no activation of the control was patched in/);
    expect(without.residue.provenance.settings['verify']).toBe(false);
  });

  it('is made of a prompt that does not fail only with --verify', async () => {
    const holding = shell('holds', 'red');
    expect((await run(holding)).verification).toBeUndefined();
    const { residue, verification } = await run(holding, '--verify');
    expect(residue.verdict!.failed).toBe(false);
    expect(verification!.effects.length).toBeGreaterThanOrEqual(12);
    expect(verification!.open.join()).toMatch(/no drop to bring back/);
  });

  it('patches the positions of a long prompt in groups, and with --verify=full each alone', async () => {
    const long = shell('long', 'blue', 17);
    const grouped = (await run(long)).verification!;
    expect(grouped.maps.map(({ complete }) => complete)).toEqual([false, false, false]);
    expect(grouped.maps[0]!.groups.length).toBeLessThan(grouped.aligned);
    const { residue, verification } = await run(long, '--verify=full');
    expect(verification!.maps.map(({ complete }) => complete)).toEqual([true, true, true]);
    expect(verification!.maps[0]!.groups).toHaveLength(verification!.aligned);
    expect(verification!.curves).toEqual(grouped.curves);
    expect(residue.provenance.settings['verify']).toBe('full');
  });

  it('refuses another value in one sentence', async () => {
    const { code, stdout, stderr } = await cli(['run', shell('other', 'red'), '--verify=half']);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/--verify, --verify=full/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
