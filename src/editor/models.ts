import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationTarget, QuickPickItemKind, Uri, window, workspace, type QuickPickItem } from 'vscode';
import { namedModel } from './named-model.js';
import { section, settings } from './settings.js';
import { shellInView } from './status.js';

interface Choice extends QuickPickItem {
  model?: string;
  browse?: 'folder' | 'file';
}

/** Asks for a model (bundled, a folder, a file) and puts it into the setting. */
export async function chooseModel(extension: Uri): Promise<void> {
  const current = settings(shellInView()?.uri).model;
  const bundled = await bundledModels(extension);
  const own = bundled.includes(current) ? [] : [current];
  const items: Choice[] = [
    { label: 'Bundled', kind: QuickPickItemKind.Separator },
    ...bundled.map((model) => choice(model, current, 'a small model organism that comes with the extension')),
    ...(own.length
      ? [{ label: 'Set', kind: QuickPickItemKind.Separator }, ...own.map((model) => choice(model, current, dirname(model)))]
      : []),
    { label: 'Your own', kind: QuickPickItemKind.Separator },
    { label: '$(folder-opened) Choose a folder…', detail: 'safetensors with config.json and tokenizer.json', browse: 'folder' },
    { label: '$(file) Choose a file…', detail: '.gguf, .safetensors, or a llama2.c .bin', browse: 'file' },
  ];
  const document = shellInView();
  const named = document && namedModel(document.getText());
  const picked = await window.showQuickPick(items, {
    title: 'Model for shells that name none',
    placeHolder: named ? `The open shell names its own model (${named}) and is not affected.` : `Now: ${current}`,
    matchOnDetail: true,
  });
  if (!picked) return;
  const model = picked.browse ? await browse(picked.browse) : picked.model;
  if (model === undefined) return;
  const configuration = workspace.getConfiguration(section);
  const inWorkspace = configuration.inspect<string>('model')?.workspaceValue !== undefined;
  await configuration.update('model', model, inWorkspace ? ConfigurationTarget.Workspace : ConfigurationTarget.Global);
}

function choice(model: string, current: string, detail: string): Choice {
  return { label: model, detail, model, description: model === current ? 'in use' : '' };
}

async function browse(what: 'folder' | 'file'): Promise<string | undefined> {
  const [uri] =
    (await window.showOpenDialog({
      canSelectFolders: what === 'folder',
      canSelectFiles: what === 'file',
      openLabel: 'Use Model',
      title: what === 'folder' ? "A model's folder" : "A model's file",
      ...(what === 'file' ? { filters: { Models: ['gguf', 'safetensors', 'bin'] } } : {}),
    })) ?? [];
  return uri?.fsPath;
}

/** Ids of the models that come with the extension. */
async function bundledModels(extension: Uri): Promise<string[]> {
  const entries = await readdir(Uri.joinPath(extension, 'media', 'models').fsPath, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
