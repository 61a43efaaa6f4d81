import { env, Uri, window, workspace, type Disposable } from 'vscode';
import { InputError } from '../errors.js';
import { isAddressable, readAddress, writeAddress, type Address } from '../residue/address.js';
import type { PanelState } from '../residue/messages.js';
import type { Panels } from './panels.js';

/** Puts the address of a panel's view on the clipboard; says so, or why there is none. */
export async function copyAddress(shown: Uri, view: PanelState['view']): Promise<void> {
  if (shown.scheme === 'untitled' || !isAddressable(shown.path)) {
    void window.showInformationMessage('A link needs a file to lead to: save the shell, or the residue, first.');
    return;
  }
  await env.clipboard.writeText(writeAddress(env.uriScheme, { file: nameOf(shown), view }));
  void window.setStatusBarMessage('Link to the view copied.', 3000);
}

/** Asks for an address, the clipboard's at hand, and opens it. */
export async function openAddress(panels: Panels, given?: unknown): Promise<void> {
  const text = typeof given === 'string' ? given : await askForAddress();
  if (text === undefined) return;
  try {
    const { file, view } = readAddress(text);
    (await panels.open(await find(file)))?.look(view);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    void window.showErrorMessage(error.message);
  }
}

/** Opens addresses that come from outside the editor. Nothing is run by them: a panel shows what there is. */
export function addressHandler(panels: Panels): Disposable {
  return window.registerUriHandler({ handleUri: (uri) => openAddress(panels, uri.toString(true)) });
}

async function askForAddress(): Promise<string | undefined> {
  const why = (text: string): string | undefined => {
    try {
      readAddress(text);
      return undefined;
    } catch (error) {
      return error instanceof InputError ? error.message : String(error);
    }
  };
  const copied = await env.clipboard.readText();
  return window.showInputBox({
    title: 'Open Link to View',
    prompt: 'A link that “Copy Link to View” has made',
    value: why(copied) === undefined ? copied.trim() : '',
    ignoreFocusOut: true,
    validateInput: why,
  });
}

/** A path within the workspace, so that the link serves whoever has the same folder; else the whole URI. */
function nameOf(uri: Uri): string {
  return workspace.getWorkspaceFolder(uri) ? workspace.asRelativePath(uri) : uri.toString();
}

/** The file that an address names. Throws InputError when it is not there. */
async function find(file: Address['file']): Promise<Uri> {
  const folders = workspace.workspaceFolders ?? [];
  const parts = file.split('/');
  const places = /^[a-z][a-z0-9+.-]+:\//i.test(file)
    ? [Uri.parse(file, true)]
    : parts.includes('..')
      ? []
      : folders.flatMap((folder) => [
          Uri.joinPath(folder.uri, ...parts),
          // With several folders open, the first part is a folder's name.
          ...(parts[0] === folder.name ? [Uri.joinPath(folder.uri, ...parts.slice(1))] : []),
        ]);
  for (const place of places)
    try {
      await workspace.fs.stat(place);
      return place;
    } catch {
      continue;
    }
  throw new InputError(
    `The link leads to ${file}, which is not ${folders.length ? 'in this workspace' : 'there: no folder is open'}; open the folder that has it and try again.`,
    { field: 'file' },
  );
}
