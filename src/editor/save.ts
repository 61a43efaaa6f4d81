import { Uri, window, workspace } from 'vscode';
import type { ToHost } from '../residue/messages.js';
import { residues } from './residues/thread.js';
import type { Results } from './results.js';

type PanelFile = Extract<ToHost, { type: 'save' }>;

const filters: Record<PanelFile['mime'], Record<string, string[]>> = {
  'text/csv': { 'Comma-separated values': ['csv'] },
  'image/png': { 'PNG image': ['png'] },
  'image/svg+xml': { 'SVG image': ['svg'] },
  'application/json': { JSON: ['json'] },
};

/** Asks where a chart or table of the panel shall go, and writes it. */
export async function savePanelFile(shell: Uri, { name, mime, data }: PanelFile): Promise<void> {
  const bytes = mime === 'image/png' ? Buffer.from(data, 'base64') : Buffer.from(data, 'utf8');
  await save(suggested(shell, name.replace(/[\\/:*?"<>|]/g, '-')), filters[mime], bytes);
}

/** Saves the last residue of a shell as `<shell>.residue.json`, in the one form that the command line writes too. */
export async function saveResidue(shell: Uri, results: Results): Promise<void> {
  const json = await results.text(shell);
  if (json === undefined) {
    void window.showInformationMessage('There is no residue to save yet: run the shell first.');
    return;
  }
  const stem =
    shell.path
      .split('/')
      .at(-1)
      ?.replace(/\.shell\.ya?ml$/, '') ?? 'shell';
  await save(
    suggested(shell, `${stem}.residue.json`),
    { Residue: ['residue.json', 'json'] },
    Buffer.from(await residues.ask('file', { json }), 'utf8'),
  );
}

/** Beside the shell's file; for an untitled shell in the workspace folder. */
function suggested(shell: Uri, name: string): Uri {
  if (shell.scheme === 'file') return Uri.joinPath(shell, '..', name);
  const folder = workspace.workspaceFolders?.[0]?.uri;
  return folder ? Uri.joinPath(folder, name) : Uri.file(name);
}

/** Asks where a text shall go, with a name beside a shell's or residue's file offered, and writes it. */
export function saveBeside(uri: Uri, name: string, types: Record<string, string[]>, text: string): Promise<void> {
  return save(suggested(uri, name), types, Buffer.from(text, 'utf8'));
}

async function save(defaultUri: Uri, types: Record<string, string[]>, bytes: Buffer): Promise<void> {
  const target = await window.showSaveDialog({ defaultUri, filters: types, title: 'Save' });
  if (!target) return;
  try {
    await workspace.fs.writeFile(target, bytes);
    void window.setStatusBarMessage(`Saved ${target.path.split('/').at(-1)}.`, 3000);
  } catch (error) {
    void window.showErrorMessage(`${target.fsPath} could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
