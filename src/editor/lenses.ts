import { CodeLens, EventEmitter, languages, Position, Range, workspace, type Disposable, type TextDocument } from 'vscode';
import type { Lens } from '../shell/complete.js';
import type { Results } from './results.js';
import type { Runs } from './runs.js';
import { shellSelector } from './selector.js';
import { shellTexts } from './shell-texts.js';
import { restrictedMessage } from './trust.js';

/** Milliseconds between two updates while a run is under way. */
const pace = 1000;

/**
 * Code lenses over the shell's id (`Run shell`, `Verify`, what the last run came to) and over each command (`Run`, its last
 * result); Cancel and the stage while it runs.
 */
export function codeLenses(runs: Runs, results: Results): Disposable {
  const changed = new EventEmitter<void>();
  let timer: NodeJS.Timeout | undefined;
  /** VS Code was told of a change and has not had an answer since. */
  let told = false;
  let again = false;
  const tell = (): void => {
    told = true;
    changed.fire();
  };
  const later = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      // VS Code waits for as long as answers have taken, from the last change on: told of more of them on a busy machine, it would never ask.
      if (told) again = true;
      else tell();
    }, pace);
  };
  const provider = languages.registerCodeLensProvider(shellSelector, {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: async (document) => {
      try {
        const all = shellTexts().lenses(document.getText());
        const actions = all.flatMap((lens) => action(lens, document, runs) ?? []);
        return [...actions, ...(await outcomes(all, document, runs, results))];
      } finally {
        told = false;
        if (again) later();
        again = false;
      }
    },
  });
  const listeners = [
    runs.onDidChange(({ type }) => {
      if (type === 'started' || type === 'ended') tell();
      else if (type === 'progress') later();
    }),
    results.onDidChange(tell),
    workspace.onDidGrantWorkspaceTrust(tell),
  ];
  return {
    dispose: () => {
      clearTimeout(timer);
      [provider, changed, ...listeners].forEach((d) => d.dispose());
    },
  };
}

const rangeOf = ({ line, column }: Pick<Lens, 'line' | 'column'>): Range => {
  const at = new Position(line - 1, column - 1);
  return new Range(at, at);
};

/** What a lens offers to do. */
function action(lens: Lens, document: TextDocument, runs: Runs): CodeLens | undefined {
  const range = rangeOf(lens);
  if (!workspace.isTrusted) {
    return new CodeLens(range, {
      title: lens.kind === 'verify' ? '$(workspace-untrusted) Verify: off in Restricted Mode' : '$(workspace-untrusted) Running is off',
      tooltip: restrictedMessage,
      command: 'workbench.trust.manage',
    });
  }
  const progress = runs.progress(document.uri);
  if (lens.kind === 'verify') {
    if (progress) return undefined;
    return new CodeLens(range, {
      title: `$(beaker) ${lens.title}`,
      tooltip: 'Runs the shell and tests every cause by intervention, each position on its own',
      command: 'symbolicResidue.verify',
      arguments: [document.uri],
    });
  }
  if (lens.command === null && progress)
    return new CodeLens(range, { title: '$(debug-stop) Cancel', command: 'symbolicResidue.cancel', arguments: [document.uri] });
  const title = `$(play) ${lens.title}`;
  return lens.command === null
    ? new CodeLens(range, { title, command: 'symbolicResidue.runShell', arguments: [document.uri] })
    : new CodeLens(range, { title, command: 'symbolicResidue.runCommand', arguments: [document.uri, lens.command] });
}

/** What was found, for the shell and for each command that has been run. */
async function outcomes(all: readonly Lens[], document: TextDocument, runs: Runs, results: Results): Promise<CodeLens[]> {
  const { uri } = document;
  const shell = all.find(({ kind }) => kind === 'shell');
  if (!shell) return [];
  const range = rangeOf(shell);
  const text = document.getText();
  const progress = runs.progress(uri);
  if (progress)
    return [new CodeLens(range, { title: `$(sync~spin) ${progress.stage}`, command: 'symbolicResidue.showPanel', arguments: [uri] })];
  const error = results.error(uri, text);
  if (error !== undefined) {
    const title = `$(error) ${error.length > 100 ? `${error.slice(0, 99)}…` : error}`;
    return [new CodeLens(range, { title, tooltip: error, command: 'workbench.actions.view.problems' })];
  }
  const shown = await results.shown(uri, text);
  if (!shown) return [];
  const { commandLens, expectationsLens, shellLens } = await import('./results/words.js');
  const { entry, standing } = shown;
  const stale = standing.changes.length > 0;
  const found = [
    new CodeLens(range, {
      title: `${stale ? '$(warning) ' : ''}${shellLens(entry.summary, standing)}`,
      tooltip: [entry.summary.sentence, `Run on ${entry.summary.model}, ${entry.at}.`, 'Shows the residue.'].filter(Boolean).join('\n'),
      command: 'symbolicResidue.showPanel',
      arguments: [uri],
    }),
  ];
  if (standing.cached && !stale && workspace.isTrusted) {
    const tooltip = 'Computes the shell anew, although nothing has changed since its run';
    found.push(new CodeLens(range, { title: '$(refresh) Run again', tooltip, command: 'symbolicResidue.runAgain', arguments: [uri] }));
  }
  const expectations = stale ? undefined : expectationsLens(entry.summary);
  if (expectations !== undefined) {
    const first = entry.summary.expectations.failed[0];
    const tooltip = entry.summary.expectations.failed.map(({ message }) => message).join('\n') || 'What the shell expects has come about.';
    found.push(
      new CodeLens(range, {
        title: expectations,
        tooltip,
        command: 'symbolicResidue.revealLine',
        arguments: [uri, first?.line ?? shell.line],
      }),
    );
  }
  const commands = all.filter(({ kind }) => kind === 'command');
  const names: (string | undefined)[] = [];
  for (const { command, title } of commands) if (command !== null) names[command] = title.replace(/^Run /, '');
  const last = await results.commands(uri, names, text);
  for (const lens of commands) {
    const kept = lens.command === null ? undefined : last.get(lens.command);
    const summary = kept?.entry.summary.commands.find(({ index }) => index === lens.command);
    if (!kept || !summary) continue;
    const tooltip = `Run on ${kept.entry.summary.model}, ${kept.entry.at}. Shows the residue.`;
    found.push(
      new CodeLens(rangeOf(lens), {
        title: commandLens(summary, kept.changes),
        tooltip,
        command: 'symbolicResidue.showPanel',
        arguments: [uri],
      }),
    );
  }
  return found;
}
