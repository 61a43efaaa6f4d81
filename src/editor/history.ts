import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  Uri,
  window,
  type Disposable,
  type TreeDataProvider,
} from 'vscode';
import { keptUri } from './kept-files.js';
import type { Panels } from './panels.js';
import { residueEditorType } from './residue-editor.js';
import type { Results } from './results.js';
import type { RunEntry } from './results/store.js';
import { isShell } from './selector.js';

/** A shell with a history, or one of its runs. */
export type HistoryItem = { shell: Uri; entries: readonly RunEntry[] } | HistoryRun;
export interface HistoryRun {
  shell: Uri;
  entry: RunEntry;
}

/** View of the runs of each shell, the latest first, with the trend of the margin. */
export function runHistory(results: Results, panels: Panels): Disposable {
  const changed = new EventEmitter<undefined>();
  let timer: NodeJS.Timeout | undefined;
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => changed.fire(undefined), 200);
  };
  const provider: TreeDataProvider<HistoryItem> = {
    onDidChangeTreeData: changed.event,
    getChildren: async (item) => {
      if (item && 'entries' in item) return [...item.entries].reverse().map((entry) => ({ shell: item.shell, entry }));
      if (item) return [];
      const open = window.activeTextEditor?.document;
      const front = panels.active()?.toString() ?? (open && isShell(open) ? open.uri.toString() : undefined);
      const all = (await results.store.shells()).map(({ shell, entries }) => ({ shell: Uri.parse(shell), entries }));
      // The shell in view first; the others by their last run.
      return [...all].sort((a, b) => Number(b.shell.toString() === front) - Number(a.shell.toString() === front));
    },
    getTreeItem: async (item) => ('entries' in item ? shellItem(item) : runItem(item, results)),
  };
  const view = window.createTreeView('symbolicResidue.history', { treeDataProvider: provider, showCollapseAll: true });
  const listeners = [changed, view, results.onDidChange(later), window.onDidChangeActiveTextEditor(later)];
  return {
    dispose: () => {
      clearTimeout(timer);
      listeners.forEach((listener) => listener.dispose());
    },
  };
}

async function shellItem({ shell, entries }: Extract<HistoryItem, { entries: readonly RunEntry[] }>): Promise<TreeItem> {
  const { marginsOf, marginText, outcomeText, sparkline } = await import('./results/words.js');
  const name = shell.path.split('/').at(-1) ?? '';
  const item = new TreeItem(name, TreeItemCollapsibleState.Expanded);
  const last = entries.at(-1);
  const trend = sparkline(marginsOf(entries).slice(-20));
  item.id = shell.toString();
  item.description = [trend, last && marginText(last.summary)].filter(Boolean).join(' ');
  item.tooltip = new MarkdownString(
    [
      `**${escape(name)}**`,
      `${entries.length} ${entries.length === 1 ? 'run' : 'runs'} kept; the line is the margin of the last 20, the latest on the right.`,
    ].join('\n\n'),
  );
  item.iconPath = new ThemeIcon('history');
  item.contextValue = 'shell';
  item.accessibilityInformation = {
    label: `${name}, ${entries.length} runs, last ${last ? outcomeText(last.summary) : ''} ${last ? marginText(last.summary) : ''}`,
  };
  return item;
}

async function runItem({ shell, entry }: HistoryRun, { store }: Results): Promise<TreeItem> {
  const { clock, duration, marginText, outcomeText } = await import('./results/words.js');
  const { summary, at, seconds, key } = entry;
  const kept = await store.has(key);
  const item = new TreeItem(clock(at), TreeItemCollapsibleState.None);
  item.id = `${shell.toString()}|${at}|${key}`;
  const facts = [outcomeText(summary), marginText(summary), summary.model, seconds === null ? '' : duration(seconds)].filter(Boolean);
  item.description = facts.join(' · ');
  const failed = summary.expectations.failed.map(({ message }) => `- ${escape(message)}`);
  item.tooltip = new MarkdownString(
    [
      `**${escape(summary.outcome)}** (${at})`,
      escape(summary.sentence ?? ''),
      failed.length > 0 ? `Expected otherwise:\n${failed.join('\n')}` : '',
      kept ? '' : 'Its residue is no longer kept; the numbers are.',
    ]
      .filter(Boolean)
      .join('\n\n'),
  );
  item.iconPath = icon(entry);
  item.contextValue = kept ? 'run' : 'run.gone';
  if (kept) item.command = { command: 'symbolicResidue.openRun', title: 'Open Residue', arguments: [{ shell, entry }] };
  item.accessibilityInformation = { label: `Run of ${clock(at)}: ${facts.join(', ')}${kept ? '' : ', residue no longer kept'}` };
  return item;
}

function icon({ summary: { status, failed } }: RunEntry): ThemeIcon {
  if (status === 'cancelled' || failed === null) return new ThemeIcon('circle-slash');
  return failed
    ? new ThemeIcon('error', new ThemeColor('testing.iconFailed'))
    : new ThemeIcon('pass', new ThemeColor('testing.iconPassed'));
}

const escape = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!<>|~]/g, '\\$&');

export const isHistoryRun = (value: unknown): value is HistoryRun =>
  typeof value === 'object' && value !== null && 'entry' in value && 'shell' in value && value.shell instanceof Uri;

/** Opens the residue that a run has left, in an editor of its own. */
export async function openRun(run: HistoryRun): Promise<void> {
  const { commands } = await import('vscode');
  await commands.executeCommand('vscode.openWith', keptUri(run.shell, run.entry), residueEditorType);
}

/** Shows a run beside the one that is shown of its shell; the latest beside the one before it. */
export async function compareRun({ shell, entry }: HistoryRun, results: Results, panels: Panels): Promise<string | undefined> {
  const entries = await results.store.history(shell.toString());
  const shown = (await results.shown(shell))?.entry;
  const same = shown?.at === entry.at && shown.key === entry.key;
  const other = same
    ? entries
        .slice(
          0,
          entries.findIndex(({ at, key }) => at === entry.at && key === entry.key),
        )
        .at(-1)
    : entry;
  const json = other && (await results.store.text(other.key));
  if (!other || json === undefined) {
    void window.showInformationMessage(
      same ? 'There is no earlier run of this shell whose residue is kept.' : 'The residue of this run is no longer kept.',
    );
    return undefined;
  }
  const name = keptUri(shell, other).path.slice(1);
  return panels.show(shell).compare({ json, file: name });
}

/** The runs of a shell to choose from with the keyboard: Enter opens one, its button compares it. */
export async function pickRun(shell: Uri, results: Results, panels: Panels): Promise<void> {
  const entries = [...(await results.store.history(shell.toString()))].reverse();
  if (entries.length === 0) return void window.showInformationMessage('This shell has no history yet: run it first.');
  const { clock, duration, marginsOf, marginText, outcomeText, sparkline } = await import('./results/words.js');
  const compare = { iconPath: new ThemeIcon('git-compare'), tooltip: 'Compare with the one shown' };
  const pick = window.createQuickPick<{ label: string; description: string; entry: RunEntry; buttons: (typeof compare)[] }>();
  const trend = sparkline(marginsOf([...entries].reverse()));
  pick.title = `Runs of ${shell.path.split('/').at(-1) ?? ''}${trend ? `   margin ${trend}` : ''}`;
  pick.placeholder = 'Enter opens the residue of a run; the button beside it compares it with the one shown';
  pick.matchOnDescription = true;
  pick.items = entries.map((entry) => ({
    label: clock(entry.at),
    description: [
      outcomeText(entry.summary),
      marginText(entry.summary),
      entry.summary.model,
      entry.seconds === null ? '' : duration(entry.seconds),
    ]
      .filter(Boolean)
      .join(' · '),
    entry,
    buttons: [compare],
  }));
  pick.onDidAccept(() => {
    const [chosen] = pick.selectedItems;
    pick.hide();
    if (chosen) void openRun({ shell, entry: chosen.entry });
  });
  pick.onDidTriggerItemButton(({ item }) => {
    pick.hide();
    void compareRun({ shell, entry: item.entry }, results, panels);
  });
  pick.onDidHide(() => pick.dispose());
  pick.show();
}
