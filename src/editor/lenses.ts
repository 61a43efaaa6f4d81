import { CodeLens, EventEmitter, languages, Position, Range, workspace, type Disposable } from 'vscode';
import type { Runs } from './runs.js';
import { shellSelector } from './selector.js';
import { restrictedMessage } from './trust.js';

/** Code lenses: `Run shell` and `Verify` over the shell's id, and one per command; Cancel while it runs. */
export function codeLenses(runs: Runs): Disposable {
  const changed = new EventEmitter<void>();
  const provider = languages.registerCodeLensProvider(shellSelector, {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: async (document) => {
      const { lenses } = await import('../shell/complete.js');
      const running = runs.isRunning(document.uri);
      return lenses(document.getText()).flatMap((lens) => {
        const at = new Position(lens.line - 1, lens.column - 1);
        const range = new Range(at, at);
        if (!workspace.isTrusted) {
          return new CodeLens(range, {
            title:
              lens.kind === 'verify' ? '$(workspace-untrusted) Verify: off in Restricted Mode' : '$(workspace-untrusted) Running is off',
            tooltip: restrictedMessage,
            command: 'workbench.trust.manage',
          });
        }
        if (lens.kind === 'verify') {
          if (running) return [];
          return new CodeLens(range, {
            title: `$(beaker) ${lens.title}`,
            tooltip: 'Runs the shell and tests every cause by intervention, each position on its own',
            command: 'symbolicResidue.verify',
            arguments: [document.uri],
          });
        }
        if (lens.command === null && running) {
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
