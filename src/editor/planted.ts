import { Uri, window, type QuickPickItem } from 'vscode';
import { PLANTED_KINDS, type PlantedKind } from '../planted/kinds.js';

/** What each planted failure shows, for who has to choose one. */
const WORDS: Readonly<Record<PlantedKind, string>> = {
  none: 'nothing is planted, and nothing fails',
  'qk-collapse': 'a head stops looking',
  'ov-misfire': 'a head looks, and writes a rival',
  'trace-drop': 'the answer is written, and a later MLP takes it away',
  conflict: 'two heads oppose one another',
  ghost: 'a head looks and writes nothing, and nothing depends on it',
  'self-repair': 'a backup takes over when the main head is removed',
};

/** Opens the shell of a planted failure: of the kind that is named, else of the one that is picked. */
export async function openPlanted(extension: Uri, kind: unknown): Promise<void> {
  const chosen = PLANTED_KINDS.find((known) => known === kind) ?? (await pick());
  if (chosen === undefined) return;
  await window.showTextDocument(Uri.joinPath(extension, 'shells', 'planted', `${chosen}.shell.yaml`), { preview: false });
}

async function pick(): Promise<PlantedKind | undefined> {
  const items = PLANTED_KINDS.map((kind): QuickPickItem & { planted: PlantedKind } => ({
    label: kind,
    description: WORDS[kind],
    planted: kind,
  }));
  const picked = await window.showQuickPick(items, {
    title: 'Open a planted failure',
    placeHolder: 'Models built weight by weight, so that why they fail is known',
    matchOnDescription: true,
  });
  return picked?.planted;
}
