import { commands, Uri, window, workspace, type Disposable, type LogOutputChannel, type TextDocument } from 'vscode';
import { openAddress } from './address.js';
import { compareDiff } from './compare-diff.js';
import type { Engine, RunAsk } from './engine.js';
import { compareRun, isHistoryRun, openRun, pickRun } from './history.js';
import { chooseModel } from './models/choose.js';
import { openMethods, openShell, revealInShell } from './navigate.js';
import { newShell, newShellFromChatLog, newShellFromSelection } from './new-shell.js';
import type { Panels } from './panels.js';
import { openPlanted } from './planted.js';
import { probeSelection } from './probe.js';
import type { Results } from './results.js';
import type { Runs, RunWay } from './runs.js';
import { openSample } from './sample.js';
import { isResidueFile } from './residue-file.js';
import { saveResidue } from './save.js';
import { isShell, isShellUri } from './selector.js';
import { shellTexts } from './shell-texts.js';
import { shellInView } from './status.js';
import { mayRun } from './trust.js';

export interface CommandParts {
  extension: Uri;
  engine: Engine;
  runs: Runs;
  panels: Panels;
  results: Results;
  log: LogOutputChannel;
}

type Handler = (parts: CommandParts, ...args: unknown[]) => unknown;

/** Every command of the extension by the last part of its name. Arguments come from code lenses, menus and keybindings. */
const table: Record<string, Handler> = {
  runShell: async (parts, target) => {
    const document = await shellOf(target);
    if (document) return run(parts, document);
  },
  runAgain: async (parts, target) => {
    const document = await shellOf(target, parts.panels.active());
    if (document) return run(parts, document, {}, { fresh: true });
  },
  verify: async (parts, target) => {
    const document = await shellOf(target, parts.panels.active());
    if (document) return run(parts, document, { verify: 'full' });
  },
  runCommand: async (parts, target, index) => {
    const document = await shellOf(target);
    if (!document || !mayRun()) return;
    const chosen = typeof index === 'number' ? index : await pickCommand(document);
    if (chosen !== undefined) return run(parts, document, { commands: [chosen] });
  },
  cancel: ({ runs }, target) => (target instanceof Uri ? runs.cancel(target) : runs.cancelAll()),
  showPanel: async ({ panels }, target) => {
    const document = await shellOf(target);
    if (document) panels.show(document.uri);
  },
  compareWith: async ({ panels }, target) => {
    const named = target instanceof Uri ? target : window.activeTextEditor?.document.uri;
    const file = named && isResidueFile(named) ? named : undefined;
    const shown = file ?? (target instanceof Uri ? undefined : panels.active()) ?? (await shellOf(target))?.uri;
    return shown && (await panels.open(shown))?.chooseOther();
  },
  compareDiff: ({ panels }) => compareDiff(panels),
  newShell: (_, target) => newShell(target),
  newShellFromChatLog: (_, target) => newShellFromChatLog(target),
  newShellFromSelection: () => newShellFromSelection(),
  probeSelection: (parts) => probeSelection((document) => run(parts, document)),
  saveResidue: async ({ panels, results }) => {
    const shell = panels.active() ?? (await shellOf(undefined))?.uri;
    if (shell) await saveResidue(shell, results);
  },
  saveHtml: async (parts, target) => {
    const subject = await residueSubject(parts, target);
    if (subject) await (await import('./report.js')).saveHtml(subject, parts.results);
  },
  copyMarkdown: async (parts, target) => {
    const subject = await residueSubject(parts, target);
    if (subject) await (await import('./report.js')).copyMarkdown(subject, parts.results);
  },
  showHistory: async ({ panels, results }, target) => {
    const document = await shellOf(target, panels.active());
    if (document) await pickRun(document.uri, results, panels);
  },
  openRun: (_, run) => (isHistoryRun(run) ? openRun(run) : undefined),
  compareRun: ({ panels, results }, run) => (isHistoryRun(run) ? compareRun(run, results, panels) : undefined),
  removeRun: ({ results }, run) => (isHistoryRun(run) ? results.remove(run.shell, run.entry) : undefined),
  reopenAsText: ({ panels }, target) => {
    const file = target instanceof Uri ? target : panels.active();
    return file && isResidueFile(file) ? commands.executeCommand('vscode.openWith', file, 'default') : undefined;
  },
  clearResults: ({ results }) => clearResults(results),
  chooseModel: () => chooseModel(),
  openPlanted: ({ extension }, kind) => openPlanted(extension, kind),
  openSample: ({ extension }, parent, open) => openSample(extension, parent, open !== false),
  revealLine: (_, target, line) => (target instanceof Uri && typeof line === 'number' ? revealInShell(target, line, 1) : undefined),
  openMethods: ({ extension }, anchor) => openMethods(extension, typeof anchor === 'string' ? anchor : ''),
  restartEngine: async ({ engine, runs }) => {
    runs.cancelAll();
    await engine.restart();
    void window.setStatusBarMessage('The engine was ended; the next run starts it again.', 3000);
  },
  copyLink: ({ panels }) => panels.copyLink(),
  openLink: ({ panels }, link) => openAddress(panels, link),
  showLog: ({ log }) => log.show(),
};

export function registerCommands(parts: CommandParts): Disposable[] {
  return Object.entries(table).map(([name, handler]) =>
    commands.registerCommand(`symbolicResidue.${name}`, async (...args: unknown[]) => {
      try {
        return await handler(parts, ...args);
      } catch (error) {
        // A fault of the program: the log has its stack, the user one sentence.
        parts.log.error(error instanceof Error ? error : String(error));
        void window.showErrorMessage(`Symbolic Residue: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    }),
  );
}

function run({ panels, runs }: CommandParts, document: TextDocument, ask?: RunAsk, way?: RunWay): Promise<unknown> {
  if (workspace.isTrusted) panels.show(document.uri);
  return runs.run(document, ask, way);
}

/** The shell meant: the one named by a menu or lens, or by the panel in front, else the one in view. Says so when there is none. */
async function shellOf(target: unknown, panel?: Uri): Promise<TextDocument | undefined> {
  const uri = target instanceof Uri ? target : panel;
  const document = uri ? await openShell(uri) : shellInView();
  if (document && (isShell(document) || isShellUri(document.uri))) return document;
  if (!uri) void window.showInformationMessage('Open a shell (a *.shell.yaml file) first.');
  return undefined;
}

/** What a report is to be of: a residue file that is named or in view, the panel in front, or the shell in view. */
async function residueSubject({ panels }: CommandParts, target: unknown): Promise<Uri | undefined> {
  const named = target instanceof Uri ? target : (panels.active() ?? window.activeTextEditor?.document.uri);
  return named && isResidueFile(named) ? named : (await shellOf(named))?.uri;
}

/** Asks how much of what is kept is to go, and clears it. */
async function clearResults(results: Results): Promise<void> {
  const kept = 'Clear Cached Results';
  const all = 'Clear Results and History';
  const choice = await window.showWarningMessage(
    'Clear what is kept of this workspace’s runs?',
    {
      modal: true,
      detail: 'Without its cached result a shell is computed when it is next run. The history also has the numbers of each run.',
    },
    kept,
    all,
  );
  if (choice) await results.clear(choice === all);
}

/** Asks for one of the shell's commands. */
async function pickCommand(document: TextDocument): Promise<number | undefined> {
  const items = shellTexts()
    .lenses(document.getText())
    .flatMap(({ title, command, line }) => (command === null ? [] : [{ label: title, description: `line ${line}`, index: command }]));
  if (items.length === 0) {
    void window.showInformationMessage('This shell has no command under `run` that could be run.');
    return undefined;
  }
  return (await window.showQuickPick(items, { title: 'Run one command of the shell' }))?.index;
}
