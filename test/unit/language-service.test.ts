import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { apply } from '../../src/language/rename.js';
import { ShellService } from '../../src/language/service.js';
import { packageRoot } from '../../src/paths.js';
import { parseShell } from '../../src/shell/parse.js';

const service = new ShellService((anchor) => `[Method](${anchor})`);
const shellText = (name: string): string => readFileSync(join(packageRoot(), 'shells', name), 'utf8');
const memtrace = shellText('v1-memtrace.shell.yaml');

let opened = 0;
function open(text: string): TextDocument {
  return TextDocument.create(`file:///w/${opened++}.shell.yaml`, 'residue-shell', 1, text);
}

/** A document of the text without its `¦`, and that place. */
function at(marked: string) {
  const document = open(marked.replace('¦', ''));
  return { document, position: document.positionAt(marked.indexOf('¦')) };
}

const base = `format: 1
shell: my-shell
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. {{walk}}Q: What color? A:
control: "Tom has a [[fact|red]] \\"ball\\". Q: What color? A:"
answer: " red"
vary:
  walk: [0, 1]
paraphrases:
  - 'It''s Anna. She has a [[fact|blue]] cup. {{ walk }}Q: What color? A:'
  - prompt:
      - role: user
        content: >-
          Sam has a
          [[fact|green]] hat. {{walk}}What color?
    answer: " green"
run:
  - ANCHOR: { span: fact }
  - INHIBIT:
      span: "fact"
`;

describe('completion over the protocol', () => {
  it('gives a nested key the map that the schema asks for, which is right when taken', async () => {
    const { document, position } = at(base.replace('      span: "fact"\n', '      span: fact\n  - ANCHOR:\n      span: fact\n      ¦\n'));
    const items = await service.complete(document, position);
    expect(items.map(({ label }) => label)).toEqual(['inject']);
    expect(items[0]!.textEdit!.newText).toMatch(/^inject:\n/);
  });

  it('offers nothing in comments and within prompts, where yaml-language-server would', async () => {
    for (const marked of [`${base}# fam¦`, base.replace('Tom has', 'Tom¦ has')]) {
      const { document, position } = at(marked);
      expect(await service.complete(document, position)).toEqual([]);
    }
  });

  it('offers the models that can be named, and replaces the whole of an id', async () => {
    const named = new ShellService(undefined, () => [
      { id: 'planted:qk-collapse', detail: 'x' },
      { id: 'org/model-1B@main', detail: 'y' },
    ]);
    for (const marked of ['format: 1\nmodel: ¦\n', 'format: 1\nmodel: planted:q¦k-c # mine\n', 'format: 1\nmodel: org/mo¦\n']) {
      const { document, position } = at(marked);
      const items = await named.complete(document, position);
      expect(items.map(({ label }) => label)).toEqual(['planted:qk-collapse', 'org/model-1B@main']);
      const text = TextDocument.applyEdits(document, [items[0]!.textEdit as never]);
      expect(text).toMatch(/^format: 1\nmodel: planted:qk-collapse( # mine)?\n$/);
    }
  });

  it('does not fetch what a modeline names', async () => {
    const { document, position } = at(`# yaml-language-server: $schema=http://127.0.0.1:1/evil.json\nformat: 1\n¦`);
    expect((await service.complete(document, position)).map(({ label }) => label)).toContain('prompt');
  });
});

describe('hovers', () => {
  const hover = async (word: string, shift = 1, text = base): Promise<string | undefined> => {
    const document = open(text);
    const found = await service.hover(document, document.positionAt(text.indexOf(word) + shift));
    return found ? (found.contents as { value: string }).value : undefined;
  };

  it('give a command with method, formula and paper, and a link to its section', async () => {
    const text = await hover('INHIBIT');
    for (const part of ['tested by intervention', '−∞', 'Geva et al. 2023', '[Method](attention-knockout)']) expect(text).toContain(part);
  });

  it('give an expectation with its formula and source', async () => {
    const text = await hover('collapse.layer', 1, `${base}expect:\n  - collapse.layer: 3\n  - pattern: value-competition\n`);
    expect(text).toContain('logit lens');
    expect(text).toContain('[Method](collapse-point-observed)');
    expect(await hover('value-competition', 1, `${base}expect:\n  - pattern: value-competition\n`)).toContain('Null:');
  });

  it('say where a span stands and which commands take it, on its mark and where it is taken', async () => {
    for (const word of ['fact|red', 'fact }', 'fact|green']) {
      const text = await hover(word);
      expect(text).toContain('- prompt: `red`');
      expect(text).toContain('- paraphrase 2: `green`');
      expect(text).toContain('Taken by ANCHOR, INHIBIT.');
    }
    expect(await hover('Tom has')).toBeUndefined();
  });
});

describe('findings', () => {
  it('are the checker’s own, once, each misspelt word with the change that mends it', () => {
    const text = base
      .replace('span: fact }', 'span: fatc }')
      .replace('family: memory', 'famly: memory')
      .replace('{{ walk }}', '{{ wakl }}');
    let document = open(text);
    const messages = service.diagnostics(document).map(({ message }) => message);
    expect(new Set(messages).size).toBe(messages.length);
    const fixed = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const [diagnostic] = service.diagnostics(document);
      if (!diagnostic) break;
      const [action] = service.codeActions(document, [diagnostic]);
      expect(action).toMatchObject({ kind: 'quickfix', isPreferred: true, diagnostics: [diagnostic] });
      fixed.add(action!.title);
      document = edited(document, action!.edit!.changes![document.uri]!);
    }
    expect(service.diagnostics(document)).toEqual([]);
    expect(document.getText()).toBe(base.replace('{{ walk }}', '{{walk}}'));
    expect([...fixed]).toEqual(expect.arrayContaining(['Change to fact', 'Change to {{walk}}']));
  });

  it('offer to add each key that a shell cannot be without, from an empty map to a shell', () => {
    let document = open('title: x\n');
    for (let i = 0; i < 6; i++) {
      const [diagnostic] = service.diagnostics(document);
      if (!diagnostic) break;
      const [action] = service.codeActions(document, [diagnostic]);
      document = edited(document, action!.edit!.changes![document.uri]!);
    }
    expect(parseShell(document.getText()).diagnostics).toEqual([]);
    expect(
      document
        .getText()
        .split('\n')
        .map((line) => line.split(':')[0])
        .slice(0, 4),
    ).toEqual(['format', 'shell', 'title', 'family']);
  });

  it('are all mended at once by source.fixAll', () => {
    const document = open(base.replace('span: fact }', 'span: fatc }').replace('{{ walk }}', '{{ wakl }}'));
    const [action] = service.codeActions(document, [], ['source.fixAll']);
    const after = edited(document, action!.edit!.changes![document.uri]!);
    expect(service.diagnostics(after)).toEqual([]);
    expect(service.codeActions(open(base), [], ['source.fixAll'])).toEqual([]);
  });
});

type TextEdits = Parameters<typeof TextDocument.applyEdits>[1];

function edited(document: TextDocument, edits: TextEdits): TextDocument {
  return open(TextDocument.applyEdits(document, edits));
}

describe('rename', () => {
  it('renames a span everywhere it stands, in every style of scalar, from any of its places', async () => {
    const places = [...base.matchAll(/fact/g)].map(({ index }) => index);
    expect(places).toHaveLength(6);
    for (const place of places) {
      const document = open(base);
      const position = document.positionAt(place + 2);
      expect(await service.prepareRename(document, position)).toMatchObject({ placeholder: 'fact' });
      const edit = await service.rename(document, position, 'colour');
      expect(edited(document, edit!.changes![document.uri]!).getText()).toBe(base.replaceAll('fact', 'colour'));
    }
  });

  it('renames what fills a placeholder, at its key and in every prompt', async () => {
    const { document, position } = at(base.replace('  walk:', '  wa¦lk:'));
    const edit = await service.rename(document, position, 'way');
    expect(edited(document, edit!.changes![document.uri]!).getText()).toBe(base.replaceAll('walk', 'way'));
  });

  it('refuses what is no name, and one that is taken', async () => {
    const text = base.replace('ball.', '[[thing|ball]].');
    const document = open(text);
    const position = document.positionAt(text.indexOf('fact') + 1);
    for (const name of ['', '1st', 'two words', 'a|b', ']]', 'x'.repeat(65)]) {
      await expect(service.rename(document, position, name), name).rejects.toThrow(/cannot name a span; a name is a letter/);
    }
    await expect(service.rename(document, position, 'thing')).rejects.toThrow(/has a span named "thing" already/);
    const elsewhere = document.positionAt(text.indexOf('Tom'));
    expect(await service.prepareRename(document, elsewhere)).toBeNull();
  });

  it('quotes a name that YAML would read as something else', async () => {
    const { document, position } = at(base.replace('span: fact }', 'span: fa¦ct }'));
    const after = edited(document, (await service.rename(document, position, 'null'))!.changes![document.uri]!).getText();
    expect(after).toContain('ANCHOR: { span: "null" }');
    expect(parseShell(after).diagnostics).toEqual([]);
  });

  it('renames YAML anchors too', async () => {
    const { document, position } = at('answer: &a¦ns " red"\nrivals: [*ans]\n');
    const after = edited(document, (await service.rename(document, position, 'first'))!.changes![document.uri]!).getText();
    expect(after).toBe('answer: &first " red"\nrivals: [*first]\n');
  });
});

describe('navigation', () => {
  it('goes from a command’s span to its mark in the prompt, from a placeholder to its key', async () => {
    for (const [marked, target] of [
      [base.replace('span: fact }', 'span: fa¦ct }'), '[[fact|red]] ball. {{'],
      [base.replace('{{ walk }}', '{{ wa¦lk }}'), 'walk: [0'],
    ] as const) {
      const { document, position } = at(marked);
      const [link] = await service.definition(document, position);
      expect(document.offsetAt(link!.targetRange.start)).toBe(base.indexOf(target));
      expect(document.getText(link!.targetSelectionRange)).toMatch(/^(fact|walk)$/);
    }
  });

  it('lists every place of a span, and the uses alone', () => {
    const { document, position } = at(base.replace('span: fact }', 'span: fa¦ct }'));
    expect(service.references(document, position, true)).toHaveLength(6);
    expect(service.references(document, position, false)).toHaveLength(2);
    expect(service.highlights(document, position)).toHaveLength(6);
  });
});

describe('outline, folding, selection', () => {
  it('lists keys, spans, commands and expectations, each within its parent', () => {
    const document = open(memtrace);
    const symbols = service.symbols(document);
    const child = (name: string) => symbols.find((one) => one.name === name)?.children?.map((one) => one.name);
    expect(symbols[0]).toMatchObject({ name: 'format', detail: '1' });
    expect(child('prompt')).toEqual(['fact']);
    expect(child('run')).toEqual(['ANCHOR', 'RECALL', 'INHIBIT']);
    expect(child('expect')).toContain('density.share');
    expect(child('paraphrases')?.length).toBeGreaterThan(3);
    const inside = (outer: { range: { start: object; end: object } }, inner: { range: { start: object; end: object } }): boolean =>
      document.offsetAt(inner.range.start as never) >= document.offsetAt(outer.range.start as never) &&
      document.offsetAt(inner.range.end as never) <= document.offsetAt(outer.range.end as never);
    const check = (all: typeof symbols): void => {
      for (const one of all) {
        expect(inside({ range: one.range }, { range: one.selectionRange }), one.name).toBe(true);
        for (const inner of one.children ?? []) expect(inside(one, inner), `${one.name} > ${inner.name}`).toBe(true);
        check(one.children ?? []);
      }
    };
    check(symbols);
  });

  it('folds blocks, lists and paraphrases by lines', async () => {
    const lines = memtrace.split('\n');
    const folds = (await service.folding(open(memtrace))).map(({ startLine, endLine }) => [lines[startLine], lines[endLine]]);
    expect(folds).toContainEqual(['prompt: |-', expect.stringContaining('{{walk}}Q:')]);
    expect(folds).toContainEqual(['run:', expect.stringContaining('INHIBIT')]);
    expect(folds.some(([first]) => first?.startsWith('  - prompt:'))).toBe(true);
  });

  it('grows a selection from a word of a command to the run list', async () => {
    const { document, position } = at(base.replace('span: fact }', 'span: fa¦ct }'));
    const [first] = await service.selectionRanges(document, [position]);
    const texts: string[] = [];
    for (let range = first; range; range = range.parent) texts.push(document.getText(range.range));
    expect(texts[0]).toBe('fact');
    expect(texts.some((text) => text.startsWith('run:'))).toBe(true);
  });
});

describe('formatting', () => {
  it('mends indentation and spaces and leaves every value as it is', async () => {
    const untidy = base.replace('{ span: fact }', '{span:   fact}').replace('vary:\n  walk: [0, 1]', 'vary:\n     walk:   [0,1]');
    const document = open(untidy);
    const edits = await service.format(document, { tabSize: 2 });
    const after = TextDocument.applyEdits(document, edits);
    expect(after).toContain('ANCHOR: { span: fact }');
    expect(after).toContain('vary:\n  walk: [0, 1]');
    expect(strip(parseShell(after).shell)).toEqual(strip(parseShell(untidy).shell));
    expect(await service.format(open(after), { tabSize: 2 })).toEqual([]);
  });

  it('changes nothing in the shells that come with it, nor in a file that is no YAML', async () => {
    for (const name of ['v1-memtrace', 'v2-value-collapse', 'v3-layer-salience', 'v4-temporal-inference', 'v5-instruction-disruption']) {
      expect(await service.format(open(shellText(`${name}.shell.yaml`)), { tabSize: 2 }), name).toEqual([]);
    }
    expect(await service.format(open('a: [1\nb: }'), { tabSize: 2 })).toEqual([]);
  });
});

/** A shell without the places in its file. */
function strip(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (/ranges?$/i.test(key) ? undefined : inner)));
}

it('edits are applied from the end on', () => {
  expect(
    apply('abc', [
      { start: 0, end: 1, newText: 'xx' },
      { start: 2, end: 3, newText: '' },
    ]),
  ).toBe('xxb');
});
