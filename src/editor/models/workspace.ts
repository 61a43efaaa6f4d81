import { dirname } from 'node:path';
import { FileType, Uri, workspace } from 'vscode';
import type { ModelRow } from '../../hub/protocol.js';

const exclude = '{**/node_modules/**,**/.git/**,**/.venv/**,**/venv/**}';
/** More weight files than this in a workspace are not looked through. */
const most = 500;

/** What a change of which makes the list of the workspace's models another. */
export const weightFiles = '**/*.{safetensors,gguf}';

/**
 * Models of a trusted workspace: folders with safetensors and a config.json, and GGUF files. Found by their names; nothing is opened
 * here, and in an untrusted workspace nothing is looked for.
 */
export async function workspaceModels(): Promise<ModelRow[]> {
  if (!workspace.isTrusted || !workspace.workspaceFolders?.some(({ uri }) => uri.scheme === 'file')) return [];
  const files = (await workspace.findFiles(weightFiles, exclude, most)).filter(({ scheme }) => scheme === 'file');
  const paths = new Set<string>();
  for (const uri of files) {
    if (/-\d{5}-of-\d{5}\.gguf$/i.test(uri.path)) continue;
    if (/\.gguf$/i.test(uri.path)) paths.add(uri.fsPath);
    else if (await isFile(Uri.joinPath(uri, '..', 'config.json'))) paths.add(dirname(uri.fsPath));
  }
  return [...paths].sort().map((path) => ({ id: workspace.asRelativePath(path), path, origin: 'workspace', source: null }));
}

async function isFile(uri: Uri): Promise<boolean> {
  try {
    return ((await workspace.fs.stat(uri)).type & FileType.File) !== 0;
  } catch {
    return false;
  }
}
