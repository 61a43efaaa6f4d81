import { CodeLens, EventEmitter, languages, Position, Range, workspace, type Disposable } from 'vscode';
import type { Runs } from './runs.js';
import { shellSelector } from './selector.js';
import { restrictedMessage } from './trust.js';

/** Code lenses: `Run shell` over the shell's id, and one per command; Cancel while it runs. */
export function codeLenses(runs: Runs): Disposable {
  const changed = new EventEmitter<void>();
  const provider = languages.registerCodeLensProvider(shellSelector, {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: async (document) => {
      const { lenses } = await import('../shell/complete.js');
      return lenses(document.getText()).map((lens) => {
        const at = new Position(lens.line - 1, lens.column - 1);
        const range = new Range(at, at);
        if (!workspace.isTrusted) {
          return new CodeLens(range, {
            title: '$(workspace-untrusted) Running is off',
            tooltip: restrictedMessage,
            command: 'workbench.trust.manage',
          });
        }
        if (lens.command === null && runs.isRunning(document.uri)) {
          return new CodeLens(range, { title: '$(debug-stop) Cancel', command: 'symbolicResidue.cancel', arguments: [document.uri] });
        }
        const title = `$(play) ${lens.title}`;
        return lens.command === null
          ? new CodeLens(range, { title, command: 'symbolicResidue.runShell', arguments: [document.uri] })
          : new CodeLens(range, { title, command: 'symbolicResidue.runCommand', arguments: [document.uri, lens.command] });
      });
    },
  });
  const listeners = [
    runs.onDidChange(({ type }) => {
      if (type === 'started' || type === 'ended') changed.fire();
    }),
    workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
  ];
  return { dispose: () => [provider, changed, ...listeners].forEach((d) => d.dispose()) };
}
