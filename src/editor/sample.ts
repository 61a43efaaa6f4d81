import { homedir } from 'node:os';
import { commands, Uri, window, workspace } from 'vscode';

const NAME = 'symbolic-residue-sample';

const README = `# A first residue

1. Open \`v1-memtrace.shell.yaml\` and click **Run shell** above its first line. The panel beside it says whether the prompt failed, where the answer was lost and which heads lost it.
2. Change a word of the prompt, or a number under \`times:\`, and run it again.
3. Open one of \`planted/\`: models built weight by weight, so that why they fail is known. Does the panel say so?
4. Select a sentence in any file and run **Symbolic Residue: Probe Selected Text**.

Each shell says in \`motivation\` what it asks for. \`more/\` has contradictions, negations, causes, steps of thought and questions whose answer was never told.
What every number means: **Symbolic Residue: Open Methods Documentation**.
`;

/**
 * Copies the bundled shells into a new folder and opens it: a place to change and break them in.
 * @param parent Where to make the folder; asked for where it is not given.
 * @returns The new folder; undefined where the user chose none.
 */
export async function openSample(extension: Uri, parent: unknown, open = true): Promise<Uri | undefined> {
  const chosen = parent instanceof Uri ? parent : await chooseParent();
  if (!chosen) return undefined;
  const folder = await unused(chosen);
  await workspace.fs.copy(Uri.joinPath(extension, 'shells'), folder);
  await workspace.fs.writeFile(Uri.joinPath(folder, 'README.md'), new TextEncoder().encode(README));
  // A window that shows a workspace already keeps it.
  if (open) await commands.executeCommand('vscode.openFolder', folder, { forceNewWindow: workspace.workspaceFolders !== undefined });
  return folder;
}

async function chooseParent(): Promise<Uri | undefined> {
  const [uri] =
    (await window.showOpenDialog({
      canSelectFolders: true,
      canSelectFiles: false,
      defaultUri: Uri.file(homedir()),
      openLabel: 'Make It Here',
      title: `Where to make the folder ${NAME}`,
    })) ?? [];
  return uri;
}

/** A folder that does not exist yet. What is there is never written over. */
async function unused(parent: Uri): Promise<Uri> {
  const taken = new Set((await workspace.fs.readDirectory(parent)).map(([name]) => name));
  for (let i = 1; ; i++) {
    const name = i === 1 ? NAME : `${NAME}-${i}`;
    if (!taken.has(name)) return Uri.joinPath(parent, name);
  }
}
