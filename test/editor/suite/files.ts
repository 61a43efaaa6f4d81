import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands, TabInputCustom, TabInputText, Uri, window, workspace, type TextDocument } from 'vscode';
import type { Comparison } from '../../../src/residue/types-comparison.js';
import type { Residue } from '../../../src/residue/types.js';
import { closeEditors, enginePids, folder, openText, setText, until } from './helpers.js';

const shell = `format: 1
shell: filed
title: Filed
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
rivals: [" blue"]
run:
  - ANCHOR: { span: fact }
`;

const tabs = (): unknown[] => window.tabGroups.all.flatMap(({ tabs: all }) => all.map(({ input }) => input as unknown));
const editors = (): string[] =>
  tabs()
    .filter((input) => input instanceof TabInputCustom)
    .map(({ uri }) => uri.path.split('/').at(-1) ?? '');
const run = (document: TextDocument): Thenable<Residue | undefined> => commands.executeCommand('symbolicResidue.runShell', document.uri);

describe('residues as files', () => {
  afterEach(closeEditors);

  it('opens a residue file in its own editor, without an engine, and again as text', async () => {
    const document = await openText('filed.shell.yaml', shell);
    const residue = await run(document);
    assert(residue);
    await closeEditors();
    await commands.executeCommand('symbolicResidue.restartEngine');
    await until('the engine to end', () => enginePids().length === 0);
    const path = join(folder(), 'a.residue.json');
    writeFileSync(path, JSON.stringify(residue));
    try {
      await commands.executeCommand('vscode.open', Uri.file(path));
      await until('the editor', () => editors().includes('a.residue.json'));
      assert.deepEqual(enginePids(), []);
      await commands.executeCommand('symbolicResidue.reopenAsText', Uri.file(path));
      await until('the text', () => tabs().some((input) => input instanceof TabInputText && input.uri.path.endsWith('a.residue.json')));
    } finally {
      rmSync(path);
    }
  });

  it('opens whatever a file of that name holds', async () => {
    const texts = { empty: '', no: '{"runs": []}', broken: '{"format": 1, "runs": [', later: '{"format": 2}', deep: '['.repeat(200_000) };
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder(), `${name}.residue.json`), text);
    try {
      for (const name of Object.keys(texts)) {
        await commands.executeCommand('vscode.open', Uri.file(join(folder(), `${name}.residue.json`)));
        await until(`${name}'s editor`, () => editors().includes(`${name}.residue.json`));
      }
    } finally {
      for (const name of Object.keys(texts)) rmSync(join(folder(), `${name}.residue.json`));
    }
  });

  it('keeps each run of a shell, opens an earlier one and compares with it', async () => {
    const document = await openText('history.shell.yaml', shell.replace('shell: filed', 'shell: first'));
    const first = await run(document);
    await setText(document, document.getText().replace('shell: first', 'shell: second'));
    const second = await run(document);
    assert(first && second);
    // The first that is offered is the run before; it is compared with the one that is shown.
    const pending = commands.executeCommand<string | undefined>('symbolicResidue.compareWith', document.uri);
    let done = false;
    void pending.then(() => (done = true));
    await until('the comparison', async () => {
      await commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      return done;
    });
    const comparison = JSON.parse((await pending) ?? 'null') as Comparison;
    assert.deepEqual([comparison.a.label, comparison.b.label], ['second', 'first']);
    assert.match(comparison.b.file ?? '', /^history \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.residue\.json$/);
    await commands.executeCommand('workbench.action.files.revert');
  });

  it('serves no file but those of runs that are kept', async () => {
    for (const query of ['nothing', '../history/x', '']) {
      const uri = Uri.from({ scheme: 'residue-run', path: '/x.residue.json', query });
      await assert.rejects(Promise.resolve(workspace.fs.readFile(uri)));
    }
  });
});
