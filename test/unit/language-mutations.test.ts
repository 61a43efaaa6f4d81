import { describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { InputError } from '../../src/errors.js';
import { occurrences } from '../../src/language/names.js';
import { apply, rename } from '../../src/language/rename.js';
import { ShellService } from '../../src/language/service.js';
import { completions } from '../../src/shell/complete.js';
import { parseShell } from '../../src/shell/parse.js';
import { Findings, readSource } from '../../src/shell/source.js';
import { mutations, Random, shells } from '../helpers/mutations.js';

const service = new ShellService();
let opened = 0;
const open = (text: string): TextDocument => TextDocument.create(`file:///m/${opened++}.shell.yaml`, 'residue-shell', 1, text);

const valuesOf = (text: string): string => JSON.stringify(readSource(new Findings(text))?.value);

describe('the language features of mutated shells', () => {
  it.each(Object.keys(mutations))('%s: every feature answers at any place, and never throws', async (name) => {
    const random = new Random(name.length * 104_729 + 7);
    for (let i = 0; i < 25; i++) {
      const text = mutations[name]!(random.of(shells), random).slice(0, 20_000);
      const document = open(text);
      for (let k = 0; k < 4; k++) {
        const position = document.positionAt(random.below(text.length + 1));
        for (const { textEdit } of await service.complete(document, position)) {
          const { start, end } = (textEdit as { range: { start: typeof position; end: typeof position } }).range;
          expect(document.offsetAt(start)).toBeLessThanOrEqual(document.offsetAt(position));
          expect(document.offsetAt(end)).toBeGreaterThanOrEqual(document.offsetAt(position));
        }
        await service.hover(document, position);
        await service.definition(document, position);
        service.references(document, position, true);
        await service.prepareRename(document, position);
        await service.rename(document, position, 'other-name').catch((error: unknown) => expect(error).toBeInstanceOf(InputError));
        await service.selectionRanges(document, [position]);
      }
      for (const { startLine, endLine } of await service.folding(document)) expect(endLine).toBeGreaterThan(startLine);
      service.symbols(document);
      service.codeActions(document, service.diagnostics(document), ['quickfix', 'source.fixAll']);
    }
  });

  it('completion answers at every place of a shell and of its broken kin', () => {
    const random = new Random(11);
    const small = shells.filter((text) => text.length < 900);
    expect(small.length).toBeGreaterThan(2);
    for (const name of ['scraps', 'lines', 'cut']) {
      const text = mutations[name]!(random.of(small), random).slice(0, 700);
      for (let offset = 0; offset <= text.length; offset++) {
        for (const { start, end } of completions(text, offset)) expect(start <= offset && offset <= end, text).toBe(true);
      }
    }
  });

  it('names stand where they are said to, in every shell', () => {
    for (const text of shells) {
      for (const { name, start, end, whole } of occurrences(text)) {
        expect(text.slice(start, end).replace(/^["']|["']$/g, '')).toBe(name);
        expect(whole.start <= start && end <= whole.end).toBe(true);
      }
    }
  });

  it('a rename leaves a shell that reads as before but for the name, and its way back gives the same bytes', () => {
    let renamed = 0;
    for (const text of shells) {
      const { shell } = parseShell(text);
      for (const name of new Set(occurrences(text).map((one) => one.name))) {
        const { start } = occurrences(text).find((one) => one.name === name)!;
        const there = apply(text, rename(text, start, 'quite-new'));
        expect(parseShell(there).diagnostics.length).toBe(parseShell(text).diagnostics.length);
        expect(parseShell(there).shell === null).toBe(shell === null);
        const back = occurrences(there).find((one) => one.name === 'quite-new')!;
        expect(apply(there, rename(there, back.start, name))).toBe(text);
        renamed++;
      }
    }
    expect(renamed).toBeGreaterThan(20);
  });

  it.each(['tidy', 'lines', 'scraps'])('formatting what was made untidy (%s) is idempotent and keeps every value', async (name) => {
    const random = new Random(name.length + 3);
    let changed = 0;
    for (let i = 0; i < 25; i++) {
      const shell = random.of(shells);
      const text = untidy(name === 'tidy' ? shell : mutations[name]!(shell, random), random);
      if (text.length > 20_000) continue;
      const once = TextDocument.applyEdits(open(text), await service.format(open(text), { tabSize: 2 }));
      if (once === text) continue;
      changed++;
      expect(valuesOf(once)).toBe(valuesOf(text));
      expect(TextDocument.applyEdits(open(once), await service.format(open(once), { tabSize: 2 })), once).toBe(once);
    }
    expect(changed).toBeGreaterThan(name === 'tidy' ? 15 : 2);
  });
});

/** The same text with other spaces, in and outside its values: what a formatter must tell apart. */
function untidy(text: string, random: Random): string {
  const spaces = (): string => ' '.repeat(1 + random.below(3));
  return text
    .replace(/\{ /g, () => random.of(['{', '{  ', '{ ']))
    .replace(/ \}/g, () => random.of(['}', '  }', ' }']))
    .replace(/: (?=[[{"\w])/g, () => `:${spaces()}`)
    .replace(/, /g, () => `,${spaces()}`)
    .replace(/\n\n/g, () => random.of(['\n\n', '\n\n\n\n', '\n']))
    .replace(/^ {2}- (?=[A-Z])/gm, () => `  -${spaces()}`);
}
