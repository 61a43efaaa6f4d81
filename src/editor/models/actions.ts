import { basename, dirname } from 'node:path';
import { commands, ConfigurationTarget, env, ProgressLocation, UIKind, Uri, window, workspace } from 'vscode';
import { CancelledError } from '../../errors.js';
import type { HubClient } from '../../hub/client.js';
import type { ModelRow } from '../../hub/protocol.js';
import { namedModel } from '../named-model.js';
import { section } from '../settings.js';
import { shellInView } from '../status.js';
import { checkText } from './rows.js';

/** Makes a model the one that shells run on when they name none. */
export async function useModel(model: string): Promise<void> {
  const configuration = workspace.getConfiguration(section);
  const inWorkspace = configuration.inspect<string>('model')?.workspaceValue !== undefined;
  await configuration.update('model', model, inWorkspace ? ConfigurationTarget.Workspace : ConfigurationTarget.Global);
  const document = shellInView();
  const named = document && namedModel(document.getText());
  void window.setStatusBarMessage(
    named
      ? `${model} is used by shells that name no model; the open one names ${named}.`
      : `Shells that name no model now run on ${model}.`,
    6000,
  );
}

/** What a shell or the setting calls a model: its id, or its path where it has none that is looked up. */
export function nameOf({ id, path, origin }: ModelRow): string {
  return origin === 'workspace' ? path : id;
}

/** Shows a model's folder: in the explorer where it lies in the workspace, else in the system's file manager, else in a window of its own. */
export async function reveal({ path }: ModelRow): Promise<void> {
  const uri = Uri.file(path);
  if (workspace.getWorkspaceFolder(uri)) return void (await commands.executeCommand('revealInExplorer', uri));
  if (env.uiKind === UIKind.Desktop && env.remoteName === undefined) return void (await commands.executeCommand('revealFileInOS', uri));
  // Far away there is no file manager; its folder in a window is what comes nearest.
  const folder = Uri.file(/\.(gguf|safetensors|bin)$/i.test(path) ? dirname(path) : path);
  const open = 'Open Folder in New Window';
  const copy = 'Copy Path';
  const choice = await window.showInformationMessage(
    `${path} lies outside this workspace, on the machine that runs the extension.`,
    open,
    copy,
  );
  if (choice === open) await commands.executeCommand('vscode.openFolder', folder, { forceNewWindow: true });
  if (choice === copy) await copyPath(path);
}

export async function copyPath(path: string): Promise<void> {
  await env.clipboard.writeText(path);
  void window.setStatusBarMessage(`Copied ${path}`, 3000);
}

/** Reads every byte of a model and says what came of it. */
export async function verify(hub: HubClient, row: ModelRow): Promise<void> {
  try {
    const { sums, ...check } = await window.withProgress(
      { location: ProgressLocation.Notification, title: `Verifying ${row.id}`, cancellable: true },
      (report, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        let shown = 0;
        return hub.call(
          'verify',
          { path: row.path },
          {
            signal: controller.signal,
            onEvent: (event) => {
              if (event.kind !== 'progress') return;
              const share = event.total > 0 ? (100 * event.done) / event.total : 0;
              report.report({ message: event.stage, increment: share - shown });
              shown = share;
            },
          },
        );
      },
    );
    const text = `${row.id}: ${checkText(check)}`;
    if (check.status === 'differs') return void window.showErrorMessage(text);
    const copy = 'Copy SHA-256';
    const choice = await window.showInformationMessage(text, copy);
    if (choice === copy)
      await env.clipboard.writeText(
        Object.entries(sums)
          .map(([name, sha256]) => `${sha256}  ${name}\n`)
          .join(''),
      );
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
}

/** Deletes a downloaded model, once that is confirmed. @returns Whether it did. */
export async function remove(hub: HubClient, { id, path }: ModelRow): Promise<boolean> {
  const yes = 'Delete';
  const detail = `${path}\n\nIt can be downloaded again.`;
  if ((await window.showWarningMessage(`Delete ${id} from this machine?`, { modal: true, detail }, yes)) !== yes) return false;
  await hub.call('remove', { id });
  return true;
}

/** Asks for a folder or a file and remembers it by a name. */
export async function add(hub: HubClient): Promise<{ id: string; path: string } | undefined> {
  const folder = { label: '$(folder) A folder…', detail: 'safetensors with config.json and tokenizer.json', folders: true };
  const file = { label: '$(file) A file…', detail: '.gguf, .safetensors, or a llama2.c .bin', folders: false };
  const kind = await window.showQuickPick([folder, file], {
    title: 'Add a model from this disk',
    placeHolder: 'Nothing is copied: the model stays where it is.',
  });
  if (!kind) return undefined;
  const [uri] =
    (await window.showOpenDialog({
      canSelectFolders: kind.folders,
      canSelectFiles: !kind.folders,
      openLabel: 'Add Model',
      title: kind.folders ? "A model's folder" : "A model's file",
      ...(kind.folders ? {} : { filters: { Models: ['gguf', 'safetensors', 'bin'] } }),
    })) ?? [];
  if (!uri) return undefined;
  const added = await hub.call('add', { path: uri.fsPath });
  void offerUse(added.id, `${basename(added.path)} was added; shells can name it ${added.id}.`);
  return added;
}

export async function offerUse(id: string, message: string): Promise<void> {
  const use = 'Use Model';
  if ((await window.showInformationMessage(message, use)) === use) await useModel(id);
}
