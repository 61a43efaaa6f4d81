import { basename } from 'node:path';
import { env, window, type Uri } from 'vscode';
import { isResidueFile, readResidueFile } from './residue-file.js';
import { residues } from './residues/thread.js';
import type { Results } from './results.js';
import { saveBeside } from './save.js';

/** Text of the residue of a shell's last run, or of a residue file; undefined, and a sentence shown, where there is none. */
async function residueOf(uri: Uri, results: Results): Promise<string | undefined> {
  if (isResidueFile(uri)) {
    const read = await readResidueFile(uri);
    if ('text' in read) return read.text;
    return void window.showErrorMessage(read.problem);
  }
  const json = await results.text(uri);
  if (json === undefined) void window.showInformationMessage('There is no residue to report yet: run the shell first.');
  return json;
}

/** Asks where to, and saves a residue as one HTML file that opens anywhere. */
export async function saveHtml(uri: Uri, results: Results): Promise<void> {
  const json = await residueOf(uri, results);
  if (json === undefined) return;
  const stem = basename(uri.path).replace(/\.(shell\.ya?ml|residue\.json|json)$/, '');
  await saveBeside(uri, `${stem}.html`, { HTML: ['html'] }, await residues.ask('html', { json }));
}

/** Copies a residue's summary for a paper or an issue. */
export async function copyMarkdown(uri: Uri, results: Results): Promise<void> {
  const json = await residueOf(uri, results);
  if (json === undefined) return;
  await env.clipboard.writeText(await residues.ask('markdown', { json }));
  void window.setStatusBarMessage('Copied the summary as Markdown.', 3000);
}
