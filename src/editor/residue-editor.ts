import { RelativePattern, Uri, window, workspace, type CustomReadonlyEditorProvider, type Disposable } from 'vscode';
import type { Panels } from './panels.js';

/** View type of the editor that shows `*.residue.json` as the residue panel does. */
export const residueEditorType = 'symbolicResidue.residueFile';

/** Milliseconds of quiet after which a file that is being written is read. */
const pause = 200;

/** Opens residue files in the panel's page: nothing is run, no model is opened, also where the workspace is not trusted. */
export function residueEditor(panels: Panels): Disposable {
  const provider: CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => ({ uri, dispose: () => undefined }),
    resolveCustomEditor: ({ uri }, view) => {
      const panel = panels.adoptFile(uri, view);
      const watch = follow(uri, () => void panel.reread());
      view.onDidDispose(() => watch.dispose());
    },
  };
  return window.registerCustomEditorProvider(residueEditorType, provider, { supportsMultipleEditorsPerDocument: false });
}

/** Calls back when a file was written, replaced, deleted or made again, once for a burst of changes. */
function follow(uri: Uri, changed: () => void): Disposable {
  const name = uri.path.slice(uri.path.lastIndexOf('/') + 1);
  const watcher = workspace.createFileSystemWatcher(new RelativePattern(Uri.joinPath(uri, '..'), name.replace(/[[\]{}?*!]/g, '?')));
  let timer: NodeJS.Timeout | undefined;
  const later = (changedFile: Uri): void => {
    if (changedFile.path !== uri.path) return;
    clearTimeout(timer);
    timer = setTimeout(changed, pause);
  };
  const listeners = [watcher, watcher.onDidChange(later), watcher.onDidCreate(later), watcher.onDidDelete(later)];
  return {
    dispose: () => {
      clearTimeout(timer);
      listeners.forEach((listener) => listener.dispose());
    },
  };
}
