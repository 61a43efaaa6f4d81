import assert from 'node:assert/strict';
import { commands, languages, type CodeAction, type CodeLens, type CompletionList, type Hover, workspace } from 'vscode';
import { closeEditors, find, openBundled, openText, until } from './helpers.js';

const broken = `format: 1
shell: broken
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
run:
  - ANCHOR: { span: fatc }
`;

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
    await new Promise((done) => setTimeout(done, 600));
    assert.deepEqual(languages.getDiagnostics(document.uri), []);
  });

  it('marks an error at its range, offers to mend it, and takes it away when it is mended', async () => {
    const document = await openText('broken.shell.yaml', broken);
    const [problem] = await until('a diagnostic', () => {
      const all = languages.getDiagnostics(document.uri);
      return all.length > 0 && all;
    });
    assert.equal(document.getText(problem?.range), 'fatc');
    const actions = await commands.executeCommand<CodeAction[]>('vscode.executeCodeActionProvider', document.uri, problem?.range);
    const fix = actions.find(({ title }) => title === 'Change to fact');
    assert(fix?.edit, `Offered: ${actions.map(({ title }) => title).join(', ')}`);
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
    const at = (text: string): Thenable<CompletionList> =>
      commands.executeCommand(
        'vscode.executeCompletionItemProvider',
        document.uri,
        document.positionAt(document.getText().indexOf(text) + text.length),
      );
    const spans = (await at('span: ')).items.map(({ label }) => label);
    assert(spans.includes('fact'), `Offered: ${spans.join(', ')}`);
    const { items } = await at('}\n  - ');
    for (const name of ['ANCHOR', 'RECALL', 'INHIBIT']) {
      const item = items.find(({ label }) => label === name);
      assert(item, `${name} is not among ${items.map(({ label }) => String(label)).join(', ')}`);
      assert(item.documentation && item.detail);
    }
  });

  it('explains a command under the pointer', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const hovers = await commands.executeCommand<Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      find(document, 'INHIBIT').translate(0, 2),
    );
    const text = hovers
      .flatMap(({ contents }) => contents.map((content) => (typeof content === 'string' ? content : content.value)))
      .join('\n');
    assert.match(text, /attention/i);
  });
});
