import { basename } from 'node:path';
import type { Uri } from 'vscode';
import { window, workspace, type QuickPickItem } from 'vscode';
import type { ComparedText } from '../engine/protocol.js';
import { isResidue } from '../residue/guards.js';

/** Largest residue file that is opened, bytes: what the engine takes as one text. */
const largest = 64 * 1024 * 1024;
/** Residue files offered. */
const offered = 200;

/** Whether a panel shows this file itself, and not the residue of a shell. */
export const isResidueFile = (uri: Uri): boolean => uri.path.endsWith('.json');

/** The text of a residue file; undefined, and a sentence shown, when it cannot be read or is none. */
export async function readResidueFile(uri: Uri): Promise<string | undefined> {
  const name = basename(uri.path);
  const refuse = (why: string): undefined => void window.showErrorMessage(`${name}: ${why}`);
  try {
    const { size } = await workspace.fs.stat(uri);
    if (size > largest) return refuse(`the file has ${size} bytes; the panel opens residues up to ${largest}.`);
    const text = Buffer.from(await workspace.fs.readFile(uri)).toString('utf8');
    if (isResidue(JSON.parse(text))) return text;
    return refuse('it is not a residue; `residue run --out` and “Save Residue As…” write one.');
  } catch (error) {
    return refuse(error instanceof SyntaxError ? 'it is not JSON, so it is not a residue.' : 'the file cannot be read.');
  }
}

/** Asks what a residue is to be compared with: its own control, a residue file of the workspace, or any other. Undefined: nothing. */
export async function chooseOther(self: Uri, text: string): Promise<ComparedText | undefined> {
  interface Choice extends QuickPickItem {
    choose: () => Promise<ComparedText | undefined>;
  }
  const read = async (uri: Uri): Promise<ComparedText | undefined> => {
    const json = await readResidueFile(uri);
    return json === undefined ? undefined : { json, file: basename(uri.path) };
  };
  const files = (await workspace.findFiles('**/*.residue.json', '**/node_modules/**', offered))
    .filter((uri) => uri.toString() !== self.toString())
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const items: Choice[] = [
    // Without making objects of it; that a control was not measured the engine says.
    ...(!/"control":\s*null/.test(text)
      ? [
          {
            label: '$(git-compare) Its own control',
            description: 'the matched prompt that should not fail',
            choose: () => Promise.resolve({ json: text, file: null, prompt: 'control' as const }),
          },
        ]
      : []),
    ...files.map((uri) => ({
      label: `$(file) ${basename(uri.path)}`,
      description: workspace.asRelativePath(uri),
      choose: () => read(uri),
    })),
    {
      label: '$(folder-opened) Another file…',
      choose: async () => {
        const [uri] =
          (await window.showOpenDialog({ title: 'Compare With…', openLabel: 'Compare', filters: { Residue: ['residue.json', 'json'] } })) ??
          [];
        return uri && read(uri);
      },
    },
  ];
  const chosen = await window.showQuickPick(items, { title: 'Compare the residue with…', matchOnDescription: true });
  return chosen?.choose();
}
