import assert from 'node:assert/strict';
import { extensions, languages, Task, tasks, TaskScope, workspace, type TextDocument, type Uri } from 'vscode';
import { closeEditors, extensionId, openText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const shell = shellText({ id: 'tasked', expect: ['margin: { above: 1000 }'] });

/** Runs a task to its end; its exit code. */
async function ended(task: Task): Promise<number | undefined> {
  const end = new Promise<number | undefined>((done) => {
    const listener = tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task.name !== task.name) return;
      listener.dispose();
      done(exitCode);
    });
  });
  await tasks.executeTask(task);
  return end;
}

const found = (uri: Uri): { line: number; message: string }[] =>
  languages
    .getDiagnostics(uri)
    .filter(({ source }) => source === 'residue')
    .map(({ range, message }) => ({ line: range.start.line, message }));

/**
 * Runs a task until what it says is a problem of the document. VS Code lets go of a terminal's lines when its process has ended, and on a
 * busy machine that can be before it has read the last of them.
 */
async function problemOf(task: Task, exit: number, { uri }: TextDocument): Promise<{ line: number; message: string }> {
  for (let i = 0; ; i++) {
    assert.equal(await ended(task), exit);
    try {
      return await until('the problem', () => found(uri)[0], 8000);
    } catch (error) {
      if (i === 4) throw error;
    }
  }
}

describe('tasks', () => {
  before(async () => {
    await extensions.getExtension(extensionId)?.activate();
  });
  afterEach(closeEditors);

  it('offers to run and to check the open shell and all shells, and puts what they say at its line', async () => {
    const document = await openText('tasked.shell.yaml', shell);
    const all = await tasks.fetchTasks({ type: 'residue' });
    const names = all.map(({ name }) => name);
    for (const name of ['run all shells', 'check all shells', 'run tasked.shell.yaml', 'check tasked.shell.yaml'])
      assert(names.includes(name), names.join(', '));
    const run = all.find(({ name }) => name === 'run tasked.shell.yaml')!;
    const problem = await problemOf(run, 1, document);
    assert.equal(
      problem.line,
      shell.split('\n').findIndex((line) => line.includes('margin:')),
    );
    assert.match(problem.message, /^margin is .* was expected$/);
    const check = all.find(({ name }) => name === 'check tasked.shell.yaml')!;
    assert.equal(await ended(check), 0);
  });

  it('runs a task as a tasks.json defines it, with options', async () => {
    const document = await openText('mistaken.shell.yaml', shell.replace('span: fact', 'span: fatc'));
    const folder = workspace.workspaceFolders![0]!;
    const defined = new Task(
      { type: 'residue', command: 'check', files: ['mistaken.shell.yaml'] },
      folder ?? TaskScope.Workspace,
      'mine',
      'residue',
    );
    const [resolved] = (await tasks.fetchTasks({ type: 'residue' })).filter(({ name }) => name === 'check mistaken.shell.yaml');
    assert(resolved && defined.definition.type === resolved.definition.type);
    const { message } = await problemOf(resolved, 2, document);
    assert.match(message, /fatc/);
  });
});
