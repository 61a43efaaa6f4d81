import assert from 'node:assert/strict';
import {
  commands,
  ConfigurationTarget,
  languages,
  Position,
  Range,
  Selection,
  TabInputCustom,
  TabInputWebview,
  Uri,
  window,
  workspace,
  type TextDocument,
} from 'vscode';
import type { Comparison } from '../../../src/residue/types-comparison.js';
import type { Residue } from '../../../src/residue/types.js';
import {
  closeEditors,
  enginePids,
  find,
  openBundled,
  openText,
  residueOf,
  slowness,
  until,
  untilRunning,
  watchEventLoop,
  watchParsing,
} from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

/** A shell that does next to nothing, on the bundled model. */
const small = shellText({
  id: 'small',
  title: 'Small',
  run: ['ANCHOR: { span: fact }', 'RECALL: {}', 'INHIBIT: { span: fact, layers: all }'],
});

const runShell = (document: TextDocument): Promise<Residue | undefined> => residueOf('runShell', document.uri);

/** Computes it although an earlier test has run the same. */
const runAgain = (document: TextDocument): Promise<Residue | undefined> => residueOf('runAgain', document.uri);

function panelTabs(): string[] {
  return window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .filter(({ input }) => input instanceof TabInputWebview && input.viewType.endsWith('symbolicResidue.panel'))
    .map(({ label }) => label);
}

function fileTabs(): string[] {
  return window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .filter(({ input }) => input instanceof TabInputCustom)
    .map(({ label }) => label);
}

describe('running a shell', () => {
  afterEach(closeEditors);

  it('runs v1.MEMTRACE on the bundled model and opens its panel, the host free all the while', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const slower = slowness();
    const parsed = watchParsing();
    const loop = watchEventLoop();
    const left = await commands.executeCommand<{ json: string }>('symbolicResidue.runShell', document.uri);
    const longest = loop.longest();
    // No residue is made objects of here, neither one that grows nor the whole.
    assert(left.json.length > 500_000 && parsed.longest() < 50_000, `A text of ${parsed.longest()} characters was parsed.`);
    const residue = JSON.parse(left.json) as Residue;
    // Four times the target, which the benchmark measures on a quiet machine: enough to tell that something large is done here after all.
    const limit = 200 * Math.max(slower, slowness());
    assert.equal(residue.status, 'complete');
    assert.equal(residue.provenance.model.id, 'pocket');
    assert.equal(residue.shell.file, 'v1-memtrace.shell.yaml');
    assert(residue.verdict?.sentence);
    assert(residue.checks.length > 0 && residue.checks.every(({ passed }) => passed));
    assert.deepEqual(panelTabs(), ['Residue: v1-memtrace']);
    assert(longest <= limit, `The extension host was blocked for ${longest.toFixed(1)} ms, more than ${limit.toFixed(1)}.`);
  });

  it('sends the page of a shell with many values one growing residue at a time, and the whole in the end', async () => {
    const heard: string[] = [];
    const create = window.createWebviewPanel;
    window.createWebviewPanel = (...args: Parameters<typeof create>) => {
      const panel = create.apply(window, args);
      const post = panel.webview.postMessage.bind(panel.webview);
      panel.webview.onDidReceiveMessage(({ type }: { type: string }) => void (type === 'drawn' && heard.push(type)));
      panel.webview.postMessage = (message: { type: string; json: string }) => {
        if (message.type === 'residueText') heard.push(/"status":"(\w+)"/.exec(message.json)![1]!);
        return post(message);
      };
      return panel;
    };
    try {
      const times = [...Array(64).keys()];
      const document = await openText('many.shell.yaml', shellText({ id: 'many', times, run: [], more: ['verify: false'] }));
      const residue = await runShell(document);
      assert.equal(residue?.runs.length, 64);
      await until('the whole to be drawn', () => heard.at(-1) === 'drawn' && heard.includes('complete'));
    } finally {
      window.createWebviewPanel = create;
    }
    assert(heard.includes('running') && heard.includes('drawn'), heard.join(' '));
    assert.equal(heard.filter((one) => one === 'complete').length, 1);
    // Between two that grow there is always the page's word that the first is drawn.
    assert.doesNotMatch(heard.join(' '), /running running/);
  });

  it('runs one command of a shell alone', async () => {
    const document = await openText('one.shell.yaml', small);
    const residue = await residueOf('runCommand', document.uri, 2);
    assert.deepEqual(
      residue?.runs.map((run) => run.commands?.map(({ name }) => name)),
      [['INHIBIT']],
    );
  });

  it('verifies a shell although it did not fail', async () => {
    const document = await openText('verify.shell.yaml', small);
    const residue = await residueOf('verify', document.uri);
    assert.equal(residue?.status, 'complete');
    const { verification } = residue.runs[residue.primary]!;
    assert(verification && verification.effects.length > 0);
  });

  it('runs what the editor shows, saved or not, and changes nothing of it', async () => {
    const document = await openText('edited.shell.yaml', small);
    const editor = await window.showTextDocument(document);
    const at = find(document, '[" blue"]');
    await editor.edit((edit) => edit.replace(new Range(at, at.translate(0, 9)), '[" green"]'));
    const { version } = document;
    const residue = await runShell(document);
    assert.deepEqual(
      residue?.runs[0]?.scores?.rivals.map(({ text }) => text),
      [' green'],
    );
    assert.equal(document.version, version);
    assert(document.isDirty);
    await commands.executeCommand('workbench.action.files.revert');
  });

  it('cancels, and says so', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const pending = runAgain(document);
    await untilRunning(document);
    await commands.executeCommand('symbolicResidue.cancel', document.uri);
    const residue = await pending;
    assert(residue === undefined || residue.status === 'cancelled', `The run went on to ${residue?.status}.`);
  });

  it('takes an engine that is restarted in mid-run for a stop, and runs again', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const pending = runAgain(document);
    await untilRunning(document);
    await commands.executeCommand('symbolicResidue.restartEngine');
    const residue = await pending;
    assert(residue === undefined || residue.status === 'cancelled', `The run went on to ${residue?.status}.`);
    assert.deepEqual(languages.getDiagnostics(document.uri), []);
    const next = await openText('restarted.shell.yaml', small);
    assert.equal((await runShell(next))?.status, 'complete');
  });

  it('tells that the engine was killed, and runs again', async () => {
    const document = await openBundled('v1-memtrace.shell.yaml');
    const pending = runAgain(document);
    await untilRunning(document);
    const [pid] = await until('the engine', () => enginePids().length > 0 && enginePids());
    assert(pid);
    process.kill(pid, 'SIGKILL');
    assert.equal(await pending, undefined);
    const next = await openText('after.shell.yaml', small);
    assert.equal((await runShell(next))?.status, 'complete');
    assert(!enginePids().includes(pid));
  });

  it('puts an error of the model at the line that names it', async () => {
    const document = await openText('lost.shell.yaml', small.replace('family: memory', 'family: memory\nmodel: ./no-such-model'));
    assert.equal(await runShell(document), undefined);
    const found = languages.getDiagnostics(document.uri).filter(({ message }) => message.includes('no-such-model'));
    assert.equal(found.length, 1);
    assert.equal(found[0]?.range.start.line, find(document, 'model: ./no').line);
  });

  it('takes the model of the setting when the shell names none', async () => {
    const configuration = workspace.getConfiguration('symbolicResidue');
    await configuration.update('model', './nowhere.gguf', ConfigurationTarget.Global);
    try {
      const document = await openText('setting.shell.yaml', small);
      assert.equal(await runShell(document), undefined);
      assert(languages.getDiagnostics(document.uri).some(({ message }) => message.includes('nowhere.gguf')));
    } finally {
      await configuration.update('model', undefined, ConfigurationTarget.Global);
    }
  });

  it('puts an expectation that did not hold at its line', async () => {
    const document = await openText('unmet.shell.yaml', `${small}expect:\n  - failure: present\n`);
    const residue = await runShell(document);
    assert.equal(residue?.status, 'complete');
    assert.equal(residue.expectations[0]?.passed, residue.verdict?.failed);
    const lines = languages.getDiagnostics(document.uri).map(({ range }) => range.start.line);
    assert.deepEqual(lines, residue.verdict?.failed ? [] : [find(document, '- failure').line]);
  });
});

describe('comparing', () => {
  afterEach(closeEditors);

  it('compares a residue file with another that is chosen, in a panel of its own, and refuses what is no residue', async () => {
    const document = await openText('compared.shell.yaml', small);
    const residue = await runShell(document);
    assert(residue);
    await closeEditors();
    const file = (name: string): Uri => Uri.joinPath(document.uri, '..', name);
    await workspace.fs.writeFile(file('a.residue.json'), Buffer.from(JSON.stringify(residue)));
    await workspace.fs.writeFile(
      file('b.residue.json'),
      Buffer.from(JSON.stringify({ ...residue, shell: { ...residue.shell, id: 'other' } })),
    );
    await workspace.fs.writeFile(file('broken.residue.json'), Buffer.from('{"runs": []}'));
    try {
      const pending = commands.executeCommand<string | undefined>('symbolicResidue.compareWith', file('a.residue.json'));
      let done = false;
      void pending.then(() => (done = true));
      // The small shell has no control, so the other file is the first that is offered.
      await until('the comparison', async () => {
        await commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
        return done;
      });
      const json = await pending;
      assert(json);
      const comparison = JSON.parse(json) as Comparison;
      assert.deepEqual([comparison.a.file, comparison.b.file], ['a.residue.json', 'b.residue.json']);
      assert.deepEqual([comparison.a.label, comparison.b.label], ['small', 'other']);
      assert(comparison.differences.every(({ difference }) => !difference));
      assert.deepEqual(fileTabs(), ['a.residue.json']);
      assert.equal(await commands.executeCommand('symbolicResidue.compareWith', file('broken.residue.json')), undefined);
    } finally {
      for (const name of ['a', 'b', 'broken']) await workspace.fs.delete(file(`${name}.residue.json`));
    }
  });
});

describe('probing a selection', () => {
  afterEach(closeEditors);

  it('makes a shell of the selected text, in any editor, and runs it', async () => {
    const document = await openText('notes.txt', "Some notes.\nTom has a red ball. Q: What color is Tom's ball? A: red.\nMore notes.\n");
    const editor = await window.showTextDocument(document);
    editor.selection = new Selection(new Position(1, 0), document.lineAt(1).range.end);
    const residue = await residueOf('probeSelection');
    assert.equal(residue?.status, 'complete');
    const run = residue.runs[0];
    assert.equal(run?.scores?.answer.text, ' red');
    assert(run.scores.rivalsFromModel);
    const shell = window.activeTextEditor?.document;
    assert.equal(shell?.languageId, 'residue-shell');
    assert(shell.isUntitled);
    assert.deepEqual(
      languages.getDiagnostics(shell.uri).filter(({ severity }) => severity === 0),
      [],
    );
    await commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });
});
