import { dirname } from 'node:path';
import { commands, QuickPickItemKind, window, type QuickPickItem } from 'vscode';
import { namedModel } from '../named-model.js';
import { settings } from '../settings.js';
import { shellInView } from '../status.js';

interface Choice extends QuickPickItem {
  model?: string;
  browse?: 'folder' | 'file';
  download?: true;
}

/** Asks for a model (bundled, downloaded, added, of the workspace, or from the disk) and puts it into the setting. */
export async function chooseModel(): Promise<void> {
  const [{ shelf }, { workspaceModels }, { useModel }] = await Promise.all([
    import('../../hub/shelf.js'),
    import('./workspace.js'),
    import('./actions.js'),
  ]);
  const current = settings(shellInView()?.uri).model;
  const models = shelf();
  const inWorkspace = await workspaceModels();
  const known = [...models.flatMap(({ id, path }) => [id, path]), ...inWorkspace.map(({ path }) => path)];
  const group = (label: string, choices: Choice[]): Choice[] =>
    choices.length > 0 ? [{ label, kind: QuickPickItemKind.Separator }, ...choices] : [];
  const of = (origin: string, detail: (path: string) => string): Choice[] =>
    models.filter((model) => model.origin === origin).map(({ id, path }) => choice(id, id, current, detail(path)));
  const items: Choice[] = [
    ...group(
      'Bundled',
      of('bundled', () => 'a small model organism that comes with the extension'),
    ),
    ...group(
      'Downloaded',
      of('downloaded', (path) => path),
    ),
    ...group(
      'Added',
      of('added', (path) => path),
    ),
    ...group(
      'In this workspace',
      inWorkspace.map(({ id, path }) => choice(id, path, current, path)),
    ),
    ...group('Set', known.includes(current) ? [] : [choice(current, current, current, dirname(current))]),
    { label: 'More', kind: QuickPickItemKind.Separator },
    {
      label: '$(cloud-download) Download from the Hugging Face Hub…',
      detail: 'SmolLM2, Qwen, GPT-2, Pythia, or any other repository',
      download: true,
    },
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
  if (picked.download) return void (await commands.executeCommand('symbolicResidue.models.download'));
  const model = picked.browse ? await browse(picked.browse) : picked.model;
  if (model !== undefined) await useModel(model);
}

function choice(label: string, model: string, current: string, detail: string): Choice {
  return { label, detail, model, description: model === current ? 'in use' : '' };
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
