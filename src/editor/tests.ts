import {
  tests,
  TestRunProfileKind,
  workspace,
  type CancellationToken,
  type Disposable,
  type TestController,
  type TestItem,
  type TestRunRequest,
  type Uri,
} from 'vscode';
import type { Results } from './results.js';
import type { Runs } from './runs.js';
import { isShell, isShellUri } from './selector.js';
import type { ShellItems } from './testing/items.js';

/** Milliseconds after the last keystroke. */
const pause = 300;

/** What the Test Explorer is made of; `items` parses shells and is loaded when the first one is looked at. */
export interface Explorer {
  controller: TestController;
  items(): Promise<ShellItems>;
  runs: Runs;
  results: Results;
}

/**
 * The Test Explorer: shells → vary values × commands → expectations. Files are listed when the view is first shown and read when they
 * are opened, expanded or run, so that a workspace of thousands costs no more than their names.
 */
export function testExplorer(runs: Runs, results: Results): Disposable {
  const controller = tests.createTestController('symbolicResidue', 'Residue Shells');
  let loaded: Promise<ShellItems> | undefined;
  const items = (): Promise<ShellItems> => (loaded ??= import('./testing/items.js').then(({ ShellItems }) => new ShellItems(controller)));
  const explorer: Explorer = { controller, items, runs, results };
  const timers = new Map<string, NodeJS.Timeout>();
  const later = (uri: Uri): void => {
    const key = uri.toString();
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => {
        timers.delete(key);
        void items().then((all) => all.update(uri));
      }, pause),
    );
  };
  controller.resolveHandler = async (item?: TestItem) => {
    const all = await items();
    await (item ? all.resolve(item) : all.discover());
  };
  controller.refreshHandler = async (token: CancellationToken) => (await items()).discover(token);
  const handler =
    (fresh: boolean) =>
    async (request: TestRunRequest, token: CancellationToken): Promise<void> => {
      const { runTests } = await import('./testing/run.js');
      return runTests(explorer, request, token, fresh);
    };
  const run = controller.createRunProfile('Run', TestRunProfileKind.Run, handler(false), true, undefined, true);
  const anew = controller.createRunProfile('Run, Ignoring Cached Results', TestRunProfileKind.Run, handler(true), false, undefined, true);
  const watcher = workspace.createFileSystemWatcher('**/*.shell.{yaml,yml}', false, false, true);
  // Of a folder that goes, its own name alone is told.
  const gone = workspace.createFileSystemWatcher('**', true, true, false);
  const disposables = [
    controller,
    run,
    anew,
    watcher,
    gone,
    watcher.onDidCreate((uri) => void items().then((all) => all.add(uri))),
    watcher.onDidChange(later),
    gone.onDidDelete((uri) => void loaded?.then((all) => all.remove(uri))),
    workspace.onDidOpenTextDocument((document) => {
      if (isShell(document) && isShellUri(document.uri)) later(document.uri);
    }),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length > 0 && isShell(document)) later(document.uri);
    }),
    results.onDidChange((uri) => void loaded?.then((all) => all.invalidate(results, uri))),
  ];
  for (const document of workspace.textDocuments) if (isShellUri(document.uri)) later(document.uri);
  return {
    dispose: () => {
      for (const timer of timers.values()) clearTimeout(timer);
      disposables.forEach((d) => d.dispose());
    },
  };
}
