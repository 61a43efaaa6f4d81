import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { isAddressable, readAddress, writeAddress } from '../../src/residue/address.js';

const FILE = 'shells/v1-memtrace.shell.yaml';

describe('the address of a view', () => {
  it('leads back to the file and to what was pinned', () => {
    const link = writeAddress('vscode', {
      file: FILE,
      view: {
        section: 'figure-heads',
        run: 'probe.walk=40',
        row: 4,
        head: '3.1',
        token: 12,
        measure: 'rank',
        scroll: 700,
        'table.map': true,
      },
    });
    expect(link).toMatch(/^vscode:\/\/symbolic-residue\.symbolic-residue\/view\?file=/);
    expect(link).not.toMatch(/scroll|table/);
    expect(readAddress(link)).toEqual({
      file: FILE,
      view: { section: 'figure-heads', run: 'probe.walk=40', row: 4, head: '3.1', token: 12, measure: 'rank' },
    });
  });

  it('takes pins away that it does not name', () => {
    expect(readAddress(writeAddress('vscode', { file: FILE, view: {} })).view).toEqual({ row: null, head: null, token: null });
  });

  it('is read in any editor of the family, with the line end that a mail program adds', () => {
    for (const scheme of ['vscode', 'vscode-insiders', 'code-oss'])
      expect(readAddress(`${writeAddress(scheme, { file: FILE, view: { row: 2 } })}\n`).view.row).toBe(2);
  });

  it('carries any name of file, span and run', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60, unit: 'grapheme' }),
        fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((s) => !/[\n\r]/.test(s)),
        (name, span) => {
          const file = `${name}.residue.json`;
          expect(readAddress(writeAddress('vscode', { file, view: { span, run: span } }))).toEqual({
            file,
            view: { row: null, head: null, token: null, span, run: span },
          });
        },
      ),
    );
  });

  it.each([
    ['', 'not a link to a view'],
    ['https://example.org/view?file=a.shell.yaml', 'not a link to a view'],
    ['vscode://other.extension/view?file=a.shell.yaml', 'not a link to a view'],
    ['vscode://symbolic-residue.symbolic-residue/run?file=a.shell.yaml', 'not a link to a view'],
    ['vscode://symbolic-residue.symbolic-residue/view?row=2', 'file is missing'],
    ['vscode://symbolic-residue.symbolic-residue/view?file=/etc/passwd', 'must be a *.shell.yaml or a *.residue.json'],
    [`vscode://symbolic-residue.symbolic-residue/view?file=${FILE}&row=-1`, '`row` is "-1"'],
    [`vscode://symbolic-residue.symbolic-residue/view?file=${FILE}&head=3`, '`head` is "3"'],
    [`vscode://symbolic-residue.symbolic-residue/view?file=${FILE}&section=%3Cscript%3E`, '`section` is "<script>"'],
    [`vscode://symbolic-residue.symbolic-residue/view?file=${'a'.repeat(5000)}`, 'at most 4096'],
  ])('refuses %s in one sentence', (text, why) => {
    expect(() => readAddress(text)).toThrow(InputError);
    expect(() => readAddress(text)).toThrow(why);
  });

  it('leads to shells and residues alone', () => {
    for (const path of ['a.shell.yaml', 'b/c.shell.yml', 'x.residue.json']) expect(isAddressable(path), path).toBe(true);
    for (const path of ['a.yaml', 'model.json', 'a.shell.yaml.exe', '']) expect(isAddressable(path), path).toBe(false);
  });
});
