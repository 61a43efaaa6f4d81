import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, describe, expect, it } from 'vitest';
import { expandFiles, outputNames, readShell } from '../../src/cli/files.js';
import { sentenceOf } from '../../src/cli/session.js';
import { bar, BarProgress, LineProgress } from '../../src/cli/terminal.js';
import { EngineError } from '../../src/engine/errors.js';
import { InputError } from '../../src/errors.js';
import { checkResidue } from '../../src/residue/read.js';
import { formatReport } from '../../src/residue/report.js';
import { generateResidue } from '../helpers/residue-generator.js';

const folder = mkdtempSync(join(tmpdir(), 'residue-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('progress', () => {
  it('is one line that is redrawn and cleared, never wider than the terminal', () => {
    const written: string[] = [];
    const progress = new BarProgress({ columns: 40, write: (text: string) => (written.push(text), true) } as unknown as NodeJS.WriteStream);
    progress.update({ stage: 'probe, walk = 40: '.repeat(10), done: 1, total: 4 }, 'a.shell.yaml');
    progress.update({ stage: 'too soon to be drawn', done: 2, total: 4 });
    progress.clear();
    progress.clear();
    expect(written).toHaveLength(2);
    expect(written[0]?.startsWith('\r\u001b[2K━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  25 % a.shel')).toBe(true);
    expect(stringWidth((written[0] ?? '').slice(5))).toBeLessThan(40);
    expect(written[1]).toBe('\r\u001b[2K');
  });

  it('is a plain line per stage elsewhere', () => {
    const lines: string[] = [];
    const progress = new LineProgress((line) => lines.push(line));
    for (const done of [0, 1, 2]) progress.update({ stage: 'probe: forward', done, total: 3 });
    progress.update({ stage: 'control\u001b[2J', done: 0, total: 0 }, 'x');
    progress.clear();
    expect(lines).toEqual(['probe: forward', 'x: control\\x1b[2J']);
  });

  it('survives any numbers', () => {
    expect(bar({ stage: 's', done: 9, total: 3 }, '', 80)).toContain('100 %');
    expect(bar({ stage: 's', done: -1, total: 3 }, '', 80)).toContain('0 %');
    expect(bar({ stage: 's', done: 0, total: 0 }, '', 10)).toHaveLength(9);
  });
});

describe('files given on the command line', () => {
  it('are found in folders and by globs, in order, each once, whatever leads to them', () => {
    mkdirSync(join(folder, 'deep', 'node_modules'), { recursive: true });
    for (const name of ['b.shell.yaml', 'a.shell.yml', 'deep/c.shell.yaml', 'deep/node_modules/d.shell.yaml', 'e.yaml'])
      writeFileSync(join(folder, name), '');
    symlinkSync(join(folder, 'b.shell.yaml'), join(folder, 'z.shell.yaml'));
    const found = expandFiles([folder, join(folder, 'e.yaml'), join(folder, '*.shell.y*ml'), join(folder, 'b.shell.yaml')]);
    expect(found.map((path) => path.slice(folder.length + 1))).toEqual(['a.shell.yml', 'b.shell.yaml', 'deep/c.shell.yaml', 'e.yaml']);
    expect(() => expandFiles(['x\0y'])).toThrow('there is no such file or folder.');
  });

  it('give outputs names of their own', () => {
    expect(outputNames(['a/v1.shell.yaml', 'b/V1.shell.yml', 'c/x.yaml', '.shell.yaml', 'c/x.yaml.txt'])).toEqual([
      'v1',
      'V1-2',
      'x',
      'shell',
      'x.yaml.txt',
    ]);
  });

  it('keep their bytes, a byte order mark included', () => {
    writeFileSync(join(folder, 'bom.shell.yaml'), '\ufefföx\r\n');
    expect(readShell(join(folder, 'bom.shell.yaml'))).toBe('\ufefföx\r\n');
  });
});

describe('an error', () => {
  it('is one sentence: a place where there is one, no trace of a fault unless asked', () => {
    expect(sentenceOf(new InputError('no.', { file: 'a', line: 2, column: 3 }))).toBe('a:2:3: no.');
    expect(sentenceOf(new InputError('bad\u001b[2J.'))).toBe('bad\\x1b[2J.');
    expect(sentenceOf(new EngineError('crashed', 'It ended.'))).toBe('residue: It ended.');
    expect(sentenceOf(new TypeError('x is not a function\nat y'))).toBe('residue: this is a fault of the program: x is not a function');
  });
});

describe('residues of any size', () => {
  it.each([1, 2, 3, 4, 5, 6])('seed %i: valid by the schema, and a report that fits', (seed) => {
    const residue = generateResidue({
      seed,
      layers: seed * 5,
      heads: seed * 2,
      length: seed * 30,
      runs: seed,
      paraphrases: seed - 1,
      control: seed % 2 === 0,
      failed: seed % 3 > 0,
    });
    expect(checkResidue(residue)).toBe(residue);
    for (const width of [60, 100])
      for (const line of formatReport(residue, { width }).split('\n')) expect(stringWidth(line), line).toBeLessThanOrEqual(width);
  });
});
