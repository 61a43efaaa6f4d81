import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands, extensions, TabInputCustom, TabInputText, TabInputTextDiff, Uri, window, workspace, type TextDocument } from 'vscode';
import type { Comparison } from '../../../src/residue/types-comparison.js';
import type { Residue } from '../../../src/residue/types.js';
import { closeEditors, enginePids, folder, openText, residueOf, setText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const shell = shellText({ id: 'filed', title: 'Filed' });

const tabs = (): unknown[] => window.tabGroups.all.flatMap(({ tabs: all }) => all.map(({ input }) => input as unknown));
const editors = (): string[] =>
  tabs()
    .filter((input) => input instanceof TabInputCustom)
    .map(({ uri }) => uri.path.split('/').at(-1) ?? '');
/** What the test needs of the git extension, which comes with VS Code. */
interface GitApi {
  openRepository(folder: Uri): Promise<unknown>;
  toGitUri(file: Uri, ref: string): Uri;
}

async function gitApi(): Promise<GitApi> {
  const extension = extensions.getExtension<{ getAPI(version: 1): GitApi }>('vscode.git');
  assert(extension, 'The git extension is not there.');
  return (await extension.activate()).getAPI(1);
}

const run = (document: TextDocument): Promise<Residue | undefined> => residueOf('runShell', document.uri);

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

  it('shows what git has changed of a residue file as text, and compares its two versions', async () => {
    const document = await openText('diffed.shell.yaml', shell.replace('shell: filed', 'shell: diffed'));
    const residue = await run(document);
    assert(residue);
    await closeEditors();
    const uri = Uri.file(join(folder(), 'diffed.residue.json'));
    const git = (...args: string[]): Buffer =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: folder() });
    try {
      writeFileSync(uri.fsPath, JSON.stringify(residue, null, 1));
      git('init', '-q');
      git('add', 'diffed.residue.json');
      git('commit', '-q', '-m', 'A residue.');
      writeFileSync(uri.fsPath, JSON.stringify({ ...residue, shell: { ...residue.shell, id: 'edited' } }, null, 1));
      const api = await gitApi();
      await api.openRepository(Uri.file(folder()));
      const before = api.toGitUri(uri, 'HEAD');
      await commands.executeCommand('vscode.diff', before, uri);
      await until('the changes as text', () => tabs().some((input) => input instanceof TabInputTextDiff));
      assert.deepEqual(editors(), []);
      const comparison = JSON.parse(
        (await commands.executeCommand<string | undefined>('symbolicResidue.compareDiff')) ?? 'null',
      ) as Comparison;
      assert.deepEqual([comparison.a.label, comparison.b.label], ['edited', 'diffed']);
      assert.equal(comparison.b.file, 'diffed.residue.json (before)');
      await closeEditors();
      // The editor that diffs take is that of either side alone, in every version of VS Code.
      await commands.executeCommand('vscode.open', before);
      await until('the earlier version as text', () => tabs().some((input) => input instanceof TabInputText));
      assert.deepEqual(editors(), []);
    } finally {
      await closeEditors();
      for (const name of ['.git', 'diffed.residue.json']) rmSync(join(folder(), name), { recursive: true, force: true });
    }
  });

  it('serves no file but those of runs that are kept', async () => {
    for (const query of ['nothing', '../history/x', '']) {
      const uri = Uri.from({ scheme: 'residue-run', path: '/x.residue.json', query });
      await assert.rejects(Promise.resolve(workspace.fs.readFile(uri)));
    }
  });
});
