import { basename } from 'node:path';
import { env, window, type Uri } from 'vscode';
import type { Residue } from '../residue/types.js';
import { agentBundle } from './agent.js';
import { isResidueFile, readResidueFile } from './residue-file.js';
import type { Results } from './results.js';
import { saveBeside } from './save.js';

/** The residue of a shell's last run, or that of a residue file; undefined, and a sentence shown, where there is none. */
async function residueOf(uri: Uri, results: Results): Promise<Residue | undefined> {
  if (isResidueFile(uri)) {
    const read = await readResidueFile(uri);
    if ('text' in read) return JSON.parse(read.text) as Residue;
    return void window.showErrorMessage(read.problem);
  }
  const residue = await results.residue(uri);
  if (!residue) void window.showInformationMessage('There is no residue to report yet: run the shell first.');
  return residue;
}

/** Asks where to, and saves a residue as one HTML file that opens anywhere. */
export async function saveHtml(uri: Uri, results: Results): Promise<void> {
  const residue = await residueOf(uri, results);
  if (!residue) return;
  const { reportAssets, reportHtml } = agentBundle();
  const stem = basename(uri.path).replace(/\.(shell\.ya?ml|residue\.json|json)$/, '');
  await saveBeside(uri, `${stem}.html`, { HTML: ['html'] }, reportHtml(residue, reportAssets()));
}

/** Copies a residue's summary for a paper or an issue. */
export async function copyMarkdown(uri: Uri, results: Results): Promise<void> {
  const residue = await residueOf(uri, results);
  if (!residue) return;
  await env.clipboard.writeText(agentBundle().formatMarkdown(residue));
  void window.setStatusBarMessage('Copied the summary as Markdown.', 3000);
}
