import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../helpers/cli.js';

const SHELL = `format: 1
shell: alone
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
`;

describe('residue compare', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'residue-compare-'));
    writeFileSync(join(folder, 'alone.shell.yaml'), SHELL);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [['--control'], 'alone.shell.yaml: the shell has no control to compare its prompt with.'],
    [['--models', 'pocket,pocket'], '--models takes two different models to compare, not 1; `residue run --models` makes a table of more.'],
  ])('refuses %j before anything is run', async (more, message) => {
    const { code, stdout, stderr } = await cli(['compare', 'alone.shell.yaml', ...more], { cwd: folder });
    expect({ code, stdout, stderr: stderr.trim() }).toEqual({ code: 2, stdout: '', stderr: message });
  });

  it('finds that the second model is not there before it runs the first', async () => {
    const { code, stdout, stderr } = await cli(['compare', 'alone.shell.yaml', '--models', 'pocket,nothing'], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^No model is called "nothing"; give pocket/m);
    expect(stderr).not.toMatch(/forward/);
  });
});
