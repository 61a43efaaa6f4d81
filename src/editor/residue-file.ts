import { basename } from 'node:path';
import { FileSystemError, workspace, type Uri } from 'vscode';
import { residues } from './residues/thread.js';

/** Largest residue file that is opened, bytes: what the engine takes as one text. */
const largest = 64 * 1024 * 1024;

/** Whether a panel shows this file itself, and not the residue of a shell. */
export const isResidueFile = (uri: Uri): boolean => uri.path.endsWith('.json');

/** The text of a residue file, or in one sentence why it cannot be shown. */
export type ReadFile = { text: string } | { problem: string };

/** Reads a residue file, checked: whatever it holds, nothing is thrown. */
export async function readResidueFile(uri: Uri): Promise<ReadFile> {
  const name = basename(uri.path);
  const refuse = (why: string): ReadFile => ({ problem: `${name}: ${why}` });
  let bytes: Uint8Array;
  try {
    const { size } = await workspace.fs.stat(uri);
    if (size > largest) return refuse(`the file has ${size.toLocaleString('en-US')} bytes; the panel opens residues up to 64 MiB.`);
    bytes = await workspace.fs.readFile(uri);
  } catch (error) {
    const gone = error instanceof FileSystemError && error.code === 'FileNotFound';
    return refuse(gone ? 'the file is not there.' : 'the file cannot be read.');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('it is not UTF-8 text, so it is not a residue.');
  }
  try {
    const why = await residues.ask('check', { json: text });
    return why === null ? { text } : refuse(why);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
