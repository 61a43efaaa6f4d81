import assert from 'node:assert/strict';
import {
  commands,
  CompletionItemKind,
  languages,
  type CodeAction,
  type CompletionItem,
  type CodeLens,
  type CompletionList,
  type Hover,
  workspace,
} from 'vscode';
import { closeEditors, find, findings, openBundled, openText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const broken = shellText({ id: 'broken', rivals: null, run: ['ANCHOR: { span: fatc }'] });

describe('the shell language', () => {
  afterEach(closeEditors);

  it('knows shells by the ends of their names', async () => {
    assert.equal((await openText('a.shell.yaml', 'format: 1\n')).languageId, 'residue-shell');
    assert.equal((await openText('b.shell.yml', 'format: 1\n')).languageId, 'residue-shell');
    assert.notEqual((await openText('c.yaml', 'format: 1\n')).languageId, 'residue-shell');
  });

  it('offers lenses over the shell and over each command, at their lines', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const lenses = await commands.executeCommand<CodeLens[]>('vscode.executeCodeLensProvider', document.uri, 10);
    const shown = lenses.map(({ command, range }) => [command?.title.replace(/^\$\([\w-]+\) /, ''), range.start.line, command?.command]);
    assert.deepEqual(shown, [
      ['Run shell', find(document, '\nshell:').line + 1, 'symbolicResidue.runShell'],
      ['Verify', find(document, '\nshell:').line + 1, 'symbolicResidue.verify'],
      ['Run ANCHOR', find(document, 'ANCHOR').line, 'symbolicResidue.runCommand'],
      ['Run RECALL', find(document, 'RECALL').line, 'symbolicResidue.runCommand'],
      ['Run INHIBIT', find(document, 'INHIBIT').line, 'symbolicResidue.runCommand'],
    ]);
  });

  it('finds nothing wrong with the bundled shell', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    assert.deepEqual(await findings(document), []);
  });

  it('marks an error at its range, offers to mend it, and takes it away when it is mended', async () => {
    const document = await openText('broken.shell.yaml', broken);
    const [problem] = await until('a diagnostic', () => {
      const all = languages.getDiagnostics(document.uri);
      return all.length > 0 && all;
    });
    assert.equal(document.getText(problem?.range), 'fatc');
    const fix = await until('the fix', async () => {
      const actions = await commands.executeCommand<CodeAction[]>('vscode.executeCodeActionProvider', document.uri, problem?.range);
      return actions.find(({ title }) => title === 'Change to fact');
    });
    assert(fix.edit);
    assert(await workspace.applyEdit(fix.edit));
    assert(document.getText().includes('span: fact }'));
    await until('the diagnostic to go', () => languages.getDiagnostics(document.uri).length === 0);
  });

  it('says one thing about a file that is no shell at all', async () => {
    const document = await openText('hostile.shell.yaml', `a: &a [x]\n${'b: '.padEnd(5000, '[')}\n`);
    const all = await until(
      'a diagnostic',
      () => languages.getDiagnostics(document.uri).length > 0 && languages.getDiagnostics(document.uri),
    );
    assert(all.length >= 1);
  });

  it('completes commands and the names of spans, with what they mean', async () => {
    const document = await openText('typing.shell.yaml', broken.replace('  - ANCHOR: { span: fatc }', '  - ANCHOR: { span:  }\n  - '));
    // Asked until the language server, which starts with the first shell, has an answer.
    const offered = (after: string, name: string): Promise<CompletionItem> =>
      until(`${name} to be offered`, async () => {
        const at = document.positionAt(document.getText().indexOf(after) + after.length);
        const { items } = await commands.executeCommand<CompletionList>('vscode.executeCompletionItemProvider', document.uri, at);
        return items.find(({ label, kind }) => label === name && kind !== CompletionItemKind.Text);
      });
    await offered('span: ', 'fact');
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) {
      const { documentation, detail } = await offered('}\n  - ', name);
      assert(documentation && detail);
    }
  });

  it('explains a command under the pointer', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    await until('the explanation', async () => {
      const at = find(document, 'INHIBIT').translate(0, 2);
      const hovers = await commands.executeCommand<Hover[]>('vscode.executeHoverProvider', document.uri, at);
      const contents = hovers.flatMap((hover) => hover.contents.map((content) => (typeof content === 'string' ? content : content.value)));
      return /attention/i.test(contents.join('\n'));
    });
  });
});
