import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancellationTokenSource, type CodeLens, commands, extensions, TestRunRequest, workspace, type TestItem } from 'vscode';
import { explorer } from './explorer-spy.js';
import { closeEditors, extensionId, find, folder, openText, residueOf, setText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const shell = shellText({
  id: 'tested',
  title: 'Tested',
  times: [0, 2],
  run: ['ANCHOR: { span: fact }', 'INHIBIT: { span: fact, layers: all }'],
  expect: ['margin: { above: 1000 }', 'density.share: { between: [0, 1] }', 'INHIBIT.effect: { below: 1000 }'],
});

/** `label` of an item and of all below it, indented. */
function tree(item: TestItem, indent = ''): string[] {
  const children = [...item.children].map(([, child]) => child).sort((a, b) => ((a.sortText ?? '') < (b.sortText ?? '') ? -1 : 1));
  return [`${indent}${item.label}`, ...children.flatMap((child) => tree(child, `${indent}  `))];
}

const runEnds = async (what: () => Thenable<unknown>): Promise<void> => {
  const before = explorer.ended;
  explorer.clear();
  const asked = Promise.resolve(what());
  await until('the test run to end', () => explorer.ended > before, 90_000);
  await asked;
};

/** Writes a shell, shows it, and waits until its items are there. */
async function shown(name: string, text: string): Promise<TestItem> {
  await openText(name, text);
  return until('the items', () => {
    const found = explorer.shell(name);
    return found && found.children.size > 0 && found;
  });
}

/** Asks a profile to run, as the view does. */
const start = (profile: string, request: TestRunRequest, token = new CancellationTokenSource().token): Promise<void> =>
  Promise.resolve(explorer.profiles.get(profile)?.(request, token));

describe('the Test Explorer', () => {
  before(async () => {
    await extensions.getExtension(extensionId)?.activate();
  });
  afterEach(closeEditors);

  it('lists shells without reading them, and follows files that come and go', async () => {
    const deep = join(folder(), 'deep', 'er');
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'far.shell.yaml'), shell.replace('shell: tested', 'shell: far'));
    await commands.executeCommand('testing.refreshTests');
    const item = await until('the shell', () => explorer.shell('far.shell.yaml'));
    assert.equal(item.label, 'far.shell.yaml');
    assert.equal(item.description, 'deep/er');
    assert.equal(item.children.size, 0);
    assert(item.canResolveChildren);
    await explorer.controller?.resolveHandler?.(item);
    assert.equal(item.label, 'far');
    assert(item.children.size > 0);
    // In the folder that is watched from the start: of one that was made a moment ago the watcher may never hear.
    const second = join(folder(), 'second.shell.yml');
    try {
      for (let i = 1; ; i++) {
        writeFileSync(second, shell);
        try {
          await until('the new file', () => explorer.shell('second.shell.yml'), 10_000);
          break;
        } catch (error) {
          if (i === 5) throw error;
          // On a busy machine the watcher begins after the file was written, which it then never tells of.
          rmSync(second);
          await new Promise((done) => setTimeout(done, 1000));
        }
      }
    } finally {
      rmSync(second, { force: true });
    }
    rmSync(join(folder(), 'deep'), { recursive: true });
    await until('the files to go', () => !explorer.shell('far.shell.yaml') && !explorer.shell('second.shell.yml'));
  });

  it('shows vary values × commands → expectations of an open shell, at their lines, and follows edits', async () => {
    const document = await openText('tested.shell.yaml', shell);
    const item = await until('the items', () => {
      const found = explorer.shell('tested.shell.yaml');
      return found && found.children.size > 0 && found;
    });
    assert.deepEqual(tree(item), [
      'tested',
      '  margin: above 1000',
      '  density.share: from 0 to 1',
      ...['  walk = 0', '  walk = 2'].flatMap((vary) => [vary, '    ANCHOR', '    INHIBIT', '      INHIBIT.effect: below 1000']),
    ]);
    const margin = [...item.children].map(([, child]) => child).find(({ label }) => label.startsWith('margin'));
    assert.equal(margin?.range?.start.line, find(document, 'margin: {').line);
    await setText(document, shell.replace('times: [0, 2]', 'times: [0, 2, 4]').replace('answer: " red"', 'answr: " red"'));
    await until('the error', () => item.error);
    assert.match(String(item.error), /^\d+:\d+: .*answer/);
    await setText(document, shell.replace('times: [0, 2]', 'times: [0, 2, 4]'));
    await until('the third value', () => item.error === undefined && tree(item).includes('  walk = 4'));
    await setText(document, shell);
    await commands.executeCommand('workbench.action.files.save');
  });

  it('runs a shell and tells what failed where, what was expected and what was measured', async () => {
    const document = await openText('tested.shell.yaml', shell);
    await until('the items', () => (explorer.shell('tested.shell.yaml')?.children.size ?? 0) > 0);
    await runEnds(() => commands.executeCommand('testing.runCurrentFile'));
    const states = explorer.states();
    assert.equal(states['tested'], 'passed');
    assert.equal(states['margin: above 1000'], 'failed');
    assert.equal(states['density.share: from 0 to 1'], 'passed');
    assert.deepEqual([states['walk = 0'], states['walk = 2'], states['ANCHOR'], states['INHIBIT']], Array(4).fill('passed'));
    // Checked for the headline's value alone.
    const effects = explorer.told.filter(({ label, state }) => label.startsWith('INHIBIT.effect') && ['passed', 'skipped'].includes(state));
    assert.deepEqual(effects.map(({ state }) => state).sort(), ['passed', 'skipped']);
    const failed = explorer.told.find(({ label, state }) => label.startsWith('margin') && state === 'failed');
    const [message] = failed?.messages ?? [];
    assert.match(String(message?.message), /^margin is .*, but above 1000 was expected$/);
    assert.equal(message?.expectedOutput, 'above 1000');
    assert.match(message?.actualOutput ?? '', /^−?\d/);
    assert.equal(message?.location?.range.start.line, find(document, 'margin: {').line);
  });

  it('runs what failed again, from the cache, and anew under the other profile', async () => {
    await shown('again.shell.yaml', shell.replace('shell: tested', 'shell: again'));
    await runEnds(() => commands.executeCommand('testing.runCurrentFile'));
    await runEnds(() => commands.executeCommand('testing.reRunFailTests'));
    assert.equal(explorer.states()['margin: above 1000'], 'failed');
    assert.equal(explorer.states()['density.share: from 0 to 1'] ?? 'not asked', 'not asked');
    assert.match(explorer.output, /^Cached, run at /);
  });

  it('runs one command alone', async () => {
    const item = await shown('tested.shell.yaml', shell);
    const vary = [...item.children].map(([, child]) => child).find(({ label }) => label === 'walk = 2');
    const anchor = [...(vary?.children ?? [])].map(([, child]) => child).find(({ label }) => label === 'ANCHOR');
    assert(anchor);
    await runEnds(() => start('Run, Ignoring Cached Results', new TestRunRequest([anchor])));
    assert.deepEqual(explorer.states(), { ANCHOR: 'passed' });
    assert.doesNotMatch(explorer.output, /Cached/);
  });

  it('runs one value of vary alone, beside what is known of all of them', async () => {
    const item = await shown('dosed.shell.yaml', shell.replace('shell: tested', 'shell: dosed'));
    const uri = item.uri!;
    const child = (of: TestItem, label: string): TestItem => [...of.children].map(([, one]) => one).find((one) => one.label === label)!;
    const dose = child(item, 'walk = 2');
    const lens = async (): Promise<string | undefined> => {
      const lenses = await commands.executeCommand<CodeLens[]>('vscode.executeCodeLensProvider', uri);
      return lenses.map(({ command }) => command?.title ?? '').find((title) => /did not fail|lost at|never formed|failed/.test(title));
    };
    const effect = 'INHIBIT.effect: below 1000';
    await runEnds(() => start('Run', new TestRunRequest([dose])));
    assert.deepEqual(explorer.states(), { 'walk = 2': 'passed', ANCHOR: 'passed', INHIBIT: 'passed', [effect]: 'skipped' });
    assert.match(explorer.output, /^walk = 2 › INHIBIT › INHIBIT\.effect: below 1000: Not judged: only walk=2 was run/m);
    assert.match((await lens()) ?? '', /^walk=2: /);

    // What is kept of the one is not taken for the whole, which is then what is shown.
    const whole = await residueOf('runShell', uri);
    assert.deepEqual(
      whole?.runs.map(({ name }) => name),
      ['probe.walk=0', 'probe.walk=2'],
    );
    assert.doesNotMatch((await lens()) ?? 'walk=', /walk=/);
    await runEnds(() => start('Run, Ignoring Cached Results', new TestRunRequest([dose])));
    assert.equal(explorer.states()['walk = 2'], 'passed');
    assert.doesNotMatch((await lens()) ?? 'walk=', /walk=/);
    assert.equal((await residueOf('runShell', uri))?.created, whole.created);

    // The whole that is kept answers for its parts.
    await runEnds(() => start('Run', new TestRunRequest([dose])));
    assert(explorer.output.startsWith(`Cached, run at ${whole.created}`), explorer.output);

    // An expectation is about the headline: asked for by itself it has all values run.
    const expectations = ['walk = 0', 'walk = 2'].map((label) => child(child(child(item, label), 'INHIBIT'), effect));
    await runEnds(() => start('Run, Ignoring Cached Results', new TestRunRequest(expectations)));
    const ends = explorer.told.filter(({ state }) => state === 'passed' || state === 'skipped').map(({ state }) => state);
    assert.deepEqual(ends.sort(), ['passed', 'skipped']);
  });

  it('cancels', async () => {
    // Of so many values that no machine is through before it is told to stop.
    await shown('slow.shell.yaml', shellText({ id: 'slow', times: [...Array(120).keys()] }));
    await runEnds(async () => {
      const pending = commands.executeCommand('testing.runCurrentFile');
      await until('the run to start', () => explorer.states()['slow'] === 'started', 30_000);
      await commands.executeCommand('testing.cancelRun');
      await pending;
    });
    assert.equal(explorer.states()['slow'], 'skipped');
  });

  it('runs a shell whenever it is saved, for as long as that is asked for', async () => {
    const document = await openText('watched.shell.yaml', shell.replace('shell: tested', 'shell: watched'));
    const item = await until('the items', () => {
      const found = explorer.shell('watched.shell.yaml');
      return found && found.children.size > 0 && found;
    });
    const source = new CancellationTokenSource();
    await start('Run', new TestRunRequest([item], undefined, undefined, true), source.token);
    await runEnds(async () => {
      await setText(document, document.getText().replace('above: 1000', 'above: -1000'));
      await workspace.save(document.uri);
    });
    assert.equal(explorer.states()['margin: above -1000'], 'passed');
    assert.equal(explorer.states()['watched'], 'passed');
    source.cancel();
    explorer.clear();
    await setText(document, document.getText().replace('above: -1000', 'above: -2000'));
    await workspace.save(document.uri);
    await new Promise((done) => setTimeout(done, 500));
    assert.deepEqual(explorer.told, []);
  });

  it('tells why a shell cannot be run', async () => {
    const document = await openText('bad.shell.yaml', shell.replace('family: memory', 'family: memory\nmodel: ./nowhere'));
    await until('the items', () => (explorer.shell('bad.shell.yaml')?.children.size ?? 0) > 0);
    await runEnds(() => start('Run', new TestRunRequest([explorer.shell('bad.shell.yaml')!])));
    const [error] = explorer.told.filter(({ state }) => state === 'errored');
    assert.match(String(error?.messages[0]?.message), /nowhere/);
    assert.equal(error?.label, 'tested');
    await setText(document, shell);
  });

  it('takes back outcomes that an edit has made stale', async () => {
    const document = await openText('tested.shell.yaml', shell);
    const item = await until('the items', () => {
      const found = explorer.shell('tested.shell.yaml');
      return found && found.children.size > 0 && found;
    });
    await runEnds(() => start('Run', new TestRunRequest([item])));
    explorer.clear();
    await setText(document, shell.replace('title: Tested', 'title: Other'));
    await until('the outcomes to be taken back', () => explorer.invalidated.some((id) => id.endsWith('tested.shell.yaml')));
    await setText(document, shell);
  });
});
