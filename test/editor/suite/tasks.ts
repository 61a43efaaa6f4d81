import assert from 'node:assert/strict';
import { extensions, languages, Task, tasks, TaskScope, workspace, type Uri } from 'vscode';
import { closeEditors, extensionId, openText, until } from './helpers.js';

const shell = `format: 1
shell: tasked
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:
answer: " red"
rivals: [" blue"]
run:
  - ANCHOR: { span: fact }
expect:
  - margin: { above: 1000 }
`;

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
    assert.equal(await ended(run), 1);
    const [problem] = await until('the problem', () => found(document.uri).length > 0 && found(document.uri));
    assert.equal(
      problem?.line,
      shell.split('\n').findIndex((line) => line.includes('margin:')),
    );
    assert.match(problem?.message ?? '', /^margin is .* was expected$/);
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
    assert.equal(await ended(resolved), 2);
    const [problem] = await until('the problem', () => found(document.uri).length > 0 && found(document.uri));
    assert.match(problem?.message ?? '', /fatc/);
  });
});
