import { basename } from 'node:path';
import type { Uri } from 'vscode';
import { window, workspace, type QuickPickItem } from 'vscode';
import type { ComparedText } from '../engine/protocol.js';
import { keptUri } from './kept-files.js';
import { readResidueFile } from './residue-file.js';
import type { Results } from './results.js';

/** Residue files offered. */
const offered = 200;

/** Asks what a residue is to be compared with: its own control, an earlier run of its shell, a residue file of the workspace, or any other. Undefined: nothing. */
export async function chooseOther(self: Uri, text: string, results: Results): Promise<ComparedText | undefined> {
  interface Choice extends QuickPickItem {
    choose: () => Promise<ComparedText | undefined>;
  }
  const read = async (uri: Uri): Promise<ComparedText | undefined> => {
    const found = await readResidueFile(uri);
    if ('text' in found) return { json: found.text, file: basename(uri.path) };
    return void window.showErrorMessage(found.problem);
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
    ...(await earlierRuns(self, text, results)).map(({ label, description, uri }) => ({ label, description, choose: () => read(uri) })),
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

/** The runs of a shell but the one that is shown, the latest first, as far as their residues are kept. */
async function earlierRuns(shell: Uri, text: string, { store }: Results): Promise<{ label: string; description: string; uri: Uri }[]> {
  const entries = [...(await store.history(shell.toString()))].reverse();
  if (entries.length === 0) return [];
  const { clock, marginText, outcomeText } = await import('./results/words.js');
  const kept = await Promise.all(entries.map(({ key }) => store.has(key)));
  return entries
    .filter((entry, i) => kept[i] && !text.includes(JSON.stringify(entry.at)))
    .map((entry) => ({
      label: `$(history) Run of ${clock(entry.at)}`,
      description: [outcomeText(entry.summary), entry.summary.model, marginText(entry.summary)].filter(Boolean).join(' · '),
      uri: keptUri(shell, entry),
    }));
}
