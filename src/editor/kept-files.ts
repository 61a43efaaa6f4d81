import { Disposable, EventEmitter, FileSystemError, FileType, Uri, workspace, type FileChangeEvent, type FileSystemProvider } from 'vscode';
import type { Results } from './results.js';
import type { RunEntry } from './results/store.js';

/** Scheme under which the residue of an earlier run is a file that can only be read. */
export const keptScheme = 'residue-run';

/** Where the residue of a kept run is read: its name says which shell and when, its query under which key it is kept. */
export function keptUri(shell: Uri, { at, key }: Pick<RunEntry, 'at' | 'key'>): Uri {
  const stem = (shell.path.split('/').at(-1) ?? 'shell').replace(/\.shell\.ya?ml$/, '');
  const time = at.slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  return Uri.from({ scheme: keptScheme, path: `/${stem} ${time}.residue.json`, query: key });
}

/** Serves the residues of earlier runs as files, so that they open in the residue editor, as text, and in a comparison like any other. */
export function keptFiles(results: Results): Disposable {
  const changed = new EventEmitter<FileChangeEvent[]>();
  const read = async (uri: Uri): Promise<Uint8Array> => {
    const text = /^[\w-]+$/.test(uri.query) ? await results.store.text(uri.query) : undefined;
    if (text === undefined) throw FileSystemError.FileNotFound(uri);
    return Buffer.from(text, 'utf8');
  };
  const refuse = (uri: Uri): never => {
    throw FileSystemError.NoPermissions(uri);
  };
  const provider: FileSystemProvider = {
    onDidChangeFile: changed.event,
    watch: () => new Disposable(() => undefined),
    stat: async (uri) => ({ type: FileType.File, ctime: 0, mtime: 0, size: (await read(uri)).length }),
    readFile: read,
    readDirectory: () => [],
    createDirectory: refuse,
    writeFile: refuse,
    delete: refuse,
    rename: refuse,
  };
  const registered = workspace.registerFileSystemProvider(keptScheme, provider, { isReadonly: true, isCaseSensitive: true });
  return { dispose: () => [changed, registered].forEach((d) => d.dispose()) };
}
