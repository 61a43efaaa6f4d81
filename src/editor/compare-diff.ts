import { basename } from 'node:path';
import { TabInputTextDiff, window } from 'vscode';
import type { Panels } from './panels.js';
import { isResidueFile, readResidueFile } from './residue-file.js';

/**
 * Of two versions of a residue file that a text diff shows (two commits, a commit and the file): opens the later one in its own editor and
 * compares it with the earlier one there. Gives the comparison's JSON text; undefined when there is none.
 */
export async function compareDiff(panels: Panels): Promise<string | undefined> {
  const input: unknown = window.tabGroups.activeTabGroup.activeTab?.input;
  if (!(input instanceof TabInputTextDiff) || !isResidueFile(input.original) || !isResidueFile(input.modified)) {
    void window.showInformationMessage('Open the changes of a *.residue.json first: its two versions are compared.');
    return undefined;
  }
  const { original, modified } = input;
  const before = await readResidueFile(original);
  if ('problem' in before) return void window.showErrorMessage(`The earlier version cannot be compared: ${before.problem}`);
  const panel = await panels.open(modified);
  return panel?.compare({ json: before.text, file: `${basename(original.path)} (before)` });
}
