import assert from 'node:assert/strict';
import { commands, ConfigurationTarget, window, workspace, type CodeLens, type TextDocument } from 'vscode';
import type { Residue } from '../../../src/residue/types.js';
import { closeEditors, find, openText, residueOf, setText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const shell = shellText({
  id: 'kept',
  title: 'Kept',
  run: ['ANCHOR: { span: fact }', 'INHIBIT: { span: fact, layers: all }'],
  expect: ['INHIBIT.effect: { below: 1000 }'],
});

const run = (document: TextDocument, how = 'runShell'): Promise<Residue | undefined> => residueOf(how, document.uri);

/** Titles of the lenses in a line of the document. */
async function lensesAt(document: TextDocument, text: string): Promise<string[]> {
  const lenses = await commands.executeCommand<CodeLens[]>('vscode.executeCodeLensProvider', document.uri, 50);
  return lenses.filter(({ range }) => range.start.line === find(document, text).line).map(({ command }) => command?.title ?? '');
}

describe('results of earlier runs', () => {
  afterEach(closeEditors);

  it('shows what a shell and each command last came to, over them', async () => {
    const document = await openText('lenses.shell.yaml', shell);
    assert.deepEqual(await lensesAt(document, 'shell: kept'), ['$(play) Run shell', '$(beaker) Verify']);
    const residue = await run(document);
    assert(residue?.verdict);
    const [, , result, expectations] = await lensesAt(document, 'shell: kept');
    const outcome = residue.verdict.failed
      ? /^✗ (lost at layer \d+|never formed)( \((within its null|unstable|within its null, unstable)\))? · \d+\.\d s$/
      : /^✓ did not fail · \d+\.\d s$/;
    assert.match(result ?? '', outcome);
    assert.equal(expectations, '✓ holds: the expectation');
    assert.equal((await lensesAt(document, 'ANCHOR')).length, 2);
    assert.deepEqual(await lensesAt(document, 'INHIBIT: {'), ['$(play) Run INHIBIT', '✓ holds']);
  });

  it('opens the earlier result at once where nothing has changed, says so, and computes it anew when asked', async () => {
    const document = await openText('cached.shell.yaml', shell);
    const first = await run(document);
    const again = await run(document);
    assert(first && again);
    // Another run has another time.
    assert.equal(again.created, first.created);
    assert.match((await lensesAt(document, 'shell: kept')).join('\n'), /cached, run at \d\d:\d\d\n\$\(refresh\) Run again/);
    const fresh = await run(document, 'runAgain');
    assert(fresh && fresh.created > first.created);
    assert.doesNotMatch((await lensesAt(document, 'shell: kept')).join('\n'), /cached/);
    // One command is not the whole shell.
    const one = await residueOf('runCommand', document.uri, 1);
    assert(one);
    assert(one.created > fresh.created);
    assert.equal((await run(document))?.created, fresh.created);
  });

  it('marks a result as stale when the shell, the settings or the model have changed, and takes the mark away', async () => {
    const document = await openText('stale.shell.yaml', shell);
    await run(document);
    const text = async (): Promise<string> => (await lensesAt(document, 'shell: kept')).join('\n');
    assert.doesNotMatch(await text(), /stale/);
    await setText(document, shell.replace('title: Kept', 'title: Edited'));
    assert.match(await text(), /\$\(warning\) stale, the shell was edited: /);
    assert.match((await lensesAt(document, 'INHIBIT: {')).join('\n'), /stale: ✓ holds/);
    await setText(document, shell);
    assert.doesNotMatch(await text(), /stale/);
    const configuration = workspace.getConfiguration('symbolicResidue');
    await configuration.update('seed', 7, ConfigurationTarget.Global);
    try {
      await until('the mark of the seed', async () => (await text()).includes('stale, the settings were changed: '));
      await configuration.update('seed', undefined, ConfigurationTarget.Global);
      await until('the mark to go', async () => !(await text()).includes('stale'));
      await configuration.update('model', 'pocket-gpt2', ConfigurationTarget.Global);
      await until('the mark of the model', async () => (await text()).includes('stale, the model is another: '));
    } finally {
      await configuration.update('seed', undefined, ConfigurationTarget.Global);
      await configuration.update('model', undefined, ConfigurationTarget.Global);
    }
    await window.showTextDocument(document);
  });

  it('shows the error that ended a run until the text is changed', async () => {
    const document = await openText('error.shell.yaml', shell.replace('family: memory', 'family: memory\nmodel: ./nowhere'));
    assert.equal(await run(document), undefined);
    assert.match((await lensesAt(document, 'shell: kept')).join('\n'), /\$\(error\) There is no model at .*nowhere/);
    await setText(document, shell);
    assert.doesNotMatch((await lensesAt(document, 'shell: kept')).join('\n'), /\$\(error\)/);
  });
});
